"""Music: spans of it, whoever speaks over it, and music while nobody speaks."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import Event, EventKind, Origin, Role, Segment
from callscope.timeline import Interval, gaps, intersection

_LEAST_HEARD = 0.5
"""Share of hold music in which music was heard indeed; the rest are pauses within a span."""


def find_music(
    segments: Sequence[Segment], *, min_music_share: float = 0.3, max_pause_ms: int = 3_000, min_hold_ms: int = 3_000
) -> list[Event]:
    """
    Return the spans of music of each channel, and the hold music within them.

    Parameters
    ----------
    segments : sequence of Segment
        Of all channels, ascending by start.
    min_music_share : float
        A segment has music where it is the most probable event, or has this share of the distribution.
    max_pause_ms : int
        Music that is not heard for so long at most, because somebody laughs or coughs, goes on.
    min_hold_ms : int
        Music while no channel speaks is hold music from this length on.

    Returns
    -------
    list of Event
        BGM: from the first to the last of the segments that belong together; its probability is their mean, weighted
        by length. HOLD_MUSIC: a part of such a span.
    """
    windows: dict[int, list[Segment]] = {}
    for segment in segments:
        if segment.end_ms > segment.start_ms and (segment.event is EventKind.BGM or _share(segment) >= min_music_share):
            windows.setdefault(segment.channel, []).append(segment)
    pauses = _long_pauses(segments, min_hold_ms) if windows else []
    events = []
    for _, heard in sorted(windows.items()):
        for span in _grouped(heard, max_pause_ms):
            whole = Interval(span[0].start_ms, max(segment.end_ms for segment in span))
            events.append(_music(EventKind.BGM, span, whole))
            events += [
                _music(EventKind.HOLD_MUSIC, span, quiet)
                for quiet in intersection([whole], pauses)
                if quiet.duration_ms >= min_hold_ms and _heard_ms(span, quiet) >= _LEAST_HEARD * quiet.duration_ms
            ]
    return events


def _long_pauses(segments: Sequence[Segment], least_ms: int) -> list[Interval]:
    """Return the stretches of at least so long in which no channel speaks."""
    whole = Interval(0, max(segment.end_ms for segment in segments))
    speech = (segment.interval for segment in segments if segment.is_speech)
    return [pause for pause in gaps(speech, within=whole) if pause.duration_ms >= least_ms]


def _share(segment: Segment) -> float:
    known = segment.event_probability if segment.event is EventKind.BGM else 0.0
    return max(known, segment.event_distribution.get(EventKind.BGM, 0.0))


def _grouped(windows: Sequence[Segment], max_pause_ms: int) -> list[list[Segment]]:
    groups: list[list[Segment]] = []
    end_ms = 0
    for window in windows:
        if groups and window.start_ms - end_ms <= max_pause_ms:
            groups[-1].append(window)
        else:
            groups.append([window])
        end_ms = max(end_ms, window.end_ms)
    return groups


def _heard_ms(span: Sequence[Segment], quiet: Interval) -> int:
    return sum(quiet.overlap_ms(segment.interval) for segment in span)


def _music(kind: EventKind, span: Sequence[Segment], when: Interval) -> Event:
    lengths_ms = [when.overlap_ms(segment.interval) for segment in span]
    weighted = sum(_share(segment) * length_ms for segment, length_ms in zip(span, lengths_ms, strict=True))
    roles = {segment.role for segment in span}
    return Event(
        kind=kind,
        origin=Origin.DERIVED,
        channel=span[0].channel,
        # In a mono call the music goes on while the parties take turns.
        owner=roles.pop() if len(roles) == 1 else Role.UNKNOWN,
        start_ms=when.start_ms,
        end_ms=when.end_ms,
        probability=round(weighted / sum(lengths_ms), 4),
    )
