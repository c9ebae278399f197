"""
The writers' tasks: notes of the GPU workers become changes of the ledger, one transaction each.

A note is acknowledged after its transaction (``acks_late``), and stays in the queue while Postgres is away. Every
change is idempotent, so a note may come twice; one that is lost all the same costs an attempt when its lease ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import structlog
from celery.exceptions import Reject

from callscope.errors import DatabaseUnavailable, InvalidResult
from callscope.jobs import (
    FAILED_TASK,
    HEARTBEAT_TASK,
    STARTED_TASK,
    STORE_TASK,
    AttemptNote,
    FailureKind,
    FailureNote,
    ResultNote,
    unpack,
)
from callscope.meaning.interpret import InterpreterSource
from callscope.settings import Settings, load_settings
from callscope.targets import TargetsSource
from models import ledger, results
from models.session import Engine, Session, connect, transaction
from workers.celery import app

OUTAGE_PAUSE_S = 1
"""Before a note goes back to the queue, so that an outage doesn't make the writers spin."""

_log = structlog.get_logger(__name__)


# Every task here is acknowledged late. When a writer is killed by a note, the note comes again, but not for ever:
# after three it is dropped, and its attempt ends with its lease.
_LATE = {"acks_late": True, "reject_on_worker_lost": True, "retry_on_worker_lost": True, "max_retries": 3}


@app.task(name=STARTED_TASK, **_LATE)  # type: ignore[untyped-decorator]
def note_started(recording_id: int, packed: str) -> None:
    """Give the attempt its lease."""
    note, lease_ms = unpack(AttemptNote, packed), _settings().lease_ms
    _write(recording_id, lambda session: ledger.mark_started(session, note, lease_ms=lease_ms))


@app.task(name=HEARTBEAT_TASK, **_LATE)  # type: ignore[untyped-decorator]
def note_heartbeat(recording_id: int, packed: str) -> None:
    """Extend the attempt's lease."""
    note, lease_ms = unpack(AttemptNote, packed), _settings().lease_ms
    _write(recording_id, lambda session: ledger.extend_lease(session, note, lease_ms=lease_ms))


@app.task(name=FAILED_TASK, **_LATE)  # type: ignore[untyped-decorator]
def note_failed(recording_id: int, packed: str) -> None:
    """End the attempt without a result."""
    note = unpack(FailureNote, packed)
    _write(recording_id, lambda session: _mark_failed(session, note))


@app.task(name=STORE_TASK, **_LATE)  # type: ignore[untyped-decorator]
def store_result(recording_id: int, packed: str) -> None:
    """Derive and store the result, all of it or nothing; one that the tables refuse ends its attempt with why."""
    note, keep_values = unpack(ResultNote, packed), _settings().entity_values == "clear"
    interpreter, receivers = _interpreters().current(), _targets().receivers()
    try:
        _write(
            recording_id,
            lambda session: results.store(session, note, interpreter, receivers=receivers, keep_values=keep_values),
        )
    except InvalidResult as error:
        _log.warning("result_refused", recording_id=recording_id, why=error.why)
        refused = FailureNote(
            recording_id=recording_id,
            attempt=note.attempt,
            kind=FailureKind.ATTEMPT,
            code=error.code,
            stage="store",
            message=f"{error.what}: {error.why}",
            worker=note.worker,
        )
        _write(recording_id, lambda session: _mark_failed(session, refused))


def _mark_failed(session: Session, note: FailureNote) -> bool:
    settings = _settings()
    return ledger.mark_failed(session, note, max_attempts=settings.max_attempts, retry_delay_ms=settings.retry_delay_ms)


def _write(recording_id: int, change: Callable[[Session], bool]) -> None:
    """
    Make one change in one transaction.

    Raises
    ------
    Reject
        Postgres is away: the note goes back to the queue. Holding it in a waiting task instead would keep the writer
        from stopping, and Celery's own retry would gather all notes in this process's memory.
    """
    try:
        with transaction(_engine()) as session:
            changed = change(session)
    except DatabaseUnavailable as error:
        _log.warning("note_kept", recording_id=recording_id, code=error.code, why=error.why)
        time.sleep(OUTAGE_PAUSE_S)
        raise Reject(error.what, requeue=True) from error
    _log.debug("note_written", recording_id=recording_id, changed=changed)


@cache
def _settings() -> Settings:
    return load_settings()


@cache
def _interpreters() -> InterpreterSource:
    return InterpreterSource(_settings())


@cache
def _targets() -> TargetsSource:
    return TargetsSource(_settings().targets_file)


@cache
def _engine() -> Engine:
    """Return this process's engine: made in the spawned child, on its first note."""
    return connect(_settings().require_database_url())
