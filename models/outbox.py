"""
The outbox: what is due is taken, and what came of it is written down.

A message is taken by a lease: its `not_before` moves ahead, in a short transaction, so nothing is locked while a
receiver takes its time. A sender that is killed says nothing, its lease runs out, and the message is sent again under
the same `message_id`: at least once. The lease is its own proof too: a sender that was too slow can't undo what a later
one wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, cast, false, func, null, or_, select, update
from sqlalchemy.orm import Session

from callscope.calls import NoticeKind
from callscope.targets import Receiver
from models.clock import after
from models.tables import Outbox
from models.texts import storable

MAX_ERROR_CHARS = 2_000


class MessageState(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was taken to be sent."""

    id: int
    message_id: str
    """The same in every attempt."""
    receiver: Receiver
    payload: Mapping[str, Any]
    recording_id: int | None
    attempts: int
    """Times that sending failed before."""
    created_at: datetime
    lease_until: datetime
    """Nobody else takes it before."""


@dataclass(frozen=True, slots=True)
class MessageStatus:
    """A message as people look at it; what it tells is left out."""

    id: int
    message_id: str
    kind: NoticeKind
    target: str
    type: str
    recording_id: int | None
    state: MessageState
    created_at: datetime
    attempts: int
    not_before: datetime | None
    """When it is tried next, at the earliest; None: at once, or never again."""
    ended_at: datetime | None
    """When it was sent, or given up."""
    error_message: str
    """Why the last attempt failed; empty when it didn't."""


@dataclass(frozen=True, slots=True)
class ReceiverCounts:
    """How the messages to one receiver are doing."""

    kind: NoticeKind
    target: str
    waiting: int
    sent: int
    dead: int
    oldest_waiting_ms: int
    """Age of the oldest that waits; 0 when none does."""


_UNSENT = and_(Outbox.sent_at.is_(None), Outbox.dead_at.is_(None))


def now(session: Session) -> datetime:
    """Return the database's clock."""
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment


def due_receivers(session: Session, *, by: datetime | None = None) -> list[Receiver]:
    """Return the receivers that messages are due for, by the moment ``by``; None: now."""
    due = select(Outbox.kind, Outbox.target).where(_is_due(by)).distinct().order_by(Outbox.kind, Outbox.target)
    return [Receiver(NoticeKind(row.kind), row.target) for row in session.execute(due)]


def take(
    session: Session, receiver: Receiver, *, limit: int, lease_ms: int, by: datetime | None = None
) -> list[Message]:
    """
    Take the oldest messages that are due for a receiver; nobody else gets them before the lease ends.

    Parameters
    ----------
    session : Session
        Inside a transaction; the messages are taken when it is committed, so send after that.
    receiver : Receiver
        Whose messages.
    limit : int > 0
        At most so many.
    lease_ms : int > 0
        Longer than sending one can take.
    by : datetime, optional
        Leave out what became due later; None: now.
    """
    is_theirs = and_(Outbox.kind == receiver.kind, Outbox.target == receiver.target)
    # A CTE, not a subquery: the planner may run a subquery again for each row, and lock more than its limit.
    chosen = (
        select(Outbox.id)
        .where(_is_due(by), is_theirs)
        .order_by(Outbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    rows = session.execute(
        update(Outbox)
        .where(Outbox.id == chosen.c.id)
        .values(not_before=after(lease_ms))
        .returning(
            Outbox.id,
            Outbox.message_id,
            Outbox.payload,
            Outbox.recording_id,
            Outbox.attempts,
            Outbox.created_at,
            Outbox.not_before,
        )
        .execution_options(synchronize_session=False)
    ).all()
    return [
        Message(
            id=row.id,
            message_id=row.message_id,
            receiver=receiver,
            payload=row.payload,
            recording_id=row.recording_id,
            attempts=row.attempts,
            created_at=row.created_at,
            lease_until=row.not_before,
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]


def mark_sent(session: Session, message: Message) -> None:
    """Note that the receiver took it. This holds whatever happened since: it was sent."""
    _write(
        session,
        and_(Outbox.id == message.id, Outbox.sent_at.is_(None)),
        {"sent_at": func.clock_timestamp(), "dead_at": null(), "not_before": null(), "error_message": null()},
    )


def mark_failed(session: Session, message: Message, *, why: str, delay_ms: int) -> None:
    """Note that sending failed, and when it is tried again; nothing when another sender took it meanwhile."""
    _end_attempt(session, message, why, {"not_before": after(delay_ms)})


def mark_dead(session: Session, message: Message, *, why: str) -> None:
    """Give the message up, until somebody replays it; nothing when another sender took it meanwhile."""
    _end_attempt(session, message, why, {"not_before": null(), "dead_at": func.clock_timestamp()})


def replay(session: Session, *, ids: Sequence[int] | None = None, target: str | None = None) -> int:
    """
    Let dead messages be sent again, with all their attempts before them; return how many.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    ids : sequence of int, optional
        Only these; None: every dead one.
    target : str, optional
        Only those to receivers of this name.
    """
    chosen: list[ColumnElement[bool]] = [Outbox.dead_at.is_not(None)]
    chosen += [Outbox.id.in_(ids)] if ids is not None else []
    chosen += [Outbox.target == target] if target is not None else []
    return _write(session, and_(*chosen), {"dead_at": null(), "attempts": 0, "not_before": null()})


def list_messages(
    session: Session, *, states: Sequence[MessageState], target: str | None = None, limit: int
) -> list[MessageStatus]:
    """Return messages in these states, the latest first, at most ``limit``."""
    chosen = select(
        Outbox.id,
        Outbox.message_id,
        Outbox.kind,
        Outbox.target,
        Outbox.payload["type"].astext.label("type"),
        Outbox.recording_id,
        Outbox.created_at,
        Outbox.attempts,
        Outbox.not_before,
        Outbox.sent_at,
        Outbox.dead_at,
        Outbox.error_message,
    ).where(_in_states(states))
    if target is not None:
        chosen = chosen.where(Outbox.target == target)
    return [
        MessageStatus(
            id=row.id,
            message_id=row.message_id,
            kind=NoticeKind(row.kind),
            target=row.target,
            type=row.type or "",
            recording_id=row.recording_id,
            state=_state(row.sent_at, row.dead_at),
            created_at=row.created_at,
            attempts=row.attempts,
            not_before=row.not_before,
            ended_at=row.sent_at or row.dead_at,
            error_message=row.error_message or "",
        )
        for row in session.execute(chosen.order_by(Outbox.id.desc()).limit(limit))
    ]


def count_messages(session: Session) -> list[ReceiverCounts]:
    """Return how many messages wait, were sent and were given up, for each receiver that ever had one."""
    oldest = func.min(Outbox.created_at).filter(_UNSENT)
    age_ms = cast(func.extract("epoch", func.clock_timestamp() - oldest) * 1_000, BigInteger)
    rows = session.execute(
        select(
            Outbox.kind,
            Outbox.target,
            func.count().filter(_UNSENT),
            func.count(Outbox.sent_at),
            func.count(Outbox.dead_at),
            func.coalesce(age_ms, 0),
        )
        .group_by(Outbox.kind, Outbox.target)
        .order_by(Outbox.kind, Outbox.target)
    )
    return [
        ReceiverCounts(NoticeKind(kind), target, waiting, sent, dead, oldest_waiting_ms)
        for kind, target, waiting, sent, dead, oldest_waiting_ms in rows
    ]


def _is_due(by: datetime | None) -> ColumnElement[bool]:
    moment = func.clock_timestamp() if by is None else by
    return and_(_UNSENT, func.coalesce(Outbox.not_before, Outbox.created_at) <= moment)


def _end_attempt(session: Session, message: Message, why: str, outcome: Mapping[str, Any]) -> None:
    is_still_ours = and_(Outbox.id == message.id, _UNSENT, Outbox.not_before == message.lease_until)
    told = {"attempts": Outbox.attempts + 1, "error_message": storable(why, max_chars=MAX_ERROR_CHARS)}
    _write(session, is_still_ours, told | dict(outcome))


def _write(session: Session, chosen: ColumnElement[bool], values: Mapping[str, Any]) -> int:
    changed = session.execute(
        update(Outbox).where(chosen).values(**values).returning(Outbox.id).execution_options(synchronize_session=False)
    )
    return len(changed.all())


def _state(sent_at: datetime | None, dead_at: datetime | None) -> MessageState:
    if sent_at is not None:
        return MessageState.SENT
    return MessageState.WAITING if dead_at is None else MessageState.DEAD


def _in_states(states: Sequence[MessageState]) -> ColumnElement[bool]:
    chosen: list[ColumnElement[bool]] = []
    for state in states:
        match state:
            case MessageState.WAITING:
                chosen.append(_UNSENT)
            case MessageState.SENT:
                chosen.append(Outbox.sent_at.is_not(None))
            case MessageState.DEAD:
                chosen.append(Outbox.dead_at.is_not(None))
    return or_(false(), *chosen)
