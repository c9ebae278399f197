"""``/v1/findings``: what the rules found, over many calls."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.context import Db
from api.paging import Cursor, Limit, Page
from api.security import Reader
from api.v1.rows import Selected, rows_page, storable_or_none
from callscope.calls import Severity

router = APIRouter(tags=["rows"])


@router.get("/findings", summary="List findings of many calls")
def list_findings(
    *,
    session: Db,
    principal: Reader,
    selection: Selected,
    rule: Annotated[str | None, Query(max_length=255, description="name of the rule")] = None,
    severity: Severity | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[dict[str, Any]]:
    """Return a page of the rules' hits with their evidence, ascending by the call's date."""
    return rows_page(
        session,
        "findings",
        selection,
        clear=principal.sees_clear,
        limit=limit,
        cursor=cursor,
        values={"rule": storable_or_none(rule), "severity": severity},
    )
