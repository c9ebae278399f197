"""An attempt's way through the ledger: begun, alive, failed, lost, made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, and_, case, cast, func, null, select, update
from sqlalchemy.orm import Session

from callscope.errors import AttemptLost
from callscope.jobs import AttemptNote, FailureKind, FailureNote
from models.callbacks import tell_ended
from models.clock import after
from models.tables import FINISHED, Recording, State
from models.texts import storable

LOG_LENGTH = 50
"""Entries kept in an attempt log: an outage of hours must not grow a row without end."""

UNKNOWN_STAGE = "unknown"
"""Stage of an attempt that was lost: nobody is left to tell."""

MAX_MESSAGE_CHARS = 2_000


def mark_started(session: Session, note: AttemptNote, *, lease_ms: int) -> bool:
    """Note that a worker has begun the attempt, and give it a lease; False for a stale note."""
    is_first = Recording.state == State.QUEUED
    untold = case((is_first, null()), else_=Recording.stage)
    return _apply(
        session,
        note,
        {
            "state": State.STARTED,
            "started_at": case((is_first, func.clock_timestamp()), else_=Recording.started_at),
            "lease_until": after(lease_ms),
            "worker": storable(note.worker),
            "stage": note.stage or untold,
        },
    )


def extend_lease(session: Session, note: AttemptNote, *, lease_ms: int) -> bool:
    """Note that the attempt is alive; this makes up for a lost `mark_started` too. False for a stale note."""
    return mark_started(session, note, lease_ms=lease_ms)


def mark_failed(session: Session, note: FailureNote, *, max_attempts: int, retry_delay_ms: int) -> bool:
    """
    Note that the attempt ended without a result.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    note : FailureNote
        Its kind decides: dead at once, another attempt, the attempt given back, or skipped.
    max_attempts : int > 0
        The recording is dead after so many attempts that count.
    retry_delay_ms : int >= 0
        Wait before the next attempt, in milliseconds; none after a release.

    Returns
    -------
    bool
        False for a stale note, which changes nothing.
    """
    outcome = _outcome(note.kind, max_attempts=max_attempts, retry_delay_ms=retry_delay_ms)
    message = storable(note.message, max_chars=MAX_MESSAGE_CHARS)
    failure = {"error_code": note.code, "error_stage": note.stage, "error_message": message}
    log = log_entry(note.kind, code=note.code, stage=note.stage, message=message, worker=storable(note.worker))
    changed = _apply(session, note, outcome | failure | {"attempt_log": log})
    if changed:
        tell_ended(session, [note.recording_id])
    return changed


def expire_leases(session: Session, *, max_attempts: int, retry_delay_ms: int, after_outage: bool = False) -> int:
    """
    End the attempts whose lease ran out; they count.

    The recording travels alone next time, so that a poison one takes no neighbour down with it again.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    max_attempts : int > 0
        The recording is dead after so many attempts that count.
    retry_delay_ms : int >= 0
        Wait before the next attempt, in milliseconds.
    after_outage : bool
        The worker may well have spoken while nobody could hear it: the attempts are given back.

    Returns
    -------
    int
        How many attempts were lost.
    """
    silent = (
        select(Recording.id)
        .where(Recording.state == State.STARTED, Recording.lease_until < func.clock_timestamp())
        .with_for_update(skip_locked=True)
        .cte("silent")
    )
    kind = FailureKind.OUTAGE if after_outage else FailureKind.ATTEMPT
    message = "the worker was not heard of again" + (" after an outage" if after_outage else "")
    change = (
        _waits(after(retry_delay_ms))
        if after_outage
        else _counted(max_attempts=max_attempts, retry_delay_ms=retry_delay_ms) | {"isolate": True}
    )
    lost = session.execute(
        update(Recording)
        .where(Recording.id == silent.c.id)
        .values(
            change
            | {
                "error_code": AttemptLost.code,
                "error_stage": UNKNOWN_STAGE,
                "error_message": message,
                "attempt_log": log_entry(
                    kind,
                    code=AttemptLost.code,
                    stage=UNKNOWN_STAGE,
                    message=message,
                    worker=Recording.worker,
                ),
            }
        )
        .returning(Recording.id)
        .execution_options(synchronize_session=False)
    ).all()
    tell_ended(session, [row.id for row in lost])
    return len(lost)


def replay(session: Session, *, recording_ids: Sequence[int] | None, code: str | None = None) -> int:
    """
    Let recordings be analysed again with all their attempts before them; the attempt log stays.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    recording_ids : sequence of int, optional
        Of recordings that came to any end; those under way are left alone. None: every dead one.
    code : str, optional
        Only those whose last failure was this.

    Returns
    -------
    int
        How many wait again.
    """
    chosen = (
        Recording.state == State.DEAD
        if recording_ids is None
        else and_(Recording.state.in_(FINISHED), Recording.id.in_(recording_ids))
    )
    if code is not None:
        chosen = and_(chosen, Recording.error_code == code)
    replayed = session.execute(
        update(Recording)
        .where(chosen)
        .values(
            _waits(null())
            | {
                "attempts": 0,
                "finished_at": null(),
                "attempt_log": log_entry("replay", code="replay", stage="", message="", worker=""),
            }
        )
        .returning(Recording.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(replayed)


def log_entry(
    kind: str,
    *,
    code: str,
    stage: str,
    message: str,
    worker: str | SQLColumnExpression[Any],
    attempt: int | SQLColumnExpression[int] = Recording.attempt_no,
) -> ColumnElement[Any]:
    """Return the attempt log with one more entry, cut to its newest `LOG_LENGTH`."""
    entry = func.jsonb_build_object(
        "attempt",
        attempt,
        "at",
        func.clock_timestamp(),
        "kind",
        cast(kind, Text),
        "code",
        cast(code, Text),
        "stage",
        cast(stage, Text),
        "message",
        cast(message, Text),
        "worker",
        cast(worker, Text),
    )
    longer = Recording.attempt_log.concat(func.jsonb_build_array(entry))
    return func.jsonb_path_query_array(longer, f"$[last - {LOG_LENGTH - 1} to last]")


def _outcome(kind: FailureKind, *, max_attempts: int, retry_delay_ms: int) -> dict[str, Any]:
    match kind:
        case FailureKind.PERMANENT:
            return _ended(State.DEAD) | {"attempts": Recording.attempts + 1}
        case FailureKind.ATTEMPT:
            return _counted(max_attempts=max_attempts, retry_delay_ms=retry_delay_ms) | {"isolate": False}
        case FailureKind.OUTAGE:
            return _waits(after(retry_delay_ms))
        case FailureKind.RELEASED:
            return _waits(null())
        case FailureKind.GONE:
            return _ended(State.SKIPPED)


def _apply(session: Session, note: AttemptNote | FailureNote, values: Mapping[str, Any]) -> bool:
    """Change the row if the note is of its latest attempt and that is under way; tell whether it was."""
    changed = session.execute(
        update(Recording)
        .where(
            Recording.id == note.recording_id,
            Recording.attempt_no == note.attempt,
            Recording.state.in_((State.QUEUED, State.STARTED)),
        )
        .values(values)
        .returning(Recording.id)
        .execution_options(synchronize_session=False)
    ).first()
    return changed is not None


def _waits(not_before: ColumnElement[Any]) -> dict[str, Any]:
    return {"state": State.DISCOVERED, "lease_until": null(), "not_before": not_before}


def _ended(state: State) -> dict[str, Any]:
    return {"state": state, "lease_until": null(), "finished_at": func.clock_timestamp()}


def _counted(*, max_attempts: int, retry_delay_ms: int) -> dict[str, Any]:
    """Return the change that an attempt of its own fault makes: another one after a while, or dead after the last."""
    is_last = Recording.attempts + 1 >= max_attempts
    return {
        "attempts": Recording.attempts + 1,
        "state": case((is_last, State.DEAD), else_=State.DISCOVERED),
        "lease_until": null(),
        "finished_at": case((is_last, func.clock_timestamp()), else_=null()),
        "not_before": case((is_last, null()), else_=after(retry_delay_ms)),
    }
