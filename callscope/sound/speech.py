"""From scores and levels to stretches of time: who speaks when, and what else sounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from callscope.errors import RegionOutsideRecording
from callscope.ports import SCORE_FRAME_MS, Scores
from callscope.sound.frames import (
    SILENCE_DBFS,
    Levels,
    Powers,
    Runs,
    as_intervals,
    as_runs,
    bridge,
    count_within,
    cover,
    find_runs,
    percentile,
    to_levels,
)
from callscope.timeline import Interval

_CALM_MS = 100
"""The quietest place is sought in averages over so long: less would find a gap inside a syllable."""
_NOISY_DB = 10.0
"""What is louder than a region's loud parts less this is taken for its sound in any noise."""
_LEAST_SLOPE_MS = 100
"""A level's slope over less is that of a syllable."""


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """Where speech begins and ends; times in milliseconds, levels in decibels."""

    speech_on: float = 0.5
    """A score at least this high makes its stretch speech."""
    speech_off: float = 0.35
    """Speech goes on while the score is at least this high."""
    min_speech_ms: int = 120
    """A region with less speech in it is a click."""
    min_silence_ms: int = 450
    """Speech that pauses for this long ends its region."""
    max_region_ms: int = 29_500
    """A longer region is cut; the recogniser reads 30 s, of which context on both sides takes its part."""
    refine_ms: int = 100
    """Bounds move at most this far to where the sound really starts or stops."""
    speech_range_db: float = 30.0
    """Sound this far below a region's loud parts is no part of its speech."""
    above_noise_db: float = 6.0
    """Sound must rise so far out of the channel's noise to move a bound."""
    min_sound_ms: int = 550
    """A sound outside speech that is shorter is left out."""
    min_sound_dbfs: float = -48.0
    """A sound outside speech that is quieter is left out."""
    sound_pause_ms: int = 400
    """Shorter pauses are within one sound, as between the bursts of a laugh or a fit of coughing."""
    speech_margin_ms: int = 100
    """Sound this close to speech is the speech's own beginning or end."""
    leak_db: float = 15.0
    """Where another channel is so much louder, this channel has only its echo."""
    leak_delay_ms: int = 200
    """An echo comes at most this much later."""
    min_leak_ms: int = 400
    """Echo that lasts this long is taken out of a region."""
    leak_similarity: float = 0.7
    """Correlation of the two channels' levels from which on the softer one is an echo, not somebody speaking softly."""
    leak_share: float = 0.8
    """A region with this share of its sound covered by echo is dropped whole."""


def find_speech(scores: Scores, levels: Levels, *, options: SpeechOptions) -> list[Interval]:
    """
    Return the regions in which a channel speaks.

    A region begins and ends where its sound does, within ``refine_ms`` of what the scores say: a detector's
    look-ahead and hang-over would else shorten every silence and lengthen every interruption.

    Parameters
    ----------
    scores : array of float32, shape (frames,)
        Probability of speech for every 10 ms.
    levels : array of float64, shape (frames,)
        The channel's loudness in dBFS.
    options : SpeechOptions
        Thresholds and durations.

    Returns
    -------
    list of Interval
        Disjoint, ascending, inside the channel, none longer than ``max_region_ms``. A longer region is cut at the
        quietest place of its last third; regions apart by ``min_silence_ms`` are never joined.

    Raises
    ------
    RegionOutsideRecording
        There are scores for frames that the channel doesn't have.
    """
    if len(scores) > len(levels) + 1:
        raise RegionOutsideRecording(f"there are {len(scores)} scores for {len(levels)} frames of sound")
    scores = scores[: len(levels)]
    candidates = find_runs(scores >= options.speech_off)
    speech = candidates[count_within(candidates, scores >= options.speech_on) > 0]
    regions = bridge(speech, options.min_silence_ms)
    spoken = count_within(regions, cover(speech, len(levels)))
    regions = regions[spoken * SCORE_FRAME_MS >= options.min_speech_ms]
    return as_intervals(_cut(_refine(regions, levels, options), levels, options))


def find_gap_sounds(levels: Levels, speech: Sequence[Interval], *, options: SpeechOptions) -> list[Interval]:
    """
    Return the sounds outside speech that are long and loud enough to have a name: laughter, breath, music.

    Parameters
    ----------
    levels : array of float64, shape (frames,)
        The channel's loudness in dBFS.
    speech : sequence of Interval
        Regions of speech on this channel, in any order.
    options : SpeechOptions
        Thresholds and durations.

    Returns
    -------
    list of Interval
        Disjoint, ascending, outside ``speech`` and its margins, inside the channel, none longer than
        ``max_region_ms``, none shorter than ``min_sound_ms`` but the last piece of one that was cut.
    """
    margin = -(-options.speech_margin_ms // SCORE_FRAME_MS)
    near_speech = np.clip(as_runs(speech) + np.array([-margin, margin]), 0, len(levels))
    active = bridge(find_runs(levels >= options.min_sound_dbfs), options.sound_pause_ms)
    sounds = find_runs(cover(active, len(levels)) & ~cover(near_speech, len(levels)))
    long = (sounds[:, 1] - sounds[:, 0]) * SCORE_FRAME_MS >= options.min_sound_ms
    return as_intervals(_cut(sounds[long], levels, options))


def loudness_dbfs(powers: Powers, interval: Interval) -> float:
    """
    Return the root mean square of the frames that an interval touches relative to full scale, in decibels.

    `SILENCE_DBFS` at least.

    Raises
    ------
    RegionOutsideRecording
        The interval ends after the channel's last whole frame.
    """
    inside = _frames_of(powers, interval)
    power = float(inside.sum()) / max(1, len(inside))
    return max(SILENCE_DBFS, 10 * math.log10(max(power, 1e-12)))


def level_slope_db_s(powers: Powers, interval: Interval) -> float | None:
    """
    Return how fast an interval's level rises (above 0) or fades, in dB a second.

    Parameters
    ----------
    powers : array of float64, shape (frames,)
        The channel's mean squares.
    interval : Interval
        A region of the channel.

    Returns
    -------
    float or None
        Slope of the least-squares line through the levels of the frames that the interval touches; None when they
        last less than 100 ms together.

    Raises
    ------
    RegionOutsideRecording
        The interval ends after the channel's last whole frame.
    """
    levels = to_levels(_frames_of(powers, interval))
    count = len(levels)
    if count * SCORE_FRAME_MS < _LEAST_SLOPE_MS:
        return None
    # Frames are evenly spaced, so the sum of squared distances to their middle has a closed form.
    distances = np.arange(count) - (count - 1) / 2
    slope_db_frame = float(distances @ levels) / (count * (count**2 - 1) / 12)
    return round(slope_db_frame * 1000 / SCORE_FRAME_MS, 2)


def _frames_of(powers: Powers, interval: Interval) -> Powers:
    start, end = interval.start_ms // SCORE_FRAME_MS, -(-interval.end_ms // SCORE_FRAME_MS)
    if end > len(powers):
        raise RegionOutsideRecording(
            f"a region ends at {interval.end_ms} ms of a channel of {len(powers) * SCORE_FRAME_MS} ms"
        )
    return powers[start:end]


def _refine(runs: Runs, levels: Levels, options: SpeechOptions) -> Runs:
    """Move each bound to where the sound starts or stops: outwards while it lasts, else inwards to where it is."""
    if len(runs) == 0:
        return runs
    reach = options.refine_ms // SCORE_FRAME_MS
    outside = levels[~cover(runs, len(levels))]
    noise = float(percentile(outside, 10)[0]) if len(outside) else SILENCE_DBFS
    loud = np.concatenate([percentile(levels[start:end], 90) for start, end in runs.tolist()])
    floors = np.maximum(loud - options.speech_range_db, np.minimum(noise + options.above_noise_db, loud - _NOISY_DB))
    starts, ends = runs[:, 0], runs[:, 1]
    middles = (ends[:-1] + starts[1:]) // 2
    room_left = starts - np.concatenate([[0], middles])
    room_right = np.concatenate([middles, [len(levels)]]) - ends
    steps = np.arange(-reach, reach + 1)

    def shifts(at: Runs, direction: int, room: Runs) -> Runs:
        """Return by how many frames the bounds whose innermost frame is ``at`` move inwards; outwards is negative."""
        frames = at[:, np.newaxis] + direction * steps
        allowed = (steps >= -room[:, np.newaxis]) & (steps < (ends - starts)[:, np.newaxis])
        audible = allowed & (levels[np.clip(frames, 0, len(levels) - 1)] >= floors[:, np.newaxis])
        outwards = np.logical_and.accumulate(audible[:, :reach][:, ::-1], axis=1).sum(axis=1)
        inwards = audible[:, reach:].argmax(axis=1)
        moved: Runs = np.where(audible[:, reach], -outwards, inwards)
        return moved

    return np.stack([starts + shifts(starts, 1, room_left), ends - shifts(ends - 1, -1, room_right)], axis=1)


def _cut(runs: Runs, levels: Levels, options: SpeechOptions) -> Runs:
    """Cut runs that are too long at the quietest place of their last third."""
    longest = options.max_region_ms // SCORE_FRAME_MS
    shortest = options.min_speech_ms // SCORE_FRAME_MS
    if len(runs) == 0 or int((runs[:, 1] - runs[:, 0]).max()) <= longest:
        return runs
    width = _CALM_MS // SCORE_FRAME_MS
    # Sums of the same levels differ in their last bits by the order; rounded, the same file is cut alike everywhere.
    calm = np.convolve(levels, np.full(width, 1 / width), mode="same").round(3)
    pieces: list[tuple[int, int]] = []
    for run_start, end in runs.tolist():
        start = run_start
        while end - start > longest:
            first, last = start + longest * 2 // 3, min(start + longest, end - shortest)
            cut = last - int(np.argmin(calm[first : last + 1][::-1]))
            pieces.append((start, cut))
            start = cut
        pieces.append((start, end))
    return np.array(pieces, np.int64)
