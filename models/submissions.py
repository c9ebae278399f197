"""Recordings that somebody hands over and waits for."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscope.calls import Language
from callscope.errors import IdempotencyConflict
from models.ledger import Discovered, discover
from models.tables import Recording, Submission
from models.texts import storable

INTERACTIVE_PRIORITY = 10
"""Ahead of whatever a bucket holds."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What names a request, so that its repetition is known for one."""

    holder: str
    """Name of the key that it came with."""
    idempotency_key: str
    fingerprint: bytes
    """SHA-256 of the file and of what was said about it."""


class AlreadySubmitted(Exception):
    """The same request came before, and is stored; the transaction of its repetition must not be."""

    def __init__(self, recording_id: int) -> None:
        super().__init__(recording_id)
        self.recording_id = recording_id


@dataclass(frozen=True, slots=True)
class Asked:
    """What the uploader wants, beside the call's metadata."""

    language: Language | None = None
    """None: it is recognised."""
    callback_url: str | None = None


def find_submission(session: Session, request: RequestKey) -> int | None:
    """
    Return the recording that this very request made before; None when it is new.

    Raises
    ------
    IdempotencyConflict
        Another request came under the same idempotency key.
    """
    row = session.get(Submission, (request.holder, request.idempotency_key))
    if row is None:
        return None
    if row.fingerprint != request.fingerprint:
        raise IdempotencyConflict(
            "this idempotency key came before with another request", why=f"it made recording {row.recording_id}"
        )
    return row.recording_id


def enter(session: Session, found: Discovered, asked: Asked, *, request: RequestKey | None = None) -> int:
    """
    Enter a recording that somebody waits for, and return its number.

    Should the bucket's watcher have entered it a moment before, it is made urgent.

    Raises
    ------
    AlreadySubmitted
        The request is a repetition, also when both came at the same time.
    IdempotencyConflict
        Another request came under the same idempotency key.
    """
    discover(session, [found])
    ref = found.ref
    recording_id = session.scalars(
        update(Recording)
        .where(Recording.bucket == ref.bucket, Recording.key == ref.key, Recording.etag == ref.etag)
        .values(
            priority=func.greatest(Recording.priority, found.priority),
            language=func.coalesce(asked.language.value if asked.language else None, Recording.language),
            callback_url=func.coalesce(
                storable(asked.callback_url) if asked.callback_url else None, Recording.callback_url
            ),
        )
        .returning(Recording.id)
        .execution_options(synchronize_session=False)
    ).one()
    if request is None:
        return recording_id
    made = session.scalar(
        insert(Submission)
        .values(
            holder=request.holder,
            idempotency_key=request.idempotency_key,
            fingerprint=request.fingerprint,
            recording_id=recording_id,
        )
        .on_conflict_do_nothing(index_elements=[Submission.holder, Submission.idempotency_key])
        .returning(Submission.recording_id)
    )
    if made is None and (first := find_submission(session, request)) is not None:
        raise AlreadySubmitted(first)
    return recording_id
