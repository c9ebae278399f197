"""Pages of a list: as many items as asked for, and a cursor to those that follow."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query

from callscope.errors import UsageError
from callscope.moments import read_moment
from models.base import MAX_ID

T = TypeVar("T")

MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="at most so many items")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next_cursor` of the page before; none: the first page")
]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list."""

    items: list[T]
    next_cursor: str | None
    """Names the next page; null on the last one."""


def encode_cursor(*place: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """Return the cursor for a place in a list."""
    return base64.urlsafe_b64encode(json.dumps(place, default=str, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """
    Return the place that a cursor names.

    Parameters
    ----------
    cursor : str
        As `encode_cursor` made it.
    *kinds : type
        Of each part of the place: str, int, float, date or datetime.

    Raises
    ------
    UsageError
        It wasn't made for this list.
    """
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(_read_part(part, kind) for part, kind in zip(place, kinds, strict=True))
    except (ValueError, TypeError, RecursionError):
        raise UsageError("the cursor isn't one of this list", why="take it from `next_cursor` as it is") from None


def _read_part(part: object, kind: type) -> object:
    if kind is datetime and isinstance(part, str):
        return read_moment(part)
    if kind is date and isinstance(part, str):
        return date.fromisoformat(part)
    if kind is float and type(part) in {int, float}:
        return part
    if type(part) is not kind or (isinstance(part, int) and not 0 <= part <= MAX_ID):
        raise ValueError(part)
    return part
