"""What a text names: order numbers, coupons, telephone, identity and card numbers, e-mail addresses."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import Entity, Segment


def find_entities(segments: Sequence[Segment]) -> tuple[Entity, ...]:
    """Return what the segments name."""
    return ()
