"""The pitch at the end of a region: whether a voice rises, as in a question, or falls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callscope.errors import InvalidSetting
from callscope.ports import NARROWBAND_HZ, Channel
from callscope.timeline import Interval

Floats = NDArray[np.floating]
Mask = NDArray[np.bool_]

_BATCH = 16
"""Stretches looked at together: enough for numpy's costs to be shared, few enough for its caches."""
_FULL_SCALE = 32_768
_REACH_MS = 1_500
"""How much of a region's end is looked at."""
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 520.0
"""What voices reach, those of children and of great anger included."""
_EDGE = 1.03
"""What lies this close to the bounds is where YIN stopped looking, not what it found."""
_FRAME_MS, _HOP_MS = 64, 40
"""Three and a half periods of the lowest voice in a frame; closer frames cost more and tell no more."""
_LEAST_VOICED_MS = 200
_FLOOR_DBFS = -60.0
"""Nothing quieter is a voice."""
_RANGE_DB = 25.0
"""A voice is at most so much quieter than the loudest frame."""
_PERIODICITY = 0.6
"""Correlation of a frame with itself one period later, from which on it is voiced; that of noise is far below."""
_LEAST_ENERGY = 1e-20
"""Squared, of a frame of nothing; it keeps nothing over nothing from being asked."""
_LEAP_ST = 3.0
"""From one frame to the next no voice moves so far: one of the two is an octave off, or a consonant."""


@dataclass(frozen=True, slots=True)
class PitchSlope:
    """Pitch of a stretch of speech; None where too little of it is voiced."""

    median_hz: float | None = None
    slope_st_s: float | None = None
    """Semitones a second; above 0 it rises."""


def end_pitches(stretches: Sequence[tuple[Channel, Interval]]) -> list[PitchSlope]:
    """
    Return the pitch of the last second and a half of each stretch.

    Parameters
    ----------
    stretches : sequence of (Channel, Interval)
        Regions of speech inside their channels, all of one rate: int16 at 8 or 16 kHz.

    Returns
    -------
    list of PitchSlope
        In their order. The median over all voiced frames, and the Theil-Sen slope: the median of the slopes between
        any two of them, which a quarter of wrong frames doesn't move far. Nothing when less than 200 ms are voiced.

    Raises
    ------
    InvalidSetting
        librosa isn't installed.

    Notes
    -----
    The fundamental is that of YIN (de Cheveigné and Kawahara, 2002), which finds one in anything. Voiced are frames
    that are loud enough, repeat themselves after the period found, and go on from, or into, a neighbour without a leap.
    """
    batches = (stretches[first : first + _BATCH] for first in range(0, len(stretches), _BATCH))
    return [found for batch in batches for found in _end_pitches(batch)]


def _end_pitches(stretches: Sequence[tuple[Channel, Interval]]) -> list[PitchSlope]:
    rate_hz = stretches[0][0].sample_rate_hz
    frame, hop = _FRAME_MS * rate_hz // 1000, _HOP_MS * rate_hz // 1000
    waves = np.zeros((len(stretches), _REACH_MS * rate_hz // 1000), np.float32)
    sizes = np.zeros((len(stretches), 1), np.intp)
    for row, (channel, interval) in enumerate(stretches):
        first_ms = max(interval.start_ms, interval.end_ms - _REACH_MS)
        samples = channel.samples[first_ms * rate_hz // 1000 : interval.end_ms * rate_hz // 1000]
        waves[row, : len(samples)] = samples / np.float32(_FULL_SCALE)
        sizes[row] = len(samples)
    windows = np.lib.stride_tricks.sliding_window_view(waves, frame, axis=1)[:, ::hop]
    whole = np.arange(windows.shape[1]) * hop + frame <= sizes
    found_hz = _yin(waves, rate_hz=rate_hz, frame=frame, hop=hop)
    inside = (found_hz > _LOWEST_HZ * _EDGE) & (found_hz < _HIGHEST_HZ / _EDGE)
    longest = math.ceil(rate_hz / _LOWEST_HZ)
    periods = np.minimum(np.rint(rate_hz / found_hz).astype(int), longest)
    periodic = _periodicity(windows, periods, longest=longest) >= _PERIODICITY
    voiced = _is_steady(found_hz, whole & _is_loud(windows) & inside & periodic)
    return [_slope(np.flatnonzero(frames), voice_hz[frames]) for frames, voice_hz in zip(voiced, found_hz, strict=True)]


def warm_up() -> None:
    """
    Load and compile what `end_pitches` needs, which its first call would wait for else.

    Raises
    ------
    InvalidSetting
        librosa isn't installed.
    """
    rate_hz = NARROWBAND_HZ
    _yin(
        np.zeros(rate_hz, np.float32), rate_hz=rate_hz, frame=_FRAME_MS * rate_hz // 1000, hop=_HOP_MS * rate_hz // 1000
    )


def _yin(waves: Floats, *, rate_hz: int, frame: int, hop: int) -> Floats:
    try:
        import librosa  # noqa: PLC0415 - takes 4 s with what it compiles, and only workers need it
    except ImportError as error:
        raise InvalidSetting(
            "CALLSCOPE_PITCH is on and librosa isn't installed",
            why="install callscope[pitch], or set CALLSCOPE_PITCH=false",
        ) from error

    found_hz: Floats = librosa.yin(
        waves, fmin=_LOWEST_HZ, fmax=_HIGHEST_HZ, sr=rate_hz, frame_length=frame, hop_length=hop, center=False
    )
    return found_hz


def _is_loud(windows: Floats) -> Mask:
    powers = np.einsum("rij,rij->ri", windows, windows) / windows.shape[-1]
    loudest = powers.max(axis=1, keepdims=True)
    loud: Mask = powers >= np.maximum(10 ** (_FLOOR_DBFS / 10), loudest * 10 ** (-_RANGE_DB / 10))
    return loud


def _periodicity(windows: Floats, periods: NDArray[np.int_], *, longest: int) -> Floats:
    """Return of each frame its normalised correlation with itself a period later, in [-1, 1]."""
    reach = windows.shape[-1] - longest
    rows, frames = np.ogrid[: windows.shape[0], : windows.shape[1]]
    early = windows[..., :reach]
    late = windows[rows[..., np.newaxis], frames[..., np.newaxis], periods[..., np.newaxis] + np.arange(reach)]
    energies = np.einsum("rij,rij->ri", early, early) * np.einsum("rij,rij->ri", late, late)
    similarities: Floats = np.einsum("rij,rij->ri", early, late) / np.sqrt(np.maximum(energies, _LEAST_ENERGY))
    return similarities


def _is_steady(found_hz: Floats, candidates: Mask) -> Mask:
    """Return the candidates with a candidate beside them to which there is no leap."""
    leaps_st = 12 * np.abs(np.diff(np.log2(found_hz), axis=1))
    joined = candidates[:, 1:] & candidates[:, :-1] & (leaps_st < _LEAP_ST)
    steady = np.zeros_like(candidates)
    steady[:, 1:] |= joined
    steady[:, :-1] |= joined
    return steady


def _slope(frames: NDArray[np.intp], voice_hz: Floats) -> PitchSlope:
    """Return what voiced frames tell."""
    if len(frames) * _HOP_MS < _LEAST_VOICED_MS:
        return PitchSlope()
    early, late = np.triu_indices(len(frames), 1)
    voice_st = 12 * np.log2(voice_hz)
    slope = float(np.median((voice_st[late] - voice_st[early]) / (frames[late] - frames[early]))) * 1000 / _HOP_MS
    return PitchSlope(round(float(np.median(voice_hz)), 1), round(slope, 2))
