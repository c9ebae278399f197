"""What one channel hears of another: its echo is found by its level, and taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from callscope.ports import SCORE_FRAME_MS
from callscope.sound.frames import (
    SILENCE_DBFS,
    Levels,
    Mask,
    Powers,
    as_intervals,
    as_runs,
    count_within,
    cover,
    find_runs,
    percentile,
    smooth,
    to_levels,
)
from callscope.sound.speech import SpeechOptions
from callscope.timeline import Interval

_SMOOTH_MS = 50
"""Levels of two channels are compared in averages over so long: less would show the pulses of a voice."""
_CONTEXT_MS = 1_000
"""Whether a short region is an echo shows in what is around it."""
_COURSE_DB = 25.0
"""Range of a level's course; what is below is noise."""
_FLAT_DB = 0.1
"""A level that varies less has no course."""
_AUDIBLE_DB = 20.0
"""Sound this far below a region's loud parts doesn't say whose it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A channel, and what may echo in it."""

    own: Levels
    others: Levels
    """The loudest of all other channels."""
    drowned: Mask
    """Where the others are, or just were, louder by ``leak_db``."""


def compare_channels(powers: Sequence[Powers], *, options: SpeechOptions) -> list[Line]:
    """
    Hold each channel against all others.

    Parameters
    ----------
    powers : sequence of array of float64, shape (frames,)
        Of all channels of the call, of one length.
    options : SpeechOptions
        What an echo is.

    Returns
    -------
    list of Line
        One for each channel.
    """
    levels = [to_levels(smooth(power, _SMOOTH_MS)) for power in powers]
    lines = []
    for channel, own in enumerate(levels):
        quiet = np.full(len(own), SILENCE_DBFS)
        others = np.maximum.reduce([quiet, *(level for i, level in enumerate(levels) if i != channel)])
        lines.append(Line(own, others, _loudest_before(others, options) - own >= options.leak_db))
    return lines


def remove_leaks(line: Line, regions: Sequence[Interval], *, options: SpeechOptions) -> list[Interval]:
    """
    Return a channel's regions without those parts that are another channel's echo.

    Echo is sound that stays ``leak_db`` below another channel for ``min_leak_ms`` and rises and falls with it, within
    ``leak_delay_ms``. Somebody who speaks softly while another shouts does neither for long. A region is dropped when
    nearly all of it is echo, else only the echo is taken out of it.

    Parameters
    ----------
    line : Line
        The channel.
    regions : sequence of Interval
        Of this channel, disjoint and ascending.
    options : SpeechOptions
        Thresholds and durations.

    Returns
    -------
    list of Interval
        Disjoint and ascending, each inside one of the given regions.
    """
    runs = np.minimum(as_runs(regions), len(line.own))
    suspect = count_within(runs, line.drowned) > 0
    return [
        part
        for region, run, is_suspect in zip(regions, runs.tolist(), suspect.tolist(), strict=True)
        for part in (_own_parts(line, region, run, options) if is_suspect else [region])
    ]


def _loudest_before(levels: Levels, options: SpeechOptions) -> Levels:
    """Return for each frame the loudest of those that may echo in it, shape (frames,)."""
    behind, ahead = options.leak_delay_ms // SCORE_FRAME_MS, _SMOOTH_MS // SCORE_FRAME_MS // 2
    loudest = np.concatenate([np.full(behind, levels[0]), levels, np.full(ahead, levels[-1])])
    width = 1
    while width <= behind + ahead:  # each step doubles what a frame has seen, or completes it
        step = min(width, behind + ahead + 1 - width)
        loudest = np.maximum(loudest[:-step], loudest[step:])
        width += step
    return loudest


def _own_parts(line: Line, region: Interval, run: Sequence[int], options: SpeechOptions) -> list[Interval]:
    """Return the parts of a region, whose frames are ``run``, that are no echo."""
    start, end = run
    level = line.own[start:end]
    audible = level >= percentile(level, 90) - _AUDIBLE_DB
    echo = audible & line.drowned[start:end]
    if not echo.any():
        return [region]
    frames = len(level)

    def is_echo(first: int, last: int) -> bool:
        """Whether a stretch of the region is one; a short one is judged with what is around the region."""
        missing = max(0, _CONTEXT_MS // SCORE_FRAME_MS - (last - first))
        before, after = missing * (first == 0), missing * (last == frames)
        similarity = _similarity(line, max(0, start + first - before), start + last + after, options)
        return similarity >= options.leak_similarity

    if echo.sum() >= options.leak_share * audible.sum() and is_echo(0, frames):
        return []
    foreign = find_runs(~audible | echo)
    foreign = foreign[(foreign[:, 1] - foreign[:, 0]) * SCORE_FRAME_MS >= options.min_leak_ms]
    foreign = foreign[count_within(foreign, echo) > 0]
    foreign = foreign[[is_echo(first, last) for first, last in foreign.tolist()]]
    parts = find_runs(~cover(foreign, frames))
    spoken = count_within(parts, audible) * SCORE_FRAME_MS
    return [
        Interval(max(region.start_ms, part.start_ms), min(region.end_ms, part.end_ms))
        for part in as_intervals(parts[spoken >= options.min_speech_ms] + start)
    ]


def _similarity(line: Line, start: int, end: int, options: SpeechOptions) -> float:
    """
    Return how alike the ups and downs of a channel and of the others are, at the echo delay that fits best.

    An echo rises and falls with its source: correlation over a second 0.8 and more, through every codec. Two people
    who talk at once stay under 0.6, however softly one of them speaks.
    """
    latest = options.leak_delay_ms // SCORE_FRAME_MS
    first = max(start, latest)  # what came before the call is unknown
    end = min(end, len(line.own))
    if first >= end:
        return 0.0
    sources = np.lib.stride_tricks.sliding_window_view(line.others[first - latest : end], end - first)
    return float((_courses(sources) @ _courses(line.own[first:end])).max())


def _courses(levels: Levels) -> Levels:
    """Return each row's ups and downs in its loud parts, of mean 0 and norm 1; of a flat row, zeros."""
    audible = np.maximum(levels, percentile(levels, 95) - _COURSE_DB)
    audible -= audible.mean(axis=-1, keepdims=True)
    norm = np.sqrt(np.vecdot(audible, audible))[..., np.newaxis]
    flat = norm < _FLAT_DB * np.sqrt(levels.shape[-1])
    return np.where(flat, 0.0, audible / np.where(flat, 1.0, norm))
