"""Moments and days as others tell them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta


def read_moment(told: str) -> datetime:
    """
    Return a moment in UTC.

    Databases know no offset of a day or so, which ISO 8601 allows.

    Parameters
    ----------
    told : str
        ISO 8601, with its time zone.

    Raises
    ------
    ValueError
        It is none, or lies outside the years that can be stored; the message says why, without a subject.
    """
    try:
        moment = datetime.fromisoformat(told)
    except ValueError as error:
        raise ValueError("is no ISO 8601 time") from error
    if moment.tzinfo is None:
        raise ValueError("has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999") from error


def days_before(day: date, days: int) -> date:
    """Return the day so many days before; at the earliest the first that can be told."""
    return day - timedelta(min(days, (day - date.min).days))
