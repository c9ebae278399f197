"""What the ledger tells people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, cast, func, select, tuple_
from sqlalchemy.orm import Session

from models.tables import Analysis, Recording, State


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """An entry of the attempt log."""

    attempt: int
    at: datetime
    kind: str
    """A `FailureKind`, ``result`` or ``replay``."""
    code: str
    stage: str
    message: str
    worker: str


@dataclass(frozen=True, slots=True)
class DeadRecording:
    """A recording that was given up, with everything that is known about why."""

    recording_id: int
    bucket: str
    key: str
    call_id: str | None
    agent_id: str | None
    queue: str | None
    stage: str
    code: str
    message: str
    attempts: int
    finished_at: datetime
    attempt_log: tuple[AttemptOutcome, ...]
    """Oldest first."""


@dataclass(frozen=True, slots=True)
class DeadReason:
    """How many recordings were given up for one reason."""

    code: str
    recordings: int


@dataclass(frozen=True, slots=True)
class RecordingProgress:
    """How far a recording got."""

    recording_id: int
    key: str
    state: State
    attempts: int
    stage: str | None
    """Of the last failure; None without one."""
    code: str | None
    """Of the last failure; None without one."""
    elapsed_ms: int
    """From its discovery to its end, or to now."""


@dataclass(frozen=True, slots=True)
class Span:
    """How far some recordings got together, and how long that took by the database's clock."""

    recordings: int = 0
    finished: int = 0
    with_result: int = 0
    """Of the finished ones: done, or without speech."""
    elapsed_ms: int = 0
    """From the first job sent to the last end so far; 0 while there is none."""
    workers: tuple[str, ...] = ()
    """Host, process and device of each worker that took one up."""
    engines: tuple[str, ...] = ()
    """What made the results, such as ``onnx-int8``."""


def list_dead(
    session: Session, *, limit: int, code: str | None = None, before: tuple[datetime, int] | None = None
) -> list[DeadRecording]:
    """
    Return recordings that were given up, the latest first.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    limit : int > 0
        At most so many.
    code : str, optional
        Only those of this reason.
    before : (datetime, int), optional
        Only those that come after this end and number in the list: where the page before stopped.
    """
    dead = (
        select(Recording)
        .where(Recording.state == State.DEAD)
        .order_by(Recording.finished_at.desc(), Recording.id.desc())
        .limit(limit)
    )
    if code is not None:
        dead = dead.where(Recording.error_code == code)
    if before is not None:
        dead = dead.where(tuple_(Recording.finished_at, Recording.id) < before)
    return [
        DeadRecording(
            recording_id=row.id,
            bucket=row.bucket,
            key=row.key,
            call_id=row.call_id,
            agent_id=row.agent_id,
            queue=row.queue,
            stage=row.error_stage or "",
            code=row.error_code or "",
            message=row.error_message or "",
            attempts=row.attempts,
            finished_at=row.finished_at or row.discovered_at,
            attempt_log=tuple(_outcome(entry) for entry in row.attempt_log),
        )
        for row in session.scalars(dead)
    ]


def count_dead(session: Session) -> list[DeadReason]:
    """Return why recordings were given up, the most frequent reason first."""
    counted = (
        select(func.coalesce(Recording.error_code, ""), func.count())
        .where(Recording.state == State.DEAD)
        .group_by(Recording.error_code)
        .order_by(func.count().desc(), Recording.error_code)
    )
    return [DeadReason(*row) for row in session.execute(counted)]


def count_states(session: Session) -> dict[State, int]:
    """Return how many recordings stand in each state; every state is there."""
    counted = dict(session.execute(select(Recording.state, func.count()).group_by(Recording.state)).all())
    return {state: counted.get(state, 0) for state in State}


def progress(session: Session, *, limit: int = 200) -> list[RecordingProgress]:
    """Return how far the recordings got that were discovered last, at most ``limit``, in order of discovery."""
    elapsed = func.coalesce(Recording.finished_at, func.clock_timestamp()) - Recording.discovered_at
    rows = session.execute(
        select(Recording, cast(func.extract("epoch", elapsed) * 1_000, BigInteger))
        .order_by(Recording.id.desc())
        .limit(limit)
    ).all()
    newest_first = [
        RecordingProgress(
            recording_id=row.id,
            key=row.key,
            state=State(row.state),
            attempts=row.attempts,
            stage=row.error_stage,
            code=row.error_code,
            elapsed_ms=elapsed_ms,
        )
        for row, elapsed_ms in rows
    ]
    return newest_first[::-1]


def span(session: Session, *, prefix: str) -> Span:
    """Return how far the recordings got whose keys begin so."""
    chosen = Recording.key.startswith(prefix, autoescape=True)
    elapsed = func.max(Recording.finished_at) - func.min(Recording.sent_at)
    engines = select(Analysis.engine).distinct().join(Recording).where(chosen)
    row = session.execute(
        select(
            func.count(),
            func.count(Recording.finished_at),
            func.count().filter(Recording.state.in_((State.DONE, State.NO_SPEECH))),
            func.coalesce(cast(func.extract("epoch", elapsed) * 1_000, BigInteger), 0),
            func.array_agg(Recording.worker.distinct()).filter(Recording.worker.is_not(None)),
        ).where(chosen)
    ).one()
    workers = tuple(filter(None, row[4] or ()))
    return Span(*row[:4], workers=workers, engines=tuple(session.scalars(engines)))


def _outcome(entry: Mapping[str, Any]) -> AttemptOutcome:
    return AttemptOutcome(**{**entry, "at": datetime.fromisoformat(entry["at"])})
