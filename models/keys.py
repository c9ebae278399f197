"""The API's keys: who holds one, and what it may do. A key itself is never stored, only its SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscope.errors import UsageError
from models.clock import after
from models.tables import ApiKey

PREFIX = "csk_"
"""Marks a key of callscope's, for people and for scanners of secrets."""

_KEY_BYTES = 32
_USED_EVERY_MS = 60_000
"""The time of use is kept to the minute: a write for each request would cost more than the request."""


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    """See calls and reports; numbers of people are masked."""
    WRITE = "write"
    """Upload, correct, replay, save views."""
    ADMIN = "admin"
    """Look after keys and rules."""
    CLEAR = "clear"
    """See numbers of people unmasked."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as people look at it."""

    id: int
    name: str
    """Whom it was given to."""
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""
    revoked_at: datetime | None


def create_key(session: Session, name: str, scopes: Collection[Scope], *, expires_in: timedelta | None = None) -> str:
    """
    Make a key and return it; nobody can read it again.

    Raises
    ------
    UsageError
        The name is taken.
    """
    token = _new_token()
    values = _values(token, scopes)
    values["expires_at"] = func.clock_timestamp() + expires_in if expires_in is not None else null()
    made = session.scalar(
        insert(ApiKey)
        .values(name=name, **values)
        .on_conflict_do_nothing(index_elements=[ApiKey.name])
        .returning(ApiKey.id)
    )
    if made is None:
        raise UsageError(f"there is a key named {name}", why="a name says whom a key was given to, so it is used once")
    return token


def replace_key(session: Session, name: str, scopes: Collection[Scope]) -> str:
    """Make a key under a name, in the place of the one that had it, and return it."""
    token = _new_token()
    values = _values(token, scopes) | {"expires_at": null(), "revoked_at": null(), "last_used_at": null()}
    session.execute(
        insert(ApiKey).values(name=name, **values).on_conflict_do_update(index_elements=[ApiKey.name], set_=values)
    )
    return token


def find_by_token(session: Session, token: str) -> Key | None:
    """Return the key that a client sent; None when it isn't valid, or not any more."""
    return _find(session, ApiKey.key_hash == _hash(token))


def find_by_id(session: Session, key_id: int) -> Key | None:
    """Return the key by its number; None when it isn't valid, or not any more."""
    return _find(session, ApiKey.id == key_id)


def list_keys(session: Session) -> list[Key]:
    """Return every key that was ever made, the newest first."""
    return [_key(row) for row in session.scalars(select(ApiKey).order_by(ApiKey.id.desc()))]


def revoke_key(session: Session, name: str) -> bool:
    """Withdraw a key; False when there is no valid one of this name."""
    revoked = session.scalar(
        update(ApiKey)
        .where(ApiKey.name == name, ApiKey.revoked_at.is_(None))
        .values(revoked_at=func.clock_timestamp())
        .returning(ApiKey.id)
        .execution_options(synchronize_session=False)
    )
    return revoked is not None


def _find(session: Session, condition: ColumnElement[bool]) -> Key | None:
    now = func.clock_timestamp()
    row = session.scalar(
        select(ApiKey).where(
            condition, ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now)
        )
    )
    if row is None:
        return None
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == row.id, or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < after(-_USED_EVERY_MS)))
        .values(last_used_at=now)
        .execution_options(synchronize_session=False)
    )
    return _key(row)


def _key(row: ApiKey) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        scopes=tuple(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _values(token: str, scopes: Collection[Scope]) -> dict[str, object]:
    return {"key_hash": _hash(token), "scopes": sorted({scope.value for scope in scopes})}


def _new_token() -> str:
    return PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def _hash(token: str) -> bytes:
    """Return what stands for the key; its 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).digest()
