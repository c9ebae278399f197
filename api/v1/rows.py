"""Rows of many calls, for programs that follow along: what the resources of segments, events and findings share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, Query

from api.paging import Page, decode_cursor, encode_cursor
from callscope.errors import UsageError
from models.extracts import Selection, page
from models.session import Session


def _selection(
    first: Annotated[date | None, Query(alias="from", description="only calls of this UTC date and later")] = None,
    last: Annotated[date | None, Query(alias="to", description="only calls of this UTC date and earlier")] = None,
    queue: Annotated[str | None, Query(max_length=255, description="only calls of this queue")] = None,
    agent: Annotated[str | None, Query(max_length=255, description="only calls of this agent")] = None,
) -> Selection:
    return Selection(first=first, last=last, queue=storable_or_none(queue), agent_id=storable_or_none(agent))


Selected = Annotated[Selection, Depends(_selection)]
"""Which calls are wanted."""


def storable_or_none(value: str | None) -> str | None:
    """
    Return a value that a column may hold.

    Raises
    ------
    UsageError
        Postgres holds no NUL.
    """
    if value is not None and "\0" in value:
        raise UsageError("a value holds a NUL character")
    return value


def rows_page(
    session: Session,
    name: str,
    selection: Selection,
    *,
    clear: bool,
    limit: int,
    cursor: str | None,
    values: Mapping[str, str | None],
) -> Page[dict[str, Any]]:
    """Return a page of a table's rows, ascending by the call's date; each row names its call."""
    after = None
    if cursor:
        after = decode_cursor(cursor, date, int, int)
    found = page(
        session,
        name,
        selection,
        clear=clear,
        limit=limit,
        after=after,
        values={column: value for column, value in values.items() if value is not None},
    )
    items = [dict(zip(found.names, row, strict=True)) for row in found.rows]
    return Page(items, encode_cursor(*found.next_place) if found.next_place else None)
