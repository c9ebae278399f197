"""``/v1/segments``: what was said and felt, region by region, over many calls."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.context import Db
from api.paging import Cursor, Limit, Page
from api.security import Reader
from api.v1.rows import Selected, rows_page
from callscope.calls import Emotion, Language, Role

router = APIRouter(tags=["rows"])


@router.get("/segments", summary="List segments of many calls")
def list_segments(
    *,
    session: Db,
    principal: Reader,
    selection: Selected,
    role: Role | None = None,
    language: Language | None = None,
    emotion: Emotion | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[dict[str, Any]]:
    """Return a page of segments with their emotions, ascending by the call's date; words are in the call itself."""
    return rows_page(
        session,
        "segments",
        selection,
        clear=principal.sees_clear,
        limit=limit,
        cursor=cursor,
        values={"role": role, "language": language, "emotion": emotion},
    )
