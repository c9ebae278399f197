"""The calls as the list finds them."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from callscope.calls import Severity
from models.base import Base, is_share, one_of


class CallIndex(Base):
    """What an analysed call is listed, sorted and found by: made from its current analysis, and again at any time."""

    __tablename__ = "call_index"
    __table_args__ = (
        is_share("angry_share"),
        one_of("severity", Severity),
        # Equal keys by number, so that a page ends at one row.
        Index("ix_call_index_call_at", "call_at", "recording_id"),
        Index("ix_call_index_angry_share", "angry_share", "recording_id"),
        Index("ix_call_index_duration_ms", "duration_ms", "recording_id"),
        Index("ix_call_index_agent_id", "agent_id", "call_at", "recording_id"),
        Index("ix_call_index_queue", "queue", "call_at", "recording_id"),
        Index("ix_call_index_facets", "facets", postgresql_using="gin"),
        Index("ix_call_index_grams", "grams", postgresql_using="gin"),
        {"comment": "what each analysed call is listed, sorted and found by; made from its current analysis"},
    )

    recording_id: Mapped[int] = mapped_column(
        BigInteger,
        ForeignKey("recording.id", ondelete="CASCADE"),
        primary_key=True,
        comment="recording whose current analysis it speaks of",
    )
    analysis_id: Mapped[int] = mapped_column(BigInteger, comment="that analysis")
    call_at: Mapped[datetime] = mapped_column(comment="when the call began, else when it was discovered")
    call_date: Mapped[date] = mapped_column(comment="UTC date of the call, as in analysis")
    agent_id: Mapped[str | None] = mapped_column(comment="agent who took the call")
    queue: Mapped[str | None] = mapped_column(comment="telephony queue that the call came through")
    duration_ms: Mapped[int] = mapped_column(comment="length of the recording, in ms")
    angry_share: Mapped[float] = mapped_column(comment="share of the customer's speech that is angry, in [0, 1]")
    emotion_shares: Mapped[dict[str, float]] = mapped_column(
        JSONB,
        comment="share of the customer's speech under each emotion, by label;"
        " of all speech where nobody is known to be one",
    )
    anger_bursts: Mapped[int] = mapped_column(comment="customers' bursts of anger")
    severity: Mapped[str | None] = mapped_column(comment="the gravest of its findings'; null without a finding")
    finding_count: Mapped[int] = mapped_column(comment="findings")
    facets: Mapped[list[str]] = mapped_column(
        ARRAY(Text()),
        comment="what it is filtered by: language:, event:, rule:, severity:, felt:, anger:, outcome:, device:",
    )
    strip: Mapped[str] = mapped_column(
        comment="the customer's emotions in 48 equal parts of the call, a letter each; . for none"
    )
    grams: Mapped[str] = mapped_column(TSVECTOR, comment="what its text is found by: words, and pairs of characters")
    text: Mapped[str] = mapped_column(
        comment="a line with the call's number and key, then one for each segment with words; masked"
    )
    starts_ms: Mapped[list[int]] = mapped_column(
        ARRAY(Integer()), comment="where in the call each line of the text begins, in ms"
    )
