"""A customer's bursts of anger and sadness, and how the agent took them."""

from __future__ import annotations

from callscope.calls import Burst
from callscope.meaning.facts import CallFacts
from callscope.meaning.rules.book import SoothingCard


def find_bursts(facts: CallFacts, card: SoothingCard) -> tuple[Burst, ...]:
    """Return the bursts of a call, ascending by start."""
    return ()
