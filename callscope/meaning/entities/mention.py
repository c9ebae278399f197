"""What is found in a text before it is known when it was said."""

from __future__ import annotations

from dataclasses import dataclass

from callscope.calls import EntityKind


@dataclass(frozen=True, slots=True)
class Mention:
    """Something that a text names."""

    segment_no: int
    kind: EntityKind
    value: str
    start: int
    """In the segment's text."""
    end: int
    probability: float
    last_segment_no: int
    """Where it ends: a later segment for a number that was said with a long pause."""
    last_end: int
    """In the last segment's text."""
