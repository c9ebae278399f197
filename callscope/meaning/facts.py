"""All that is known of a call when rules are asked: the input of rules and scorecards."""

from __future__ import annotations

from dataclasses import dataclass

from callscope.calls import CallMeasures, CallMetadata, Entity, Event, Segment, Turn


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What was heard, and what was derived from it so far."""

    segments: tuple[Segment, ...]
    events: tuple[Event, ...]
    turns: tuple[Turn, ...]
    entities: tuple[Entity, ...]
    measures: CallMeasures
    metadata: CallMetadata
    duration_ms: int
