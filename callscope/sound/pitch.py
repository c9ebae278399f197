"""The pitch at the end of a region: whether a voice rises, as in a question, or falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from callscope.errors import InvalidSetting
from callscope.ports import NARROWBAND_HZ, Channel
from callscope.timeline import Interval

Doubles = NDArray[np.float64]

_REACH_MS = 1_500
"""How much of a region's end is looked at."""
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 520.0
"""What voices reach, those of children and of great anger included."""
_EDGE = 1.03
"""What lies this close to the bounds is where YIN stopped looking, not what it found."""
_FRAME_MS, _HOP_MS = 64, 20
"""Three and a half periods of the lowest voice in a frame."""
_LEAST_VOICED_MS = 200
_FLOOR_DBFS = -60.0
"""Nothing quieter is a voice."""
_RANGE_DB = 25.0
"""A voice is at most so much quieter than the loudest frame."""
_PERIODICITY = 0.6
"""Correlation of a frame with itself one period later, from which on it is voiced; that of noise is far below."""
_LEAP_ST = 3.0
"""From one frame to the next no voice moves so far: one of the two is an octave off, or a consonant."""


@dataclass(frozen=True, slots=True)
class PitchSlope:
    """Pitch of a stretch of speech; None where too little of it is voiced."""

    median_hz: float | None = None
    slope_st_s: float | None = None
    """Semitones a second; above 0 it rises."""


def end_pitch(channel: Channel, interval: Interval) -> PitchSlope:
    """
    Return the pitch of the last second and a half of an interval.

    Parameters
    ----------
    channel : Channel
        Int16 at 8 or 16 kHz.
    interval : Interval
        A region of speech inside the channel.

    Returns
    -------
    PitchSlope
        The median over all voiced frames, and the Theil-Sen slope: the median of the slopes between any two of them,
        which a quarter of wrong frames doesn't move far. Nothing when less than 200 ms are voiced.

    Raises
    ------
    InvalidSetting
        librosa isn't installed.

    Notes
    -----
    The fundamental is that of YIN (de Cheveigné and Kawahara, 2002), which finds one in anything. Voiced are frames
    that are loud enough, repeat themselves after the period found, and go on from, or into, a neighbour without a leap.
    """
    rate_hz = channel.sample_rate_hz
    first_ms = max(interval.start_ms, interval.end_ms - _REACH_MS)
    samples = channel.samples[first_ms * rate_hz // 1000 : interval.end_ms * rate_hz // 1000]
    frame, hop = _FRAME_MS * rate_hz // 1000, _HOP_MS * rate_hz // 1000
    if len(samples) < _LEAST_VOICED_MS * rate_hz // 1000:
        return PitchSlope()
    wave = samples.astype(np.float64) / 32_768
    windows = np.lib.stride_tricks.sliding_window_view(wave, frame)[::hop]
    loud = _is_loud(windows)
    if np.count_nonzero(loud) * _HOP_MS < _LEAST_VOICED_MS:
        return PitchSlope()
    found_hz = _yin(wave, rate_hz=rate_hz, frame=frame, hop=hop)
    inside = (found_hz > _LOWEST_HZ * _EDGE) & (found_hz < _HIGHEST_HZ / _EDGE)
    periodic = _periodicity(windows, rate_hz / found_hz) >= _PERIODICITY
    voiced = _is_steady(found_hz, loud & inside & periodic)
    if np.count_nonzero(voiced) * _HOP_MS < _LEAST_VOICED_MS:
        return PitchSlope()
    frames, voice_hz = np.flatnonzero(voiced), found_hz[voiced]
    return PitchSlope(round(float(np.median(voice_hz)), 1), round(_slope(frames, voice_hz), 2))


def warm_up() -> None:
    """
    Load and compile what `end_pitch` needs, which its first call would wait for else.

    Raises
    ------
    InvalidSetting
        librosa isn't installed.
    """
    rate_hz = NARROWBAND_HZ
    _yin(np.zeros(rate_hz), rate_hz=rate_hz, frame=_FRAME_MS * rate_hz // 1000, hop=_HOP_MS * rate_hz // 1000)


def _yin(wave: Doubles, *, rate_hz: int, frame: int, hop: int) -> Doubles:
    try:
        import librosa  # noqa: PLC0415 - takes 4 s with what it compiles, and only workers need it
    except ImportError as error:
        raise InvalidSetting(
            "CALLSCOPE_PITCH is on and librosa isn't installed",
            why="install callscope[pitch], or set CALLSCOPE_PITCH=false",
        ) from error

    found_hz: Doubles = librosa.yin(
        wave, fmin=_LOWEST_HZ, fmax=_HIGHEST_HZ, sr=rate_hz, frame_length=frame, hop_length=hop, center=False
    )
    return found_hz


def _is_loud(windows: Doubles) -> NDArray[np.bool_]:
    powers = np.einsum("ij,ij->i", windows, windows) / windows.shape[1]
    loud: NDArray[np.bool_] = powers >= max(10 ** (_FLOOR_DBFS / 10), float(powers.max()) * 10 ** (-_RANGE_DB / 10))
    return loud


def _periodicity(windows: Doubles, periods: Doubles) -> Doubles:
    """Return of each frame its normalised correlation with itself a period later, in [-1, 1]."""
    size = windows.shape[1]
    similarities = np.zeros(len(windows))
    for i, (window, lag) in enumerate(zip(windows, np.rint(periods).astype(int).tolist(), strict=True)):
        early, late = window[: size - lag], window[lag:]
        energy = float(early @ early) * float(late @ late)
        similarities[i] = float(early @ late) / energy**0.5 if energy else 0.0
    return similarities


def _is_steady(found_hz: Doubles, candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the candidates with a candidate beside them to which there is no leap."""
    joined = candidates[1:] & candidates[:-1] & (12 * np.abs(np.diff(np.log2(found_hz))) < _LEAP_ST)
    steady = np.zeros(len(candidates), np.bool_)
    steady[1:] |= joined
    steady[:-1] |= joined
    return steady


def _slope(frames: NDArray[np.intp], voice_hz: Doubles) -> float:
    """Return the median slope between any two frames, in semitones a second."""
    early, late = np.triu_indices(len(frames), 1)
    steps_st = 12 * np.log2(voice_hz[late] / voice_hz[early])
    return float(np.median(steps_st / (frames[late] - frames[early]))) * 1000 / _HOP_MS
