"""Recordings leave the ledger for the queue."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, not_, null, or_, select, update
from sqlalchemy.orm import Session

from callscope.calls import Language, RecordingRef, Role
from callscope.jobs import AnalyseJob
from models.clock import after
from models.tables import Recording, State

IS_URGENT = and_(Recording.priority > 0, not_(Recording.isolate))
"""Somebody waits for it. One whose last attempt was lost travels alone all the same: it may kill its worker again."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that the ledger counts as sent from now on."""

    job: AnalyseJob
    isolate: bool
    """The last attempt was lost with its worker: send this one to the queue where it travels alone."""


def take(session: Session, *, limit: int, sent_deadline_ms: int, waiting: int = 0, urgent: bool = False) -> list[Taken]:
    """
    Return the jobs to send next and count them as sent; publish them after the commit.

    Rows that were sent and not started within the deadline come first, under the same attempt number: not started
    means that no attempt was made. Then the waiting ones, by priority, then age. Rows that another dispatcher holds
    are passed over.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    limit : int
        At most so many jobs; 0 or less: none.
    sent_deadline_ms : int > 0
        A row sent longer ago than this and not started is eligible again.
    waiting : int >= 0
        Messages that the broker still holds. So many of the overdue rows are late and not lost, and are not sent
        again; 0 sends every overdue row again, which costs duplicates when the workers are slow.
    urgent : bool
        Of the urgent rows (priority above 0), else of all others: neither waits behind the other.
    """
    if limit <= 0:
        return []
    is_wanted = IS_URGENT if urgent else not_(IS_URGENT)
    sent = session.scalar(select(func.count()).where(Recording.state == State.QUEUED, is_wanted)) or 0
    overdue = (
        select(Recording.id)
        .where(Recording.state == State.QUEUED, is_wanted, Recording.sent_at < after(-sent_deadline_ms))
        .limit(max(0, min(limit, sent - waiting)))
    )
    again = _send(session, overdue, attempt_no=Recording.attempt_no + 0)
    due = (
        select(Recording.id)
        .where(
            Recording.state == State.DISCOVERED,
            is_wanted,
            or_(Recording.not_before.is_(None), Recording.not_before <= func.clock_timestamp()),
        )
        .limit(limit - len(again))
    )
    return again + _send(session, due, attempt_no=Recording.attempt_no + 1)


def _send(session: Session, eligible: Select[int], *, attempt_no: ColumnElement[int]) -> list[Taken]:
    # A CTE, not a subquery: the planner may run a subquery again for each row, and lock more than its limit.
    chosen = eligible.order_by(Recording.priority.desc(), Recording.id).with_for_update(skip_locked=True).cte("chosen")
    rows = session.execute(
        update(Recording)
        .where(Recording.id == chosen.c.id)
        .values(state=State.QUEUED, sent_at=func.clock_timestamp(), not_before=null(), attempt_no=attempt_no)
        .returning(
            Recording.id,
            Recording.priority,
            Recording.attempt_no,
            Recording.bucket,
            Recording.key,
            Recording.etag,
            Recording.size_bytes,
            Recording.channel_roles,
            Recording.isolate,
            Recording.language,
        )
        .execution_options(synchronize_session=False)
    ).all()
    return [
        Taken(
            AnalyseJob(
                recording_id=row.id,
                attempt=row.attempt_no,
                ref=RecordingRef(row.bucket, row.key, row.etag, row.size_bytes),
                channel_roles=tuple(Role(role) for role in row.channel_roles),
                urgent=row.priority > 0,
                language=Language(row.language) if row.language else None,
            ),
            isolate=row.isolate,
        )
        for row in sorted(rows, key=lambda row: (-row.priority, row.id))
    ]
