"""``/v1/calls``: the list of calls, as the page has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field

from api.browsing import MAX_CHOSEN, Filtered, chosen_ids, list_page
from api.context import Db
from api.paging import Cursor, Limit, Page
from api.security import Reader, Writer
from callscope.errors import UsageError
from models import ledger
from models.base import MAX_ID
from models.browse import ListedCall

router = APIRouter(prefix="/calls", tags=["calls"])


@dataclass(frozen=True, slots=True)
class Replay:
    """Which recordings are analysed again."""

    recording_ids: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_ID)]],
        Field(max_length=MAX_CHOSEN),
    ] = field(default_factory=list)
    all: bool = False
    """All that the address's filter fits."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many wait again."""

    count: int


@router.get("", summary="List calls")
def list_calls(session: Db, _: Reader, wanted: Filtered, limit: Limit = 50, cursor: Cursor = None) -> Page[ListedCall]:
    """Return a page of calls: which, in what order, and what was felt in them; texts are masked."""
    return list_page(session, wanted, limit=limit, cursor=cursor)


@router.post("/replay", summary="Let calls be analysed again")
def replay(
    session: Db,
    _: Writer,
    wanted: Filtered,
    chosen: Annotated[
        Replay,
        Body(openapi_examples={"two": {"value": {"recording_ids": [17, 23]}}, "of a filter": {"value": {"all": True}}}),
    ],
) -> Replayed:
    """Let recordings that came to an end wait again; those under way are left alone."""
    if chosen.all == bool(chosen.recording_ids):
        raise UsageError("name recordings by their number, or say `all`", why="one of the two")
    ids = chosen_ids(session, wanted) if chosen.all else chosen.recording_ids
    return Replayed(ledger.replay(session, recording_ids=ids))
