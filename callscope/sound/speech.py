"""From scores and samples to stretches of time: who speaks when, what else sounds, and what is only an echo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from callscope.errors import RegionOutsideRecording
from callscope.ports import SAMPLE_RATE_HZ, SCORE_FRAME_MS, Samples, Scores
from callscope.sound.frames import (
    SILENCE_DBFS,
    Levels,
    Mask,
    Runs,
    as_intervals,
    bridge,
    cover,
    find_runs,
    frame_levels,
)
from callscope.timeline import Interval, gaps, intersection

_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
_CALM_MS = 100
"""The quietest place is sought in averages over so long: less would find a gap inside a syllable."""
_SMOOTH_MS = 50
"""Levels of two channels are compared in averages over so long: less would show the pulses of a voice."""
_NOISY_DB = 10.0
"""What is louder than a region's loud parts less this is taken for its sound in any noise."""
_CONTEXT_MS = 1_000
"""Whether a short region is an echo shows in what is around it."""
_COURSE_DB = 25.0
"""Range of a level's course; what is below is noise."""
_AUDIBLE_DB = 20.0
"""Sound this far below a region's loud parts doesn't say whose it is."""


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


def find_speech(scores: Scores, samples: Samples, *, options: SpeechOptions) -> list[Interval]:
    """
    Return the regions in which a channel speaks.

    A region begins and ends where its sound does, within ``refine_ms`` of what the scores say: a detector's
    look-ahead and hang-over would else shorten every silence and lengthen every interruption.

    Parameters
    ----------
    scores : array of float32, shape (frames,)
        Probability of speech for every 10 ms.
    samples : array of float32, shape (n,)
        The channel in [-1, 1] at 16 kHz.
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
    levels = frame_levels(samples)
    if len(scores) > len(levels) + 1:
        raise RegionOutsideRecording(f"there are {len(scores)} scores for {len(levels)} frames of sound")
    likely = scores[: len(levels)] >= options.speech_off
    certain = _count(scores[: len(levels)] >= options.speech_on)
    candidates = find_runs(likely)
    speech = candidates[_within(candidates, certain) > 0]
    regions = bridge(speech, options.min_silence_ms)
    spoken = _within(regions, _count(cover(speech, len(levels))))
    regions = regions[spoken * SCORE_FRAME_MS >= options.min_speech_ms]
    return as_intervals(_cut(_refine(regions, levels, options), levels, options))


def find_gap_sounds(samples: Samples, speech: Sequence[Interval], *, options: SpeechOptions) -> list[Interval]:
    """
    Return the sounds outside speech that are long and loud enough to have a name: laughter, breath, music.

    Parameters
    ----------
    samples : array of float32, shape (n,)
        The channel in [-1, 1] at 16 kHz.
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
    levels = frame_levels(samples)
    margin_ms = options.speech_margin_ms
    near_speech = [Interval(max(0, i.start_ms - margin_ms), i.end_ms + margin_ms) for i in speech]
    free = gaps(near_speech, within=Interval(0, len(levels) * SCORE_FRAME_MS))
    active = as_intervals(bridge(find_runs(levels >= options.min_sound_dbfs), options.sound_pause_ms))
    frames = [
        (-(-sound.start_ms // SCORE_FRAME_MS), sound.end_ms // SCORE_FRAME_MS)
        for sound in intersection(active, free)
        if sound.duration_ms >= options.min_sound_ms
    ]
    return as_intervals(_cut(np.array(frames, np.int64).reshape(-1, 2), levels, options))


def remove_leaks(
    channels: Sequence[Samples], regions: Sequence[Sequence[Interval]], *, options: SpeechOptions
) -> list[list[Interval]]:
    """
    Return the regions without those parts that are another channel's echo.

    Echo is sound that stays ``leak_db`` below another channel for ``min_leak_ms`` and rises and falls with it, within
    ``leak_delay_ms``. Somebody who speaks softly while another shouts does neither for long. A region is dropped when
    nearly all of it is echo, else only the echo is taken out of it.

    Parameters
    ----------
    channels : sequence of array of float32, shape (n,)
        All channels of the call, of one length.
    regions : sequence of sequence of Interval
        For each channel, disjoint and ascending.
    options : SpeechOptions
        Thresholds and durations.

    Returns
    -------
    list of list of Interval
        For each channel, disjoint and ascending, each inside one of the given regions.
    """
    if len(channels) == 1:
        return [list(regions[0])]
    levels = [frame_levels(samples, smooth_ms=_SMOOTH_MS) for samples in channels]
    kept: list[list[Interval]] = []
    for channel, found in enumerate(regions):
        others = np.maximum.reduce([level for i, level in enumerate(levels) if i != channel])
        excess_db = _loudest_before(others, options) - levels[channel]
        kept.append(
            [part for region in found for part in _own_parts(region, levels[channel], others, excess_db, options)]
        )
    return kept


def loudness_dbfs(samples: Samples, interval: Interval) -> float:
    """
    Return the root mean square of an interval relative to full scale, in decibels; `SILENCE_DBFS` at least.

    Raises
    ------
    RegionOutsideRecording
        The interval ends after the samples do.
    """
    if interval.end_ms * _SAMPLES_PER_MS > len(samples):
        raise RegionOutsideRecording(
            f"a region ends at {interval.end_ms} ms of a channel of {len(samples) // _SAMPLES_PER_MS} ms"
        )
    part = samples[interval.start_ms * _SAMPLES_PER_MS : interval.end_ms * _SAMPLES_PER_MS]
    power = float(np.dot(part, part)) / max(1, len(part))
    return max(SILENCE_DBFS, 10 * float(np.log10(max(power, 1e-12))))


def _count(mask: Mask) -> Runs:
    """Return how many frames are true before each frame and before the end, shape (frames + 1,)."""
    return np.concatenate([[0], np.cumsum(mask)])


def _within(runs: Runs, counted: Runs) -> Runs:
    """Return how many of the counted frames lie in each run, shape (n,)."""
    within: Runs = counted[runs[:, 1]] - counted[runs[:, 0]]
    return within


def _refine(runs: Runs, levels: Levels, options: SpeechOptions) -> Runs:
    """Move each bound to where the sound starts or stops: outwards while it lasts, else inwards to where it is."""
    if len(runs) == 0:
        return runs
    reach = options.refine_ms // SCORE_FRAME_MS
    outside = levels[~cover(runs, len(levels))]
    noise = float(np.percentile(outside, 10)) if len(outside) else SILENCE_DBFS
    middles = (runs[:-1, 1] + runs[1:, 0]) // 2
    lefts = np.concatenate([[0], middles])
    rights = np.concatenate([middles, [len(levels)]])
    refined = runs.copy()
    for i, (start, end) in enumerate(runs.tolist()):
        loud = float(np.percentile(levels[start:end], 90))
        floor = max(loud - options.speech_range_db, min(noise + options.above_noise_db, loud - _NOISY_DB))
        first, last = max(lefts[i], start - reach), min(rights[i], end + reach)
        audible = levels[first:last] >= floor
        inwards = min(reach + 1, end - start)
        refined[i, 0] = first + _onset(audible, start - first, inwards)
        refined[i, 1] = last - _onset(audible[::-1], last - end, inwards)
    return refined


def _onset(audible: Mask, at: int, frames: int) -> int:
    """Return where the sound around frame ``at`` begins; ``at`` itself when so many frames from there have none."""
    if audible[at]:
        quiet = np.flatnonzero(~audible[:at])
        return int(quiet[-1]) + 1 if len(quiet) else 0
    heard = np.flatnonzero(audible[at : at + frames])
    return at + int(heard[0]) if len(heard) else at


def _cut(runs: Runs, levels: Levels, options: SpeechOptions) -> Runs:
    """Cut runs that are too long at the quietest place of their last third."""
    longest = options.max_region_ms // SCORE_FRAME_MS
    shortest = options.min_speech_ms // SCORE_FRAME_MS
    if len(runs) == 0 or int((runs[:, 1] - runs[:, 0]).max()) <= longest:
        return runs
    width = _CALM_MS // SCORE_FRAME_MS
    calm = np.convolve(levels, np.full(width, 1 / width, np.float32), mode="same")
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


def _loudest_before(levels: Levels, options: SpeechOptions) -> Levels:
    """Return for each frame the loudest of those that may echo in it, shape (frames,)."""
    behind, ahead = options.leak_delay_ms // SCORE_FRAME_MS, _SMOOTH_MS // SCORE_FRAME_MS // 2
    around = np.pad(levels, (behind, ahead), mode="edge")
    loudest: Levels = np.lib.stride_tricks.sliding_window_view(around, behind + ahead + 1).max(axis=1)
    return loudest


def _own_parts(
    region: Interval, levels: Levels, others: Levels, excess_db: Levels, options: SpeechOptions
) -> list[Interval]:
    """Return the parts of a region that are no echo of others, which exceed it by so much."""
    start, end = region.start_ms // SCORE_FRAME_MS, min(len(levels), -(-region.end_ms // SCORE_FRAME_MS))
    level = levels[start:end]
    audible = level >= float(np.percentile(level, 90)) - _AUDIBLE_DB
    echo = audible & (excess_db[start:end] >= options.leak_db)
    if not echo.any():
        return [region]
    frames = len(level)

    def is_echo(first: int, last: int) -> bool:
        """Whether a stretch of the region is one; a short one is judged with what is around the region."""
        missing = max(0, _CONTEXT_MS // SCORE_FRAME_MS - (last - first))
        before, after = missing * (first == 0), missing * (last == frames)
        similarity = _similarity(levels, others, max(0, start + first - before), start + last + after, options)
        return similarity >= options.leak_similarity

    if echo.sum() >= options.leak_share * audible.sum() and is_echo(0, frames):
        return []
    foreign = find_runs(~audible | echo)
    foreign = foreign[(foreign[:, 1] - foreign[:, 0]) * SCORE_FRAME_MS >= options.min_leak_ms]
    foreign = foreign[_within(foreign, _count(echo)) > 0]
    foreign = foreign[[is_echo(first, last) for first, last in foreign.tolist()]]
    parts = find_runs(~cover(foreign, frames))
    spoken = _within(parts, _count(audible)) * SCORE_FRAME_MS
    return [
        Interval(max(region.start_ms, part.start_ms), min(region.end_ms, part.end_ms))
        for part in as_intervals(parts[spoken >= options.min_speech_ms] + start)
    ]


def _similarity(levels: Levels, others: Levels, start: int, end: int, options: SpeechOptions) -> float:
    """
    Return how alike the ups and downs of two channels' levels are, at the echo delay that fits best.

    An echo rises and falls with its source: correlation over a second 0.8 and more, through every codec. Two people
    who talk at once stay under 0.6, however softly one of them speaks.
    """
    latest = options.leak_delay_ms // SCORE_FRAME_MS
    first = max(start, latest)  # what came before the call is unknown
    if first >= min(end, len(levels)):
        return 0.0
    own = _shape(levels[first:end])
    sources = np.lib.stride_tricks.sliding_window_view(others[first - latest : end], len(own))
    return max(float(np.dot(own, _shape(source))) for source in sources)


def _shape(levels: Levels) -> Levels:
    """Return the course of the loud parts, of mean 0 and norm 1; of a level without a course, zeros."""
    audible = np.maximum(levels, float(np.percentile(levels, 95)) - _COURSE_DB)
    course: Levels = audible - audible.mean()
    norm = float(np.sqrt(np.dot(course, course)))
    return course / norm if norm > 0 else course
