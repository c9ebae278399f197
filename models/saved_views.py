"""Filters of the list of calls that people keep under a name, for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscope.errors import UsageError
from models import tables
from models.texts import storable

MAX_NAME_CHARS = 80
MAX_QUERY_CHARS = 2_000
MAX_VIEWS = 200


@dataclass(frozen=True, slots=True)
class SavedView:
    """One of them."""

    id: int
    name: str
    query: str
    """As the list's address has it."""
    author: str
    """Who kept it: the name of a key."""
    created_at: datetime


def list_views(session: Session) -> list[SavedView]:
    """Return all of them by name."""
    view = tables.SavedView
    rows = session.execute(
        select(view.id, view.name, view.query, view.author, view.created_at).order_by(view.name, view.id)
    )
    return [SavedView(*row) for row in rows]


def save_view(session: Session, *, name: str, query: str, author: str) -> SavedView:
    """
    Keep a filter under a name; one that has the name already is replaced.

    Raises
    ------
    UsageError
        The name is empty or too long, or there are too many.
    """
    view = tables.SavedView
    name = " ".join(storable(name).split())
    if not name or len(name) > MAX_NAME_CHARS:
        raise UsageError("a view needs a name", why=f"of 1 to {MAX_NAME_CHARS} characters")
    if len(query) > MAX_QUERY_CHARS:
        raise UsageError("this filter is too long to be kept", why=f"it has more than {MAX_QUERY_CHARS} characters")
    if (session.scalar(select(func.count()).select_from(view)) or 0) >= MAX_VIEWS:
        raise UsageError("there are too many views", why=f"at most {MAX_VIEWS} are kept; remove one first")
    statement = insert(view).values(name=name, query=storable(query), author=storable(author))
    row = session.execute(
        statement.on_conflict_do_update(
            index_elements=[view.name], set_={"query": statement.excluded.query, "author": statement.excluded.author}
        ).returning(view.id, view.name, view.query, view.author, view.created_at)
    ).one()
    return SavedView(*row)


def remove_view(session: Session, view_id: int) -> bool:
    """Remove one; False when there is none of that number."""
    removed = session.execute(
        delete(tables.SavedView).where(tables.SavedView.id == view_id).returning(tables.SavedView.id)
    )
    return removed.first() is not None
