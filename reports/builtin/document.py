"""A report as data: what it asks, its figures, its tables. How it looks is told in `reports.builtin.render`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from models.reports import Moment, Scope

NOTE = "The labels come from a machine and can be wrong. They assist people and do not replace their judgement."
"""Stands below every report."""

Value = str | int | float | date | Moment | None


class Unit(StrEnum):
    """What a column's values are, and so how they are shown."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    """To two places."""
    SHARE = "share"
    """In [0, 1]; shown in percent."""
    POINTS = "points"
    """Difference of two shares; shown in percentage points, with its sign, and the heading says so."""
    CHANGE = "change"
    """0.5 is half as much again; shown in percent, with its sign."""
    MS = "ms"
    """Milliseconds; shown in seconds, or hours where there are many."""
    MOMENT = "moment"
    """A second of a recording; shown as a link."""


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of a table holds."""

    name: str
    """In JSON and CSV."""
    heading: str
    """For people."""
    unit: Unit = Unit.TEXT
    has_bar: bool = False
    """A share that is also drawn."""


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a report."""

    name: str
    """In JSON, and for `--section`."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    report: str
    """As on the command line."""
    title: str
    question: str
    scope: Scope
    options: Mapping[str, Value]
    """What else was asked for."""
    summary: tuple[str, ...]
    """Sentences: the answer, before any table."""
    totals: Mapping[str, Value]
    """Of all groups together."""
    sections: tuple[Section, ...]
    page_url: str
    """Where the pages are served; empty: moments are shown as key and time."""

    def link(self, moment: Moment) -> str | None:
        """Return the page of a recording at a second; None without pages."""
        if not self.page_url:
            return None
        return f"{self.page_url.rstrip('/')}/calls/{moment.recording_id}?t={moment.at_ms // 1_000}"


def section(
    name: str,
    title: str,
    columns: Iterable[Column],
    records: Iterable[object],
    **made: Callable[..., Value],
) -> Section:
    """
    Return the table of some records.

    Parameters
    ----------
    name, title : str
        Of the section.
    columns : iterable of Column
        A column's values are the attribute of its name, unless they are made.
    records : iterable
        One a row.
    **made : callable
        By the name of a column: takes a record and returns its value.
    """
    listed = tuple(columns)
    rows = tuple(
        tuple(made[column.name](record) if column.name in made else getattr(record, column.name) for column in listed)
        for record in records
    )
    return Section(name, title, listed, rows)
