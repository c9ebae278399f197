"""What people say of calls, what they keep, and the keys that let them in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from callscope.calls import Emotion as EmotionTag
from callscope.calls import Language, Role
from models.base import Base, one_of

_NOW = text("now()")
"""Made here, since within some tables `text` is a column."""


class Annotation(Base):
    """What a person says of a stretch of a call, beside what the machine heard there."""

    __tablename__ = "annotation"
    __table_args__ = (
        UniqueConstraint("recording_id", "channel", "start_ms", "end_ms"),
        one_of("emotion", EmotionTag),
        one_of("role", Role),
        one_of("language", Language),
        CheckConstraint("channel >= 0", name="channel"),
        CheckConstraint("0 <= start_ms AND start_ms < end_ms", name="runs_forward"),
        CheckConstraint("num_nonnulls(text, emotion, role, language, note) > 0", name="says_something"),
        Index("ix_annotation_updated_at", "updated_at"),
        {"comment": "what people say of stretches of calls, beside what was heard there; no analysis replaces it"},
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="number of the annotation"
    )
    recording_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("recording.id", ondelete="CASCADE"), comment="recording that it is about"
    )
    channel: Mapped[int] = mapped_column(SmallInteger, comment="channel of the file, from 0")
    start_ms: Mapped[int] = mapped_column(comment="start in the call, in ms; the segment's that was corrected")
    end_ms: Mapped[int] = mapped_column(comment="end in the call, in ms, exclusive")
    text: Mapped[str | None] = mapped_column(comment="what is said there; null: as it was heard")
    emotion: Mapped[str | None] = mapped_column(comment="what is felt there; null: as it was heard")
    role: Mapped[str | None] = mapped_column(comment="who speaks there; null: as it was heard")
    language: Mapped[str | None] = mapped_column(comment="what is spoken there; null: as it was heard")
    note: Mapped[str | None] = mapped_column(comment="what the person wants to add; null: nothing")
    author: Mapped[str] = mapped_column(comment="who says so: the name of the key")
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW, comment="when it was first written")
    updated_at: Mapped[datetime] = mapped_column(server_default=_NOW, comment="when it was last changed")


class SavedView(Base):
    """Filters of the list of calls that somebody kept, for everybody."""

    __tablename__ = "saved_view"
    __table_args__ = (
        UniqueConstraint("name"),
        {"comment": "filters of the list of calls that people kept, for everybody"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="number of the view")
    name: Mapped[str] = mapped_column(comment="what people call it")
    query: Mapped[str] = mapped_column(comment="its filters and order, as the list's address has them")
    author: Mapped[str] = mapped_column(comment="who kept it: the name of a key")
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW, comment="when it was kept")


class ApiKey(Base):
    """Who may call the API. The key itself is never stored."""

    __tablename__ = "api_key"
    __table_args__ = (
        UniqueConstraint("name"),
        UniqueConstraint("key_hash"),
        {"comment": "who may call the API; the key itself is never stored"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True, comment="number of the key")
    name: Mapped[str] = mapped_column(comment="whom the key was given to")
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, comment="SHA-256 of the key")
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text()), comment="what it may do")
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="when it was made")
    expires_at: Mapped[datetime | None] = mapped_column(comment="not valid from then on; null: does not expire")
    last_used_at: Mapped[datetime | None] = mapped_column(comment="when it was last used")
    revoked_at: Mapped[datetime | None] = mapped_column(comment="when it was withdrawn; null while it is valid")
