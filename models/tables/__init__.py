r"""
Every table. A column's comment says what it holds and in what unit: ``\d+ segment`` in psql is the data dictionary.

All times inside a call are integer milliseconds from its first sample; all clocks are the database's.
"""

from __future__ import annotations

from models.tables.call_index import CallIndex
from models.tables.heard import Analysis, Emotion, Segment, Waveform
from models.tables.ledger import CALL_AT, FINISHED, Recording, State, Submission
from models.tables.meant import Burst, Entity, Event, Finding, RuleSet, ScorecardResult, Turn, WordCount
from models.tables.outbox import Outbox
from models.tables.people import Annotation, ApiKey, SavedView

__all__ = [
    "CALL_AT",
    "FINISHED",
    "PARTITIONED",
    "Analysis",
    "Annotation",
    "ApiKey",
    "Burst",
    "CallIndex",
    "Emotion",
    "Entity",
    "Event",
    "Finding",
    "Outbox",
    "Recording",
    "RuleSet",
    "SavedView",
    "ScorecardResult",
    "Segment",
    "State",
    "Submission",
    "Turn",
    "Waveform",
    "WordCount",
]

PARTITIONED = ("segment", "emotion", "event", "turn", "entity", "burst", "word_count", "finding", "waveform")
"""Tables by month of the call, in the order in which every transaction locks them."""
