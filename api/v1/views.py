"""``/v1/views``: filters of the list of calls that people keep under a name, for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Body, Path
from pydantic import Field

from api.browsing import PARAMETERS
from api.context import Db
from api.security import Reader, Writer
from callscope.errors import NotStored, UsageError
from models import saved_views
from models.base import MAX_ID
from models.saved_views import MAX_NAME_CHARS, MAX_QUERY_CHARS, SavedView

router = APIRouter(prefix="/views", tags=["saved views"])


@dataclass(frozen=True, slots=True)
class NewView:
    """A filter to keep."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
    query: Annotated[str, Field(max_length=MAX_QUERY_CHARS, description="as the address of `/calls` has it")]


@dataclass(frozen=True, slots=True)
class SavedViews:
    """All of them, by name."""

    items: list[SavedView]


@router.get("", summary="List saved views")
def list_views(session: Db, _: Reader) -> SavedViews:
    """Return every view that is kept."""
    return SavedViews(saved_views.list_views(session))


@router.post("", summary="Keep a view", status_code=HTTPStatus.CREATED)
def save(
    session: Db,
    principal: Writer,
    view: Annotated[
        NewView, Body(openapi_examples={"angry": {"value": {"name": "Angry refunds", "query": "emotion=ANGRY&days=7"}}})
    ],
) -> SavedView:
    """Keep a filter; a view that has the name already is replaced."""
    unknown = [name for name, _ in parse_qsl(view.query, keep_blank_values=True) if name not in PARAMETERS]
    if unknown:
        raise UsageError(f"no filter is called {unknown[0]}", why=f"there are {', '.join(PARAMETERS)}")
    return saved_views.save_view(session, name=view.name, query=view.query, author=principal.name)


@router.delete("/{view_id}", summary="Remove a view", status_code=HTTPStatus.NO_CONTENT)
def remove(session: Db, _: Writer, view_id: Annotated[int, Path(ge=1, le=MAX_ID)]) -> None:
    """Remove a view; the calls stay."""
    if not saved_views.remove_view(session, view_id):
        raise NotStored(f"there is no view {view_id}")
