"""Segmentation by its rules, one frame after the other: slow, and plain enough to be right at sight."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from callscope.ports import SCORE_FRAME_MS, Scores
from callscope.sound.frames import SILENCE_DBFS, Levels, Powers
from callscope.sound.speech import SpeechOptions
from callscope.timeline import Interval

Run = tuple[int, int]
"""Half-open stretch of frames."""


def runs_of(truths: Sequence[bool]) -> list[Run]:
    found: list[Run] = []
    start = None
    for frame, truth in enumerate([*truths, False]):
        if truth and start is None:
            start = frame
        elif not truth and start is not None:
            found.append((start, frame))
            start = None
    return found


def joined(runs: Sequence[Run], pause_ms: int) -> list[list[Run]]:
    """Return the runs in groups that hold no longer pause."""
    groups: list[list[Run]] = []
    for run in runs:
        if groups and (run[0] - groups[-1][-1][1]) * SCORE_FRAME_MS < pause_ms:
            groups[-1].append(run)
        else:
            groups.append([run])
    return groups


def as_intervals(runs: Sequence[Run]) -> list[Interval]:
    return [Interval(start * SCORE_FRAME_MS, end * SCORE_FRAME_MS) for start, end in runs]


def plain_regions(scores: Scores, options: SpeechOptions) -> list[Run]:
    """Return speech with its bounds as scored, uncut."""
    runs = [
        (start, end)
        for start, end in runs_of([score >= np.float32(options.speech_off) for score in scores])
        if max(scores[start:end]) >= options.speech_on
    ]
    return [
        (group[0][0], group[-1][1])
        for group in joined(runs, options.min_silence_ms)
        if sum(end - start for start, end in group) * SCORE_FRAME_MS >= options.min_speech_ms
    ]


def plain_speech(scores: Scores, levels: Levels, options: SpeechOptions) -> list[Interval]:
    regions = plain_regions(scores[: len(levels)], options)
    spoken = {frame for start, end in regions for frame in range(start, end)}
    outside = [levels[frame] for frame in range(len(levels)) if frame not in spoken]
    noise = float(np.percentile(outside, 10)) if outside else SILENCE_DBFS
    refined = []
    for i, (start, end) in enumerate(regions):
        wall = (regions[i - 1][1] + start) // 2 if i else 0
        next_wall = (end + regions[i + 1][0]) // 2 if i + 1 < len(regions) else len(levels)
        loud = float(np.percentile(levels[start:end], 90))
        floor = max(loud - options.speech_range_db, min(noise + options.above_noise_db, loud - 10))

        audible = [bool(level >= floor) for level in levels]
        reach = options.refine_ms // SCORE_FRAME_MS
        first = moved(start, -1, audible, most_out=min(reach, start - wall), most_in=min(reach, end - start - 1))
        last = moved(end - 1, 1, audible, most_out=min(reach, next_wall - end), most_in=min(reach, end - start - 1))
        refined.append((first, last + 1))
    return as_intervals([piece for run in refined for piece in cut(run, levels, options)])


def moved(at: int, outwards: int, audible: Sequence[bool], *, most_out: int, most_in: int) -> int:
    """Return where the sound around a region's first or last frame begins."""
    if audible[at]:
        for _ in range(most_out):
            if not audible[at + outwards]:
                break
            at += outwards
        return at
    for steps in range(1, most_in + 1):
        if audible[at - outwards * steps]:
            return at - outwards * steps
    return at


def cut(run: Run, levels: Levels, options: SpeechOptions) -> list[Run]:
    longest, shortest = options.max_region_ms // SCORE_FRAME_MS, options.min_speech_ms // SCORE_FRAME_MS
    start, end = run
    if end - start <= longest:
        return [run]

    def calm(frame: int) -> float:
        around = range(frame - 5, frame + 5)
        return round(float(sum(levels[i] for i in around if 0 <= i < len(levels))) / 10, 3)

    places = range(start + longest * 2 // 3, min(start + longest, end - shortest) + 1)
    place = min(places, key=lambda frame: (calm(frame), -frame))
    return [(start, place), *cut((place, end), levels, options)]


def plain_sounds(levels: Levels, speech: Sequence[Interval], options: SpeechOptions) -> list[Interval]:
    loud = runs_of([level >= options.min_sound_dbfs for level in levels])
    wanted = [False] * len(levels)
    for group in joined(loud, options.sound_pause_ms):
        for frame in range(group[0][0], group[-1][1]):
            start_ms, end_ms = frame * SCORE_FRAME_MS, (frame + 1) * SCORE_FRAME_MS
            wanted[frame] = all(
                end_ms <= region.start_ms - options.speech_margin_ms
                or start_ms >= region.end_ms + options.speech_margin_ms
                for region in speech
            )
    sounds = [run for run in runs_of(wanted) if (run[1] - run[0]) * SCORE_FRAME_MS >= options.min_sound_ms]
    return as_intervals([piece for run in sounds for piece in cut(run, levels, options)])


def plain_own(
    powers: Sequence[Powers], channel: int, regions: Sequence[Interval], options: SpeechOptions
) -> list[Interval]:
    """Return a channel's regions without the others' echo."""
    smoothed = [
        [10 * math.log10(max(sum(power[max(0, t - 2) : t + 3]) / 5, 1e-12)) for t in range(len(power))]
        for power in powers
    ]
    own = smoothed.pop(channel)
    others = [max(levels) for levels in zip(*smoothed, strict=True)] if smoothed else [SILENCE_DBFS] * len(own)
    kept = []
    for region in regions:
        run = (region.start_ms // SCORE_FRAME_MS, region.end_ms // SCORE_FRAME_MS)
        kept += as_intervals(_own_parts(own, others, run, options))
    return kept


def _own_parts(own: list[float], others: list[float], run: Run, options: SpeechOptions) -> list[Run]:
    start, end = run
    delay = options.leak_delay_ms // SCORE_FRAME_MS
    loud = float(np.percentile(own[start:end], 90))
    audible = [own[t] >= loud - 20 for t in range(start, end)]
    echo = [
        audible[t - start] and max(others[max(0, t - delay) : t + 3]) - own[t] >= options.leak_db
        for t in range(start, end)
    ]

    def is_echo(first: int, last: int) -> bool:
        context = max(0, 100 - (last - first))
        left = first - context if first == start else first
        right = last + context if last == end else last
        return _similarity(own, others, max(0, left), min(right, len(own)), delay) >= options.leak_similarity

    if not any(echo):
        return [run]
    if sum(echo) >= options.leak_share * sum(audible) and is_echo(start, end):
        return []
    foreign = [
        (start + first, start + last)
        for first, last in runs_of([e or not a for e, a in zip(echo, audible, strict=True)])
        if (last - first) * SCORE_FRAME_MS >= options.min_leak_ms
        and any(echo[first:last])
        and is_echo(start + first, start + last)
    ]
    remaining = runs_of([not any(first <= t < last for first, last in foreign) for t in range(start, end)])
    return [
        (start + first, start + last)
        for first, last in remaining
        if sum(audible[first:last]) * SCORE_FRAME_MS >= options.min_speech_ms
    ]


def _similarity(own: list[float], others: list[float], start: int, end: int, delay: int) -> float:
    start = max(start, delay)
    if start >= end:
        return 0.0
    course = _course(own[start:end])
    sources = [_course(others[start - late : end - late]) for late in range(delay + 1)]
    return max(sum(a * b for a, b in zip(course, source, strict=True)) for source in sources)


def _course(levels: list[float]) -> list[float]:
    floor = float(np.percentile(levels, 95)) - 25
    audible = [max(level, floor) for level in levels]
    mean = sum(audible) / len(audible)
    norm = math.sqrt(sum((level - mean) ** 2 for level in audible))
    if norm < 0.1 * math.sqrt(len(levels)):
        return [0.0] * len(levels)
    return [(level - mean) / norm for level in audible]
