"""The filter of the list of calls as an address has it: the same words for the page, the API and saved views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field
from starlette.requests import Request

from api.paging import Page, decode_cursor, encode_cursor
from api.v1.rows import storable_or_none
from callscope.calls import Emotion, EventKind, Language, Severity, Soothing
from callscope.errors import UsageError
from callscope.search import MAX_CHARS
from models import browse
from models.browse import Anger, Filter, ListedCall, Sort
from models.session import Session
from models.tables import State

T = TypeVar("T")

MAX_DAYS = 3_660
MAX_CHOSEN = 10_000
"""Calls that one request may do something with."""


def _none_when_empty(value: object) -> object:
    """Return None for a field that a form left empty."""
    return None if value == "" else value


Maybe = Annotated[T | None, BeforeValidator(_none_when_empty)]
"""A field of a form, which sends it whether it is filled in or not."""

Name = Maybe[Annotated[str, Field(max_length=255)]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A filter, and the address that it came by."""

    filter: Filter
    params: Mapping[str, str]
    """As the address has them; those that are empty, and the place in the list, are left out."""

    def query(self, *without: str, **changed: str) -> str:
        """Return the address's query with some of its parameters left out or changed."""
        kept = {name: value for name, value in self.params.items() if name not in without} | changed
        return urlencode(kept)


def _filter(
    *,
    first: Annotated[Maybe[date], Query(alias="from", description="calls of this UTC date and later")] = None,
    last: Annotated[Maybe[date], Query(alias="to", description="calls of this UTC date and earlier")] = None,
    days: Annotated[
        Maybe[Annotated[int, Field(ge=1, le=MAX_DAYS)]], Query(description="calls of so many days up to today, UTC")
    ] = None,
    agent: Name = None,
    queue: Name = None,
    language: Maybe[Language] = None,
    emotion: Annotated[Maybe[Emotion], Query(description="of the customer")] = None,
    share: Annotated[
        Maybe[Annotated[int, Field(ge=1, le=100)]],
        Query(description="percent of the customer's speech that the emotion reaches; taken down to 1, 10, 25, 50, 75"),
    ] = None,
    event: Maybe[EventKind] = None,
    rule: Annotated[Name, Query(description="a rule that hit")] = None,
    severity: Annotated[Maybe[Severity], Query(description="of at least one finding")] = None,
    anger: Annotated[
        Maybe[Anger], Query(description="calls with a burst of anger, or with one after a silence")
    ] = None,
    outcome: Annotated[Maybe[Soothing], Query(description="how the agent took at least one burst")] = None,
    device: Annotated[Name, Query(description="that heard it")] = None,
    state: Maybe[State] = None,
    code: Annotated[Name, Query(description="of the failure")] = None,
    q: Annotated[str, Query(max_length=MAX_CHARS, description="words, parts of words, or a call's number")] = "",
    sort: Annotated[Maybe[Sort], Query(description="which come first")] = None,
) -> Filter:
    if first is None and days is not None:
        first = datetime.now(tz=UTC).date() - timedelta(days - 1)
    return Filter(
        first=first,
        last=last,
        agent_id=storable_or_none(agent),
        queue=storable_or_none(queue),
        language=language,
        emotion=emotion,
        min_percent=share or 1,
        event=event,
        rule=storable_or_none(rule),
        severity=severity,
        anger=anger,
        outcome=outcome,
        device=storable_or_none(device),
        state=state,
        code=storable_or_none(code),
        text=storable_or_none(q) or "",
        sort=sort or Sort.NEWEST,
    )


Filtered = Annotated[Filter, Depends(_filter)]
"""Which calls are wanted, and in what order."""


def list_page(session: Session, wanted: Filter, *, limit: int, cursor: str | None) -> Page[ListedCall]:
    """
    Return a page of the list of calls.

    Raises
    ------
    UsageError
        The cursor is of another list, or of another order.
    """
    after = None
    if cursor:
        sort, key, number = decode_cursor(cursor, str, datetime if wanted.sort is Sort.NEWEST else float, int)
        if sort != wanted.sort:
            raise UsageError("the cursor isn't one of this list", why="it was given in another order")
        after = key, number
    found = browse.list_calls(session, wanted, limit=limit, after=after)
    return Page(list(found.items), encode_cursor(wanted.sort, *found.next_place) if found.next_place else None)


def chosen_ids(session: Session, wanted: Filter) -> list[int]:
    """
    Return the recordings that the filter fits.

    Raises
    ------
    UsageError
        They are too many for one request.
    """
    ids = browse.ids(session, wanted, limit=MAX_CHOSEN + 1)
    if len(ids) > MAX_CHOSEN:
        raise UsageError(f"the filter fits more than {MAX_CHOSEN:,} calls", why="narrow it, by its dates for one")
    return ids


PARAMETERS = (
    *("q", "days", "from", "to", "queue", "agent", "emotion", "share", "anger", "outcome", "severity", "rule", "event"),
    *("language", "state", "code", "device", "sort"),
)
"""Of an address, in the order in which people are shown them."""


def _asked(request: Request, wanted: Filtered) -> Asked:
    given = request.query_params
    params = {name: given[name].strip() for name in PARAMETERS if given.get(name, "").strip()}
    if "emotion" not in params:
        params.pop("share", None)
    if params.get("sort") == Sort.NEWEST:
        del params["sort"]
    return Asked(wanted, params)


AskedFilter = Annotated[Asked, Depends(_asked)]
