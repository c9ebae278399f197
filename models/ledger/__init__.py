"""
The ledger: what is known of every recording, and how far it got.

An attempt's number is given when it is sent and never given again, not even after a replay; every note names it, and
one that names another attempt than the latest is stale and changes nothing. So notes may be doubled, late or out of
order. An attempt counts when it ends: with a result, a failure of its own, or its lease. Outages and releases don't
count. All clocks are the database's.

An older version of an object isn't set aside when a newer one is found: only the store knows which is newer, and it
says so (`ObjectGone`) when a worker asks for the older one.
"""

from __future__ import annotations

from models.ledger.attempts import expire_leases, extend_lease, mark_failed, mark_started, replay
from models.ledger.discovery import Discovered, discover, find_new
from models.ledger.dispatch import Taken, take
from models.ledger.overview import (
    AttemptOutcome,
    DeadReason,
    DeadRecording,
    RecordingProgress,
    Span,
    count_dead,
    count_states,
    list_dead,
    progress,
    span,
)
from models.tables import State

__all__ = [
    "AttemptOutcome",
    "DeadReason",
    "DeadRecording",
    "Discovered",
    "RecordingProgress",
    "Span",
    "State",
    "Taken",
    "count_dead",
    "count_states",
    "discover",
    "expire_leases",
    "extend_lease",
    "find_new",
    "list_dead",
    "mark_failed",
    "mark_started",
    "progress",
    "replay",
    "span",
    "take",
]
