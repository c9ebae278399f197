"""``/v1/dead``: recordings that were given up, and another try for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field

from api.context import Db
from api.paging import Cursor, Limit, Page, decode_cursor, encode_cursor
from api.security import Reader, Writer
from callscope.errors import UsageError, advice_for
from models import ledger
from models.base import MAX_ID

router = APIRouter(prefix="/dead", tags=["dead recordings"])

MAX_IDS = 10_000


@dataclass(frozen=True, slots=True)
class DeadRecording:
    """A recording that was given up, with the reason."""

    recording_id: int
    key: str
    call_id: str | None
    agent_id: str | None
    queue: str | None
    code: str
    message: str
    advice: str
    attempts: int
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Replay:
    """Which recordings are tried again."""

    recording_ids: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_ID)]] | None, Field(max_length=MAX_IDS, description="null: none")
    ] = None
    all: bool = False
    """Every dead one."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many wait again."""

    count: int


@router.get("", summary="List recordings that were given up, the latest first")
def list_dead(session: Db, _: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[DeadRecording]:
    """Return a page of dead recordings."""
    before = None
    if cursor:
        before = decode_cursor(cursor, datetime, int)
    rows = ledger.list_dead(session, limit=limit + 1, before=before)
    shown = rows[:limit]
    items = [
        DeadRecording(
            recording_id=row.recording_id,
            key=row.key,
            call_id=row.call_id,
            agent_id=row.agent_id,
            queue=row.queue,
            code=row.code,
            message=row.message,
            advice=advice_for(row.code),
            attempts=row.attempts,
            finished_at=row.finished_at,
        )
        for row in shown
    ]
    more = len(rows) > limit
    return Page(items, encode_cursor(shown[-1].finished_at, shown[-1].recording_id) if more else None)


@router.post("/replay", summary="Let dead recordings be analysed again")
def replay(
    session: Db,
    _: Writer,
    chosen: Annotated[Replay, Body(openapi_examples={"two": {"value": {"recording_ids": [17, 23]}}})],
) -> Replayed:
    """Let recordings wait again, with all their attempts before them; those under way are left alone."""
    if chosen.all == bool(chosen.recording_ids):
        raise UsageError("name recordings by their number, or say `all`", why="one of the two")
    return Replayed(ledger.replay(session, recording_ids=None if chosen.all else chosen.recording_ids))
