"""A call's points on each scorecard."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import Burst, Finding, Score
from callscope.meaning.rules.book import Rulebook


def score_call(bursts: Sequence[Burst], findings: Sequence[Finding], rulebook: Rulebook) -> tuple[Score, ...]:
    """Return the call's result on every scorecard that applies."""
    return ()
