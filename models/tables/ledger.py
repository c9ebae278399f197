"""Recordings on their way, and who handed them over."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, one_of


class State(StrEnum):
    """Where a recording stands. The last four are ends; only `dead replay` leaves them."""

    DISCOVERED = "discovered"
    """Waits in the ledger to be sent, at once or after `Recording.not_before`."""
    QUEUED = "queued"
    STARTED = "started"
    DONE = "done"
    NO_SPEECH = "no_speech"
    DEAD = "dead"
    SKIPPED = "skipped"


CALL_AT = "COALESCE(call_started_at, discovered_at)"
"""When a call began, as far as is known; in these words, for an index has them."""

FINISHED = (State.DONE, State.NO_SPEECH, State.DEAD, State.SKIPPED)


class Recording(Base):
    """The ledger: one row for each version of each object, and the truth about how far it got."""

    __tablename__ = "recording"
    __table_args__ = (
        UniqueConstraint("bucket", "key", "etag"),
        one_of("state", State),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
        CheckConstraint("attempts >= 0 AND attempt_no >= 0", name="attempts"),
        CheckConstraint("state <> 'started' OR lease_until IS NOT NULL", name="started_has_lease"),
        CheckConstraint(
            "(state IN ('done', 'no_speech', 'dead', 'skipped')) = (finished_at IS NOT NULL)",
            name="finished_has_time",
        ),
        CheckConstraint(
            "state NOT IN ('dead', 'skipped')"
            " OR (error_code IS NOT NULL AND error_stage IS NOT NULL AND error_message IS NOT NULL)",
            name="failure_has_reason",
        ),
        CheckConstraint("language IN ('zh', 'en', 'yue', 'ja', 'ko')", name="language"),
        # Dispatch reads the head of this one, whatever the size of the table.
        Index(
            "ix_recording_eligible",
            text("priority DESC"),
            text("id"),
            postgresql_where=text("state = 'discovered'"),
        ),
        # Rows under way, dead rows, and counts.
        Index("ix_recording_state", "state"),
        Index("ix_recording_call_date", "call_date"),
        Index("ix_recording_call_id", "call_id"),
        # The list of calls, newest first: all, of an agent, of a queue.
        Index("ix_recording_call_at", text(CALL_AT), text("id")),
        Index("ix_recording_agent_id", text("agent_id"), text(CALL_AT), text("id")),
        Index("ix_recording_queue", text("queue"), text(CALL_AT), text("id")),
        {"comment": "ledger: one row for each version of each recording found in the store"},
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="number of the recording, in order of discovery"
    )
    bucket: Mapped[str] = mapped_column(comment="bucket that the recording lies in")
    key: Mapped[str] = mapped_column(comment="key of the object in the bucket")
    etag: Mapped[str] = mapped_column(comment="version of the object; a new one is a new recording")
    size_bytes: Mapped[int] = mapped_column(BigInteger, comment="size of the object, in bytes")
    state: Mapped[str] = mapped_column(
        server_default=text("'discovered'"),
        comment="discovered (waits), queued (sent), started (under way), or an end: done, no_speech, dead, skipped",
    )
    priority: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("0"), comment="higher is sent first; 0 is usual; equal ones by id"
    )
    attempt_no: Mapped[int] = mapped_column(
        server_default=text("0"), comment="number of the latest attempt sent; notes of any other attempt are stale"
    )
    attempts: Mapped[int] = mapped_column(
        server_default=text("0"), comment="attempts that ended and count; outages and releases do not"
    )
    isolate: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="last attempt was lost with its worker: travels alone next time"
    )
    discovered_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="when it was first listed")
    sent_at: Mapped[datetime | None] = mapped_column(comment="when the latest attempt was sent")
    started_at: Mapped[datetime | None] = mapped_column(comment="when a worker took up the latest attempt")
    lease_until: Mapped[datetime | None] = mapped_column(comment="not heard of by then, the attempt is lost")
    not_before: Mapped[datetime | None] = mapped_column(comment="not sent again before; null: at once")
    finished_at: Mapped[datetime | None] = mapped_column(comment="when it came to its end; null while it has none")
    worker: Mapped[str | None] = mapped_column(comment="host, process and device of the latest attempt")
    error_code: Mapped[str | None] = mapped_column(comment="last failure: its code, such as undecodable")
    error_stage: Mapped[str | None] = mapped_column(
        comment="last failure: its stage, such as decode; unknown for a lost attempt"
    )
    error_message: Mapped[str | None] = mapped_column(comment="last failure: what happened, in words")
    attempt_log: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB,
        server_default=text("'[]'::jsonb"),
        comment="how each attempt ended, newest last, at most 50: attempt, at, kind, code, stage, message, worker",
    )
    call_id: Mapped[str | None] = mapped_column(comment="number of the call in the telephony system")
    agent_id: Mapped[str | None] = mapped_column(comment="agent who took the call")
    queue: Mapped[str | None] = mapped_column(comment="telephony queue that the call came through")
    direction: Mapped[str | None] = mapped_column(comment="inbound or outbound, as telephony tells")
    call_started_at: Mapped[datetime | None] = mapped_column(comment="when the call began, as telephony tells")
    call_date: Mapped[date] = mapped_column(
        Computed("(COALESCE(call_started_at, discovered_at) AT TIME ZONE 'UTC')::date", persisted=True),
        comment="UTC date of the call: of its begin, else of its discovery",
    )
    extra: Mapped[dict[str, str]] = mapped_column(
        "metadata",
        JSONB,
        server_default=text("'{}'::jsonb"),
        comment="every further pair of the call's metadata, as it came",
    )
    channel_roles: Mapped[list[str]] = mapped_column(
        ARRAY(Text()), server_default=text("'{}'::text[]"), comment="role of channel 0, 1, ...; empty: as configured"
    )
    stage: Mapped[str | None] = mapped_column(
        comment="what the latest attempt is at, such as transcribe; null: nobody told"
    )
    language: Mapped[str | None] = mapped_column(
        comment="language that is spoken, as the uploader says; null: it is recognised"
    )
    callback_url: Mapped[str | None] = mapped_column(comment="webhook that is told when the recording ends; null: none")


class Submission(Base):
    """A request that carried an idempotency key: a repeated one makes nothing twice."""

    __tablename__ = "submission"
    __table_args__ = (
        Index("ix_submission_recording_id", "recording_id"),
        {"comment": "requests that carried an idempotency key, so that a repeated one makes nothing twice"},
    )

    holder: Mapped[str] = mapped_column(primary_key=True, comment="name of the key that the request came with")
    idempotency_key: Mapped[str] = mapped_column(primary_key=True, comment="what the client named its request")
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of the file and of what was said about it")
    recording_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("recording.id", ondelete="CASCADE"), comment="recording that the request made"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="when the request came")
