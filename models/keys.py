"""The API's keys: who holds one, and what it may do. A key itself is never stored, only its SHA-256."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    """See calls and reports; numbers of people are masked."""
    WRITE = "write"
    """Upload, correct, replay, save views."""
    ADMIN = "admin"
    """Look after keys and rules."""
    CLEAR = "clear"
    """See numbers of people unmasked."""
