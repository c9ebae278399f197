"""Turns: who has the floor, how fast and how loud, with which delay."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from callscope.calls import Language, Role, Segment, Turn
from callscope.timeline import Interval, union

_LEAST_PAUSE_MS = 300
"""Word times are CTC's peaks, of 60 ms and less: a shorter distance between two is that of fluent speech."""
_HESITATION_MS = 500
"""Nobody needs longer to draw breath."""
_WIDE_UNIT = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*|[^\W_]")
"""A character that is no mark; a word in Latin letters is one unit."""
_NARROW_UNIT = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
"""A word, or a figure as it is written."""


class _Party(NamedTuple):
    """Who speaks: a channel; in a mono call, where rules guessed roles, a role of the only channel."""

    channel: int
    role: Role


class _Place(NamedTuple):
    """A speech segment with its number in the call."""

    number: int
    segment: Segment
    party: _Party


def find_turns(segments: Sequence[Segment]) -> tuple[Turn, ...]:
    """
    Return the turns of a call.

    Parameters
    ----------
    segments : sequence of Segment
        Of all channels, ascending by start; those of one channel disjoint. What is no speech is left out.

    Returns
    -------
    tuple of Turn
        Ascending by start, then channel. Each speech segment is in exactly one.

    Notes
    -----
    A party has the floor until another speaks on after it. So a segment that lies wholly inside a stretch of another
    channel's speech (a backchannel, an interjection that came to nothing) ends nobody's turn; it is a turn of its own
    beside the one that goes on.
    """
    spoken = [_Place(i, s, _Party(s.channel, s.role)) for i, s in enumerate(segments) if s.is_speech]
    stretches = _stretches(spoken)
    turns: list[list[_Place]] = []
    floor: list[_Place] = []
    asides: dict[_Party, list[_Place]] = {}
    for place in spoken:
        if _is_inside(place.segment, stretches):
            if place.party not in asides:
                turns.append(asides.setdefault(place.party, []))
            asides[place.party].append(place)
            continue
        asides.clear()
        if not floor or floor[-1].party != place.party:
            floor = []
            turns.append(floor)
        floor.append(place)
    responses_ms = _responses(spoken)
    found = (_turn(places, responses_ms[places[0].number]) for places in turns)
    return tuple(sorted(found, key=lambda turn: (turn.start_ms, turn.channel)))


def talk_speed(segments: Iterable[Segment]) -> float | None:
    """
    Return how many units a second are spoken: characters in Chinese, Japanese and Korean, words in English.

    Marks are no characters, a word in Latin letters is one unit in any language, and figures count as they are
    written. Time is that of the segments with words alone, so pauses between them don't count. None without words.
    """
    units = speech_ms = 0
    for segment in segments:
        unit = _NARROW_UNIT if segment.language is Language.EN else _WIDE_UNIT
        if count := len(unit.findall(segment.text)):
            units += count
            speech_ms += segment.end_ms - segment.start_ms
    return round(units * 1000 / speech_ms, 3) if speech_ms else None


def _stretches(spoken: Sequence[_Place]) -> dict[int, list[Interval]]:
    """Return of each channel when it speaks; segments that touch are one, for a region of half a minute was cut."""
    by_channel: dict[int, list[Interval]] = {}
    for place in spoken:
        by_channel.setdefault(place.segment.channel, []).append(place.segment.interval)
    return {channel: union(intervals) for channel, intervals in by_channel.items()}


def _is_inside(segment: Segment, stretches: dict[int, list[Interval]]) -> bool:
    """Tell whether another channel speaks for longer around a segment, or for as long on a lower channel."""
    for channel, intervals in stretches.items():
        if channel == segment.channel:
            continue
        before = bisect_right(intervals, segment.start_ms, key=lambda interval: interval.start_ms)
        if before and segment.end_ms <= intervals[before - 1].end_ms:
            around = intervals[before - 1]
            if around != segment.interval or channel < segment.channel:
                return True
    return False


def _responses(spoken: Sequence[_Place]) -> dict[int, int | None]:
    """Return of each segment how long after the last word of all other parties so far it begins."""
    ends_ms: dict[_Party, int] = {}
    responses_ms: dict[int, int | None] = {}
    for place in spoken:
        others_ms = [end_ms for party, end_ms in ends_ms.items() if party != place.party]
        responses_ms[place.number] = place.segment.start_ms - max(others_ms) if others_ms else None
        ends_ms[place.party] = max(place.segment.end_ms, ends_ms.get(place.party, 0))
    return responses_ms


def _turn(places: Sequence[_Place], response_ms: int | None) -> Turn:
    segments = [place.segment for place in places]
    start_ms, end_ms = segments[0].start_ms, max(segment.end_ms for segment in segments)
    pauses_ms = _pauses(segments)
    return Turn(
        channel=segments[0].channel,
        role=segments[0].role,
        start_ms=start_ms,
        end_ms=end_ms,
        segment_nos=tuple(place.number for place in places),
        response_ms=response_ms,
        units_per_s=talk_speed(segments),
        pause_ratio=round(sum(pauses_ms) / (end_ms - start_ms), 4) if pauses_ms else 0.0,
        hesitation_count=sum(pause_ms > _HESITATION_MS for pause_ms in pauses_ms),
        loudness_dbfs=_loudness(segments),
        pitch_slope_st_s=segments[-1].pitch_slope_st_s,
    )


def _pauses(segments: Sequence[Segment]) -> list[int]:
    """Return the pauses between a turn's segments, and those between the words of each."""
    between = [after.start_ms - before.end_ms for before, after in pairwise(segments)]
    for segment in segments:
        between += [after.start_ms - before.end_ms for before, after in pairwise(segment.words)]
    return [pause_ms for pause_ms in between if pause_ms >= _LEAST_PAUSE_MS]


def _loudness(segments: Sequence[Segment]) -> float:
    """Return the mean power, weighted by length, in dBFS."""
    power = length_ms = 0.0
    for segment in segments:
        weight_ms = max(1, segment.end_ms - segment.start_ms)
        power += weight_ms * 10 ** (segment.loudness_dbfs / 10)
        length_ms += weight_ms
    return round(10 * math.log10(power / length_ms), 2)
