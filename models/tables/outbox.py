"""Messages on their way out."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from callscope.calls import NoticeKind
from models.base import Base, one_of


class Outbox(Base):
    """What is to be told to others, written in the transaction that makes it true."""

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("kind", NoticeKind),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("sent_at IS NULL OR dead_at IS NULL", name="one_end"),
        UniqueConstraint("message_id"),
        Index("ix_outbox_unsent", "id", postgresql_where=text("sent_at IS NULL AND dead_at IS NULL")),
        Index("ix_outbox_recording_id", "recording_id"),
        {"comment": "messages to others, written in the transaction that makes them true"},
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="number of the message, in order of writing"
    )
    recording_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("recording.id", ondelete="CASCADE"), comment="recording that it is about, if any"
    )
    kind: Mapped[str] = mapped_column(comment="webhook or mail")
    target: Mapped[str] = mapped_column(comment="name of the configured receiver")
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="what is told")
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="when it was written")
    not_before: Mapped[datetime | None] = mapped_column(comment="not sent before; null: at once")
    attempts: Mapped[int] = mapped_column(server_default=text("0"), comment="times that sending failed")
    sent_at: Mapped[datetime | None] = mapped_column(comment="when the receiver took it; null while it waits")
    error_message: Mapped[str | None] = mapped_column(comment="why the last attempt failed")
    message_id: Mapped[str] = mapped_column(
        default=lambda: f"msg_{uuid4().hex}",
        comment="number that the receiver sees, the same in every attempt: it tells copies by it",
    )
    dead_at: Mapped[datetime | None] = mapped_column(
        comment="when it was given up; `callscope outbox replay` sends it again"
    )
