"""Sums over a call."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import CallMeasures, Event, EventKind, Role, Segment, Turn
from callscope.meaning.turns import talk_speed
from callscope.timeline import union


def measure_call(segments: Sequence[Segment], events: Sequence[Event], turns: Sequence[Turn]) -> CallMeasures:
    """
    Return the sums over a call.

    Parameters
    ----------
    segments : sequence of Segment
        Of all channels.
    events : sequence of Event
        Derived from them, SILENCE, CROSSTALK and INTERRUPTION among them.
    turns : sequence of Turn
        Derived from them.
    """
    silences = [event for event in events if event.kind is EventKind.SILENCE]
    crosstalks = [event for event in events if event.kind is EventKind.CROSSTALK]
    interruptions = [event.owner for event in events if event.kind is EventKind.INTERRUPTION]
    agent = [segment for segment in segments if segment.is_speech and segment.role is Role.AGENT]
    customer = [segment for segment in segments if segment.is_speech and segment.role is Role.CUSTOMER]
    return CallMeasures(
        agent_speech_ms=_speech_ms(agent),
        customer_speech_ms=_speech_ms(customer),
        silence_count=len(silences),
        silence_ms=sum(map(_length_ms, silences)),
        longest_silence_ms=max(map(_length_ms, silences), default=0),
        agent_silence_ms=sum(_length_ms(silence) for silence in silences if silence.owner is Role.AGENT),
        crosstalk_count=len(crosstalks),
        crosstalk_ms=sum(map(_length_ms, crosstalks)),
        agent_interruptions=interruptions.count(Role.AGENT),
        customer_interruptions=interruptions.count(Role.CUSTOMER),
        turn_count=len(turns),
        agent_response_ms=_agent_response_ms(turns),
        agent_units_per_s=talk_speed(agent),
        customer_units_per_s=talk_speed(customer),
    )


def _speech_ms(segments: Sequence[Segment]) -> int:
    return sum(interval.duration_ms for interval in union(segment.interval for segment in segments))


def _length_ms(event: Event) -> int:
    return event.end_ms - event.start_ms


def _agent_response_ms(turns: Sequence[Turn]) -> int | None:
    """Return the mean delay after a customer's turn; replies that come before its end have none."""
    customer_ends_ms = {turn.end_ms for turn in turns if turn.role is Role.CUSTOMER}
    delays_ms = [
        turn.response_ms
        for turn in turns
        if turn.role is Role.AGENT
        and turn.response_ms is not None
        and turn.response_ms > 0
        and turn.start_ms - turn.response_ms in customer_ends_ms
    ]
    return round(sum(delays_ms) / len(delays_ms)) if delays_ms else None
