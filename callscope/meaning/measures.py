"""Sums over a call."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import CallMeasures, Event, Segment, Turn


def measure_call(segments: Sequence[Segment], events: Sequence[Event], turns: Sequence[Turn]) -> CallMeasures:
    """Return the sums over a call."""
    return CallMeasures()
