"""What only both sides together show: who was silent when it was their turn, and who talked over whom."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from callscope.calls import Event, EventKind, Origin, Role, Segment
from callscope.errors import RegionOutsideRecording
from callscope.settings import Settings
from callscope.timeline import Interval, gaps, intersection

_OTHER_PARTY = {Role.AGENT: Role.CUSTOMER, Role.CUSTOMER: Role.AGENT, Role.UNKNOWN: Role.UNKNOWN}


@dataclass(frozen=True, slots=True)
class SpeechRegion:
    """A stretch in which one channel speaks."""

    channel: int
    role: Role
    interval: Interval
    """Without the detector's padding."""


def find_silences(regions: Sequence[SpeechRegion], *, duration_ms: int, min_silence_ms: int = 1_200) -> list[Interval]:
    """
    Return the stretches in which no channel speaks ("non-talk time").

    Parameters
    ----------
    regions : sequence of SpeechRegion
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
    last_ms = max((region.interval.end_ms for region in regions), default=0)
    if last_ms > duration_ms:
        raise RegionOutsideRecording(f"a region ends at {last_ms} ms in a recording of {duration_ms} ms")
    spoken = (region.interval for region in regions)
    return [gap for gap in gaps(spoken, within=Interval(0, duration_ms)) if gap.duration_ms >= min_silence_ms]


def silence_owners(regions: Sequence[SpeechRegion], silences: Sequence[Interval]) -> list[Role]:
    """
    Return of each silence whose turn it was: the party that did not speak last before it.

    `Role.UNKNOWN` where that can't be told: nobody spoke yet, or the speaker's role is unknown.
    """
    by_end = sorted(regions, key=lambda region: region.interval.end_ms)
    ends_ms = [region.interval.end_ms for region in by_end]
    owners = []
    for silence in silences:
        ended = bisect_right(ends_ms, silence.start_ms)
        speaker = by_end[bisect_left(ends_ms, ends_ms[ended - 1])].role if ended else Role.UNKNOWN
        owners.append(_OTHER_PARTY[speaker])
    return owners


@dataclass(frozen=True, slots=True)
class ConversationOptions:
    """What counts; shorter stretches are pauses, or backchannels."""

    min_silence_ms: int = 1_200
    min_crosstalk_ms: int = 300

    @classmethod
    def of(cls, settings: Settings) -> ConversationOptions:
        """Return what the settings say."""
        return cls(min_silence_ms=settings.min_silence_ms, min_crosstalk_ms=settings.min_crosstalk_ms)


def derive_events(segments: Sequence[Segment], *, duration_ms: int, options: ConversationOptions) -> tuple[Event, ...]:
    """
    Return the recogniser's events and the derived ones, ascending by start, then kind.

    Parameters
    ----------
    segments : sequence of Segment
        Of all channels, ascending by start.
    duration_ms : int >= 0
        Length of the recording, in milliseconds.
    options : ConversationOptions
        What counts.

    Raises
    ------
    RegionOutsideRecording
        A segment ends after ``duration_ms``.
    """
    regions = [SpeechRegion(s.channel, s.role, s.interval) for s in segments if s.is_speech]
    heard = [event for segment in segments if (event := _heard(segment))]
    derived = _derive(regions, duration_ms=duration_ms, options=options)
    return tuple(sorted([*heard, *derived], key=lambda event: (event.start_ms, event.kind)))


def _heard(segment: Segment) -> Event | None:
    if segment.event is EventKind.SPEECH:
        return None
    return Event(
        kind=segment.event,
        origin=Origin.MODEL,
        channel=segment.channel,
        owner=segment.role,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        probability=segment.event_probability,
    )


def _derive(regions: Sequence[SpeechRegion], *, duration_ms: int, options: ConversationOptions) -> list[Event]:
    silences = find_silences(regions, duration_ms=duration_ms, min_silence_ms=options.min_silence_ms)
    found = [
        _derived(EventKind.SILENCE, owner, silence)
        for owner, silence in zip(silence_owners(regions, silences), silences, strict=True)
    ]
    by_channel: dict[int, list[SpeechRegion]] = {}
    for region in regions:
        by_channel.setdefault(region.channel, []).append(region)
    for first, second in combinations(sorted(by_channel), 2):
        overlaps = [
            overlap
            for overlap in intersection(
                (region.interval for region in by_channel[first]), (region.interval for region in by_channel[second])
            )
            if overlap.duration_ms >= options.min_crosstalk_ms
        ]
        newcomers = _who_came_in(by_channel[first] + by_channel[second], overlaps)
        found += [
            _derived(EventKind.CROSSTALK, owner, overlap) for owner, overlap in zip(newcomers, overlaps, strict=True)
        ]
    return found


def _who_came_in(regions: Sequence[SpeechRegion], overlaps: Sequence[Interval]) -> list[Role]:
    """Return of each overlap who, of all that speak in it, began last."""
    by_start = sorted(regions, key=lambda region: (region.interval.start_ms, -region.channel))
    starts_ms = [region.interval.start_ms for region in by_start]
    return [
        next(
            region.role
            for region in reversed(by_start[: bisect_left(starts_ms, overlap.end_ms)])
            if region.interval.overlap_ms(overlap)
        )
        for overlap in overlaps
    ]


def _derived(kind: EventKind, owner: Role, when: Interval) -> Event:
    return Event(
        kind=kind,
        origin=Origin.DERIVED,
        channel=None,
        owner=owner,
        start_ms=when.start_ms,
        end_ms=when.end_ms,
        probability=1.0,
    )
