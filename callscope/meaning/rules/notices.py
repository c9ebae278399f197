"""What is told to others when a rule fires."""

from __future__ import annotations

from callscope.calls import CallAnalysis, CallMetadata, Notice
from callscope.meaning.rules.book import Rulebook


def make_notices(analysis: CallAnalysis, metadata: CallMetadata, rulebook: Rulebook) -> list[Notice]:
    """Return the notices that the actions of the rules ask for."""
    return []
