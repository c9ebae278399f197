"""Turns: who has the floor, how fast and how loud, with which delay."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import Segment, Turn


def find_turns(segments: Sequence[Segment]) -> tuple[Turn, ...]:
    """Return the turns of a call."""
    return ()
