"""How a derived event is written down."""

from __future__ import annotations

from callscope.calls import Event, EventKind, Origin, Segment
from callscope.timeline import Interval


def derive_from(segment: Segment, kind: EventKind, when: Interval, *, confidence: float, whole_call: bool) -> Event:
    """
    Return an event that the speaker of a segment owns.

    Parameters
    ----------
    segment : Segment
        Its role owns the event. Where a rule guessed the role, the event is less sure by that.
    kind : EventKind
        What was derived.
    when : Interval
        Of the event.
    confidence : float
        In [0, 1], of the event apart from its owner.
    whole_call : bool
        The event belongs to no channel.
    """
    return Event(
        kind=kind,
        origin=Origin.DERIVED,
        channel=None if whole_call else segment.channel,
        owner=segment.role,
        start_ms=when.start_ms,
        end_ms=when.end_ms,
        probability=round(confidence * segment.role_confidence, 4),
    )
