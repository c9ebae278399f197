"""Partitions by month of the call: making them ahead of time, and late ones too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.base import Base
from models.tables import PARTITIONED

MONTHS_BACK = 13
MONTHS_AHEAD = 3
MONTHS_A_YEAR = 12


def ensure_months_around_now(session: Session) -> int:
    """Make the partitions from 13 months ago to 3 months ahead, by the database's clock; return how many were new."""
    today: date = session.scalar(select(func.current_date())) or date.max
    return ensure_months(session, _shift(today, -MONTHS_BACK), _shift(today, MONTHS_AHEAD))


def ensure_months(session: Session, first: date, last: date) -> int:
    """
    Make the partitions of every month from that of ``first`` to that of ``last`` that isn't there yet.

    Rows of such a month that landed in the default partition meanwhile are moved into the new one. Without a missing
    month nothing is locked, so this may be called at any time; with one, writers wait until the transaction ends.

    Returns
    -------
    int
        How many partitions were made, over all tables.
    """
    if not _missing(session, first, last):
        return 0
    # In the order in which a writer locks, so that neither waits for the other in a ring; and two of us in turn.
    session.execute(text("LOCK TABLE analysis IN SHARE ROW EXCLUSIVE MODE"))
    missing = _missing(session, first, last)
    for table, month in missing:
        _make(session, table, month)
    return len(missing)


def partition_name(table: str, month: date) -> str:
    """Return the name of a month's partition, such as ``segment_y2026m11``."""
    return f"{table}_y{month:%Y}m{month:%m}"


def _missing(session: Session, first: date, last: date) -> list[tuple[str, date]]:
    present = set(session.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))
    return [
        (table, month)
        for table in PARTITIONED
        for month in _months(first, last)
        if partition_name(table, month) not in present
    ]


def _make(session: Session, table: str, month: date) -> None:
    """Make one partition beside its table, move into it what waits in the default one, and attach it."""
    name = partition_name(table, month)
    bounds = {"first": month, "next": _shift(month, 1)}
    stored = ", ".join(column.name for column in Base.metadata.tables[table].columns if column.computed is None)
    of_month = f"call_date >= '{bounds['first']}' AND call_date < '{bounds['next']}'"
    # Names and dates are our own, never a caller's text. Attaching would refuse while the default partition holds
    # rows of the month, and rows that came in after the move would be such: hence its lock.
    for statement in (
        f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE",
        f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)",
        f"INSERT INTO {name} ({stored}) SELECT {stored} FROM {table}_default WHERE {of_month}",  # noqa: S608
        f"DELETE FROM {table}_default WHERE {of_month}",  # noqa: S608
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{bounds['first']}') TO ('{bounds['next']}')",
    ):
        session.execute(text(statement))


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = _shift(month, 1)


def _shift(day: date, months: int) -> date:
    """Return the first day of the month that lies ``months`` after that of ``day``."""
    count = day.year * MONTHS_A_YEAR + day.month - 1 + months
    return date(count // MONTHS_A_YEAR, count % MONTHS_A_YEAR + 1, 1)
