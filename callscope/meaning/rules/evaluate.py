"""What the rules find in a call."""

from __future__ import annotations

from callscope.calls import Finding
from callscope.meaning.facts import CallFacts
from callscope.meaning.rules.book import Rulebook


def find_findings(facts: CallFacts, rulebook: Rulebook) -> tuple[Finding, ...]:
    """Return every rule's hits, ascending by start, then rule."""
    return ()
