"""``/v1/events``: what else was heard, or not heard, over many calls."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.context import Db
from api.paging import Cursor, Limit, Page
from api.security import Reader
from api.v1.rows import Selected, rows_page
from callscope.calls import EventKind, Role

router = APIRouter(tags=["rows"])


@router.get("/events", summary="List events of many calls")
def list_events(
    *,
    session: Db,
    principal: Reader,
    selection: Selected,
    kind: EventKind | None = None,
    owner: Role | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[dict[str, Any]]:
    """Return a page of laughter, music, silences, crosstalk and so on, ascending by the call's date."""
    return rows_page(
        session,
        "events",
        selection,
        clear=principal.sees_clear,
        limit=limit,
        cursor=cursor,
        values={"kind": kind, "owner": owner},
    )
