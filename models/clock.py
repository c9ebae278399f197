"""The one clock of the ledger: the database's."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func


def after(delay_ms: int) -> ColumnElement[datetime]:
    """Return the moment that lies ``delay_ms`` after the statement runs; a negative delay lies before it."""
    return func.clock_timestamp() + timedelta(milliseconds=delay_ms)
