"""
How near callscope comes to what was really said and heard.

`reference` and `scoring` hold one call to its reference: the demo and the tests. The rest is `callscope evaluate`:
`manifest` (what people labelled), `observe` (a row's labels beside what was heard), `measure` (observations to
`figures`), and `screen` and `page` (figures for people).
"""

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
