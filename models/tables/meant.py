"""What was derived from what was heard, and the rules by which it was judged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Integer,
    SmallInteger,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from callscope.calls import Emotion as EmotionTag
from callscope.calls import EntityKind, EventKind, Language, Origin, Role, Severity, Soothing
from models.base import Base, OfAnalysis, by_month, is_share, one_of, runs_forward


class Event(OfAnalysis, Base):
    """What else was heard, or not heard, for a while."""

    __tablename__ = "event"
    __table_args__ = by_month(
        "event_no",
        one_of("kind", EventKind),
        one_of("origin", Origin),
        one_of("owner", Role),
        is_share("probability"),
        runs_forward(),
        CheckConstraint("channel >= 0", name="channel"),
        comment="what else was heard, or not heard: laughter, music, silence, crosstalk; ascending by start, then kind",
    )

    event_no: Mapped[int] = mapped_column(comment="0, 1, ... within the analysis")
    kind: Mapped[str] = mapped_column(comment="such as LAUGHTER, BGM, SILENCE or CROSSTALK")
    origin: Mapped[str] = mapped_column(comment="model: a tag of the recogniser; derived: computed from several facts")
    channel: Mapped[int | None] = mapped_column(SmallInteger, comment="channel of the file; null: of the whole call")
    owner: Mapped[str] = mapped_column(
        comment="who made the sound; SILENCE: whose turn it was; CROSSTALK: who came in second"
    )
    start_ms: Mapped[int] = mapped_column(comment="start in the call, in ms")
    end_ms: Mapped[int] = mapped_column(comment="end in the call, in ms, exclusive")
    probability: Mapped[float] = mapped_column(comment="the recogniser's, or the derivation's confidence, in [0, 1]")


class Turn(OfAnalysis, Base):
    """What one party says until the other has the floor, and how."""

    __tablename__ = "turn"
    __table_args__ = by_month(
        "turn_no",
        one_of("role", Role),
        is_share("pause_ratio"),
        runs_forward(),
        comment="what one party says until the other has the floor, and how; ascending by start",
    )

    turn_no: Mapped[int] = mapped_column(comment="0, 1, ... within the analysis")
    channel: Mapped[int] = mapped_column(SmallInteger, comment="channel of the file, from 0")
    role: Mapped[str] = mapped_column(comment="who speaks: agent, customer or unknown")
    start_ms: Mapped[int] = mapped_column(comment="start in the call, in ms")
    end_ms: Mapped[int] = mapped_column(comment="end in the call, in ms, exclusive")
    segment_nos: Mapped[list[int]] = mapped_column(ARRAY(Integer()), comment="its segments, ascending")
    response_ms: Mapped[int | None] = mapped_column(
        comment="since the other party's last word, in ms; below 0: before it ended; null: the first to speak"
    )
    units_per_s: Mapped[float | None] = mapped_column(
        comment="talk speed: characters, or words of en, a second of speech; null without words"
    )
    pause_ratio: Mapped[float] = mapped_column(comment="share of the turn that passes between its words, in [0, 1]")
    hesitation_count: Mapped[int] = mapped_column(comment="pauses inside the turn longer than a breath takes")
    loudness_dbfs: Mapped[float] = mapped_column(comment="root mean square relative to full scale, in dB")
    pitch_slope_st_s: Mapped[float | None] = mapped_column(
        comment="pitch at its end, in semitones a second; above 0: it rises, as a question does"
    )


class Burst(OfAnalysis, Base):
    """A customer's stretch of anger or sadness, and how the agent took it."""

    __tablename__ = "burst"
    __table_args__ = by_month(
        "burst_no",
        one_of("emotion", (EmotionTag.ANGRY, EmotionTag.SAD)),
        one_of("outcome", Soothing),
        is_share("probability"),
        runs_forward(),
        comment="a customer's stretches of anger or sadness, what came before, and how the agent took them",
    )

    burst_no: Mapped[int] = mapped_column(comment="0, 1, ... within the analysis")
    emotion: Mapped[str] = mapped_column(comment="ANGRY or SAD")
    probability: Mapped[float] = mapped_column(comment="highest of its segments, in [0, 1]")
    start_ms: Mapped[int] = mapped_column(comment="start in the call, in ms")
    end_ms: Mapped[int] = mapped_column(comment="end in the call, in ms, exclusive")
    segment_nos: Mapped[list[int]] = mapped_column(ARRAY(Integer()), comment="its segments, ascending")
    silence_before_ms: Mapped[int] = mapped_column(comment="agent's silence that it follows, in ms; 0: none")
    silence_after_ms: Mapped[int] = mapped_column(comment="agent's silence that follows it, in ms; 0: none")
    reply_ms: Mapped[int | None] = mapped_column(comment="start of the agent's first reply in the call, in ms")
    reply_emotion: Mapped[str | None] = mapped_column(comment="emotion of the agent's first reply")
    softened_ms: Mapped[int | None] = mapped_column(
        comment="when happiness or laughter followed the reply in time, in ms of the call; null: it didn't"
    )
    outcome: Mapped[str] = mapped_column(comment="good, poor, or open where neither can be told")


class WordCount(OfAnalysis, Base):
    """How often a call says a word that carries meaning."""

    __tablename__ = "word_count"
    __table_args__ = by_month(
        "word_no",
        one_of("language", Language),
        CheckConstraint("0 <= angry_mentions AND angry_mentions <= mentions", name="mentions"),
        comment="a call's most frequent words that carry meaning",
    )

    word_no: Mapped[int] = mapped_column(comment="0, 1, ... within the analysis; the most frequent first")
    word: Mapped[str] = mapped_column(comment="the word, in lower case")
    language: Mapped[str] = mapped_column(comment="zh, en, yue, ja or ko")
    mentions: Mapped[int] = mapped_column(comment="times it is said")
    angry_mentions: Mapped[int] = mapped_column(comment="of these, in a customer's angry segments")


class Entity(OfAnalysis, Base):
    """Something named in a text: an order number, a coupon."""

    __tablename__ = "entity"
    __table_args__ = by_month(
        "entity_no",
        one_of("kind", EntityKind),
        CheckConstraint("segment_no >= 0", name="segment_no"),
        CheckConstraint("0 <= start_char AND start_char < end_char", name="span"),
        is_share("probability"),
        runs_forward(),
        comment="things named in a text, such as order numbers and coupons",
    )

    entity_no: Mapped[int] = mapped_column(comment="0, 1, ... within the analysis")
    segment_no: Mapped[int] = mapped_column(comment="segment of the same analysis that names it")
    kind: Mapped[str] = mapped_column(comment="such as ORDER_NUMBER or COUPON")
    masked_value: Mapped[str] = mapped_column(comment="the value with its private part masked")
    start_char: Mapped[int] = mapped_column(comment="first character in the segment's text, from 0")
    end_char: Mapped[int] = mapped_column(comment="character after the last one")
    start_ms: Mapped[int] = mapped_column(comment="start in the call, in ms")
    end_ms: Mapped[int] = mapped_column(comment="end in the call, in ms, exclusive")
    probability: Mapped[float] = mapped_column(comment="the derivation's confidence, in [0, 1]")
    value: Mapped[str | None] = mapped_column(
        comment="the value in clear; null unless CALLSCOPE_ENTITY_VALUES=clear when it was stored"
    )


class Finding(OfAnalysis, Base):
    """A rule's hit, with the times that prove it."""

    __tablename__ = "finding"
    __table_args__ = by_month(
        "finding_no",
        one_of("role", Role),
        one_of("severity", Severity),
        is_share("probability"),
        runs_forward(),
        comment="hits of rules, with the times that prove them",
    )

    finding_no: Mapped[int] = mapped_column(comment="0, 1, ... within the analysis")
    rule: Mapped[str] = mapped_column(comment="name of the rule in the analysis' rule set")
    role: Mapped[str] = mapped_column(comment="whom it concerns: agent, customer or unknown")
    start_ms: Mapped[int] = mapped_column(comment="start in the call, in ms")
    end_ms: Mapped[int] = mapped_column(comment="end in the call, in ms, exclusive")
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, comment="what proves it: table, number of the row, start_ms, end_ms"
    )
    severity: Mapped[str] = mapped_column(comment="info, low, medium, high or critical, as the rule says")
    score: Mapped[float] = mapped_column(comment="points that the rule adds to the call, or takes when below 0")
    probability: Mapped[float] = mapped_column(comment="confidence: the least of its evidence's, in [0, 1]")


class RuleSet(Base):
    """The rules and scorecards behind a version, so that an old finding can still be explained."""

    __tablename__ = "rule_set"
    __table_args__ = ({"comment": "rules and scorecards behind each version of them"},)

    version: Mapped[str] = mapped_column(primary_key=True, comment="as in analysis.rules")
    rules: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, comment="each rule: name, about, severity, score, advice, link, when"
    )
    scorecards: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, comment="each scorecard, with its thresholds")
    first_used_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="when it was first used")


class ScorecardResult(Base):
    """A call's score on one scorecard."""

    __tablename__ = "scorecard_result"
    __table_args__ = (
        CheckConstraint("0 <= score AND score <= max_score", name="score"),
        {"comment": "score of a call on a scorecard"},
    )

    analysis_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("analysis.id", ondelete="CASCADE"), primary_key=True, comment="analysis that was scored"
    )
    scorecard: Mapped[str] = mapped_column(primary_key=True, comment="name of the scorecard")
    score: Mapped[float] = mapped_column(comment="points reached")
    max_score: Mapped[float] = mapped_column(comment="points that could be reached")
    items: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, comment="each item: name, points reached and possible, evidence times in ms"
    )
    scored_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="when it was scored")
