"""Who holds the floor: silences and whose turn it was, who talked over whom, who took the floor from whom."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations

from callscope.calls import Event, EventKind, Origin, Role, Segment
from callscope.errors import RegionOutsideRecording
from callscope.meaning.derived import derive_from
from callscope.timeline import Interval, gaps, intersection

INTERRUPTION_CONFIDENCE = 0.8
"""Times alone don't tell whether a party broke off or had just come to its end."""

_OTHER_PARTY = {Role.AGENT: Role.CUSTOMER, Role.CUSTOMER: Role.AGENT, Role.UNKNOWN: Role.UNKNOWN}


def find_silences(speech: Sequence[Segment], *, duration_ms: int, min_silence_ms: int = 1_200) -> list[Interval]:
    """
    Return the stretches in which no channel speaks ("non-talk time").

    Parameters
    ----------
    speech : sequence of Segment
        Of all channels, in any order; may overlap. Bounds exclude the detector's padding.
    duration_ms : int >= 0
        Length of the recording, in milliseconds.
    min_silence_ms : int > 0
        Shorter stretches are pauses, not silences, and are left out.

    Returns
    -------
    list of Interval
        Half-open, disjoint, ascending, inside ``[0, duration_ms)``; the stretch before the first word and the one
        after the last word included.

    Raises
    ------
    RegionOutsideRecording
        A region ends after ``duration_ms``.
    """
    last_ms = max((segment.end_ms for segment in speech), default=0)
    if last_ms > duration_ms:
        raise RegionOutsideRecording(f"a region ends at {last_ms} ms in a recording of {duration_ms} ms")
    spoken = (segment.interval for segment in speech)
    return [gap for gap in gaps(spoken, within=Interval(0, duration_ms)) if gap.duration_ms >= min_silence_ms]


def own_silences(speech: Sequence[Segment], silences: Sequence[Interval]) -> list[Event]:
    """
    Return the silences as events, each owned by whose turn it was: the party that did not speak last before it.

    `Role.UNKNOWN` where that can't be told: nobody spoke yet, or the speaker's role is unknown.
    """
    by_end = sorted(speech, key=lambda segment: (segment.end_ms, segment.channel))
    ends_ms = [segment.end_ms for segment in by_end]
    events = []
    for silence in silences:
        if ended := bisect_right(ends_ms, silence.start_ms):
            speaker = by_end[bisect_left(ends_ms, ends_ms[ended - 1])]
            event = derive_from(speaker, EventKind.SILENCE, silence, confidence=1.0, whole_call=True)
            events.append(replace(event, owner=_OTHER_PARTY[speaker.role]))
        else:
            events.append(
                Event(EventKind.SILENCE, Origin.DERIVED, None, Role.UNKNOWN, silence.start_ms, silence.end_ms, 1.0)
            )
    return events


def find_crosstalk(speech: Sequence[Segment], *, min_crosstalk_ms: int = 300) -> list[Event]:
    """Return the stretches in which two channels speak, each owned by who, of all that speak in it, began last."""
    by_channel = _by_channel(speech)
    return [
        derive_from(newcomer, EventKind.CROSSTALK, overlap, confidence=1.0, whole_call=True)
        for first, second in combinations(sorted(by_channel), 2)
        for overlap, newcomer in _overlaps(by_channel[first], by_channel[second], min_crosstalk_ms)
    ]


def find_interruptions(
    speech: Sequence[Segment],
    *,
    min_overlap_ms: int = 300,
    max_overlap_ms: int = 2_000,
    min_takeover_ms: int = 500,
    min_pause_ms: int = 1_000,
    max_backchannel_ms: int = 1_000,
) -> list[Event]:
    """
    Return where one party came in while the other spoke, and the other stopped.

    Parameters
    ----------
    speech : sequence of Segment
        Of all channels, ascending by start; of one channel disjoint.
    min_overlap_ms : int
        Both speak for at least so long: less is the quick change of a lively talk.
    max_overlap_ms : int
        The other stops within so long: who goes on for longer was not stopped.
    min_takeover_ms : int
        Who came in goes on for at least so long alone: a backchannel ends with, or inside, what it accompanies.
    min_pause_ms : int
        The other is quiet for at least so long: else it did not stop.
    max_backchannel_ms : int
        A region of this length or less is no talk that one could be stopped in.

    Returns
    -------
    list of Event
        From when the one came in until the other stopped, owned by who came in, on its channel.
    """
    by_channel = {channel: _joined(segments) for channel, segments in _by_channel(speech).items()}
    return [
        derive_from(
            newcomer,
            EventKind.INTERRUPTION,
            Interval(newcomer.start_ms, stopped.end_ms),
            confidence=INTERRUPTION_CONFIDENCE,
            whole_call=False,
        )
        for first, second in permutations(sorted(by_channel), 2)
        for newcomer, stopped, resumes_ms in _takeovers(by_channel[first], by_channel[second])
        if min_overlap_ms <= stopped.end_ms - newcomer.start_ms <= max_overlap_ms
        and newcomer.end_ms - stopped.end_ms >= min_takeover_ms
        and (resumes_ms is None or resumes_ms - stopped.end_ms >= min_pause_ms)
        and stopped.interval.duration_ms > max_backchannel_ms
    ]


def _by_channel(speech: Sequence[Segment]) -> dict[int, list[Segment]]:
    channels: dict[int, list[Segment]] = {}
    for segment in speech:
        channels.setdefault(segment.channel, []).append(segment)
    return channels


def _overlaps(first: Sequence[Segment], second: Sequence[Segment], least_ms: int) -> list[tuple[Interval, Segment]]:
    """Return where both speak, with who began last of those that speak in it; at once: the lower channel."""
    common = intersection((segment.interval for segment in first), (segment.interval for segment in second))
    by_start = sorted([*first, *second], key=lambda segment: (segment.start_ms, -segment.channel))
    starts_ms = [segment.start_ms for segment in by_start]
    return [
        (
            overlap,
            next(
                segment
                for segment in reversed(by_start[: bisect_left(starts_ms, overlap.end_ms)])
                if segment.end_ms > overlap.start_ms
            ),
        )
        for overlap in common
        if overlap.duration_ms >= least_ms
    ]


def _joined(segments: Sequence[Segment]) -> list[Segment]:
    """Return one channel's segments, those that touch as one: a region of half a minute was cut, nobody stopped."""
    joined: list[Segment] = []
    for segment in segments:
        if joined and segment.start_ms <= joined[-1].end_ms:
            joined[-1] = replace(joined[-1], end_ms=max(joined[-1].end_ms, segment.end_ms))
        else:
            joined.append(segment)
    return joined


def _takeovers(newcomers: Sequence[Segment], holders: Sequence[Segment]) -> list[tuple[Segment, Segment, int | None]]:
    """Return who came in while which holder spoke and outlasted it, and when the holder's channel speaks again."""
    starts_ms = [holder.start_ms for holder in holders]
    found = []
    for newcomer in newcomers:
        after = bisect_left(starts_ms, newcomer.start_ms)
        if after and newcomer.start_ms < holders[after - 1].end_ms < newcomer.end_ms:
            found.append((newcomer, holders[after - 1], starts_ms[after] if after < len(holders) else None))
    return found
