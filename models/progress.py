"""How far a recording is, for whoever waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from callscope.calls import RecordingRef
from models.ledger.dispatch import IS_URGENT
from models.tables import FINISHED, Recording, State


class ProgressStage(StrEnum):
    """Where a recording is, in the words of whoever waits. The last four are ends."""

    QUEUED = "queued"
    FETCHING = "fetching"
    ANALYSING = "analysing"
    DONE = "done"
    NO_SPEECH = "no_speech"
    DEAD = "dead"
    SKIPPED = "skipped"


ENDS = frozenset({ProgressStage.DONE, ProgressStage.NO_SPEECH, ProgressStage.DEAD, ProgressStage.SKIPPED})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recording is."""

    recording_id: int
    state: State
    stage: ProgressStage
    place: int | None
    """Its position among the urgent recordings that wait, 1 for the next; None while it doesn't wait there."""
    elapsed_ms: int
    """From its discovery to its end, or to now."""
    code: str | None
    """Of the last failure."""
    message: str | None

    @property
    def has_ended(self) -> bool:
        """No later progress tells more."""
        return self.stage in ENDS


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording as the API shows it."""

    id: int
    bucket: str
    key: str
    size_bytes: int
    state: State
    priority: int
    language: str | None
    call_id: str | None
    agent_id: str | None
    queue: str | None
    direction: str | None
    call_started_at: datetime | None
    discovered_at: datetime
    finished_at: datetime | None
    attempts: int
    code: str | None
    message: str | None
    metadata: dict[str, str]


_WAITING = (State.DISCOVERED, State.QUEUED)


def read_progress(session: Session, recording_id: int) -> Progress | None:
    """Return how far a recording is; None when there is none of this number."""
    elapsed = func.coalesce(Recording.finished_at, func.clock_timestamp()) - Recording.discovered_at
    row = session.execute(
        select(
            Recording.state,
            Recording.stage,
            Recording.priority,
            Recording.isolate,
            cast(func.extract("epoch", elapsed) * 1_000, BigInteger).label("elapsed_ms"),
            Recording.error_code,
            Recording.error_message,
        ).where(Recording.id == recording_id)
    ).first()
    if row is None:
        return None
    state = State(row.state)
    waits = state in _WAITING and row.priority > 0 and not row.isolate
    return Progress(
        recording_id=recording_id,
        state=state,
        stage=_stage(state, row.stage),
        place=_place(session, row.priority, recording_id) if waits else None,
        elapsed_ms=row.elapsed_ms,
        code=row.error_code,
        message=row.error_message,
    )


def _place(session: Session, priority: int, recording_id: int) -> int:
    ahead = or_(Recording.priority > priority, and_(Recording.priority == priority, Recording.id < recording_id))
    return 1 + (session.scalar(select(func.count()).where(Recording.state.in_(_WAITING), IS_URGENT, ahead)) or 0)


def _stage(state: State, stage: str | None) -> ProgressStage:
    match state:
        case State.DISCOVERED | State.QUEUED:
            return ProgressStage.QUEUED
        case State.STARTED:
            return ProgressStage.FETCHING if stage in {None, "fetch"} else ProgressStage.ANALYSING
        case _:
            return ProgressStage(state.value)


def read_recording(session: Session, recording_id: int) -> RecordingRow | None:
    """Return a recording as the ledger has it; None when there is none of this number."""
    row = session.get(Recording, recording_id)
    return _recording(row) if row else None


def read_ref(session: Session, recording_id: int) -> RecordingRef | None:
    """Return where a recording lies; None when there is none of this number."""
    row = session.execute(
        select(Recording.bucket, Recording.key, Recording.etag, Recording.size_bytes).where(
            Recording.id == recording_id
        )
    ).first()
    return RecordingRef(*row) if row else None


def page_recordings(
    session: Session, *, limit: int, before_id: int | None = None, states: tuple[State, ...] = ()
) -> list[RecordingRow]:
    """Return recordings, the latest found first, those before ``before_id``; of some states alone when named."""
    chosen = select(Recording).order_by(Recording.id.desc()).limit(limit)
    if before_id is not None:
        chosen = chosen.where(Recording.id < before_id)
    if states:
        chosen = chosen.where(Recording.state.in_(states))
    return [_recording(row) for row in session.scalars(chosen)]


def oldest_waiting_ms(session: Session) -> int:
    """Return the age of the oldest recording that hasn't ended, in ms; 0 when all have."""
    oldest = select(func.min(Recording.discovered_at)).where(Recording.state.not_in(FINISHED)).scalar_subquery()
    return session.scalar(select(cast(func.extract("epoch", func.clock_timestamp() - oldest) * 1_000, BigInteger))) or 0


def _recording(row: Recording) -> RecordingRow:
    return RecordingRow(
        id=row.id,
        bucket=row.bucket,
        key=row.key,
        size_bytes=row.size_bytes,
        state=State(row.state),
        priority=row.priority,
        language=row.language,
        call_id=row.call_id,
        agent_id=row.agent_id,
        queue=row.queue,
        direction=row.direction,
        call_started_at=row.call_started_at,
        discovered_at=row.discovered_at,
        finished_at=row.finished_at,
        attempts=row.attempts,
        code=row.error_code,
        message=row.error_message,
        metadata=dict(row.extra),
    )
