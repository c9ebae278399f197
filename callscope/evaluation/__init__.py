"""How near an analysis comes to what was really said and heard: a result scored against a reference."""

from __future__ import annotations

from callscope.evaluation.reference import (
    Reference,
    ReferenceCrosstalk,
    ReferenceSilence,
    ReferenceSound,
    ReferenceTurn,
    read_reference,
)
from callscope.evaluation.scoring import CallScore, Hits, score_call, total
from callscope.evaluation.texts import normalise

__all__ = [
    "CallScore",
    "Hits",
    "Reference",
    "ReferenceCrosstalk",
    "ReferenceSilence",
    "ReferenceSound",
    "ReferenceTurn",
    "normalise",
    "read_reference",
    "score_call",
    "total",
]
