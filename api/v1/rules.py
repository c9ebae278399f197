"""``/v1/rules``: the rules and scorecards that calls are held to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.context import Ctx
from api.security import Reader
from callscope.meaning.rules.book import load_rulebook

router = APIRouter(tags=["rules"])


@router.get("/rules", summary="Get the rules and scorecards")
def show(context: Ctx, _: Reader) -> dict[str, Any]:
    """Return the rules as they are read now; findings name the version that they were made under."""
    book = load_rulebook(context.settings.rules_folder)
    return {"version": book.version, **book.as_data()}
