r"""
Every table. A column's comment says what it holds and in what unit: ``\d+ segment`` in psql is the data dictionary.

All times inside a call are integer milliseconds from its first sample; all clocks are the database's.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from callscope.calls import Emotion as EmotionTag
from callscope.calls import EntityKind, EventKind, Language, NoticeKind, Origin, Role, Severity, Soothing
from models.base import Base, OfAnalysis, by_month, is_share, one_of, runs_forward


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


def _sum(comment: str) -> Mapped[int]:
    """Return a column for a sum over the call, 0 for none."""
    return mapped_column(server_default=text("0"), comment=comment)


class Analysis(Base):
    """One result of one recording under one analysis version."""

    __tablename__ = "analysis"
    __table_args__ = (
        UniqueConstraint("recording_id", "checkpoint", "pipeline", "rules"),
        UniqueConstraint("call_date", "id"),
        is_share("speech_coverage"),
        CheckConstraint("duration_ms >= 0", name="duration_ms"),
        CheckConstraint("segment_count >= 0 AND event_count >= 0", name="counts"),
        # One result of each recording is the one that everybody means.
        Index("uq_analysis_current", "recording_id", unique=True, postgresql_where=text("is_current")),
        Index("ix_analysis_current_call_date", "call_date", "id", postgresql_where=text("is_current")),
        Index("ix_analysis_base_id", "base_id"),
        {"comment": "one result of one recording under one analysis version (checkpoint, pipeline, rules)"},
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=True), primary_key=True, comment="number of the analysis, newest highest"
    )
    recording_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("recording.id", ondelete="CASCADE"), comment="recording that was analysed"
    )
    call_date: Mapped[date] = mapped_column(comment="UTC date of the call when it was stored")
    checkpoint: Mapped[str] = mapped_column(comment="analysis version: name and short hash of the weights")
    pipeline: Mapped[int] = mapped_column(comment="analysis version: number of callscope's derivations")
    rules: Mapped[str] = mapped_column(comment="analysis version: rule set; none without rules")
    attempt_no: Mapped[int] = mapped_column(comment="attempt that gave this result")
    worker: Mapped[str] = mapped_column(comment="host, process and device that gave this result")
    engine: Mapped[str] = mapped_column(comment="engine and number format, such as torch-fp32")
    device: Mapped[str] = mapped_column(comment="device, such as cpu or cuda:0")
    container: Mapped[str] = mapped_column(comment="container of the file, such as wav")
    codec: Mapped[str] = mapped_column(comment="codec of the file, such as pcm_mulaw")
    sample_rate_hz: Mapped[int] = mapped_column(comment="sample rate of the file, in Hz")
    channels: Mapped[int] = mapped_column(SmallInteger, comment="channels in the file")
    duration_ms: Mapped[int] = mapped_column(comment="length of the recording, in ms")
    truncated: Mapped[bool] = mapped_column(comment="the file announces more sound than it holds")
    dual_mono: Mapped[bool] = mapped_column(comment="all channels carry the same signal; analysed once")
    speech_coverage: Mapped[float] = mapped_column(comment="share of the recording with speech, in [0, 1]")
    segment_count: Mapped[int] = mapped_column(comment="rows of this analysis in segment, and in emotion")
    event_count: Mapped[int] = mapped_column(comment="rows of this analysis in event")
    timings_ms: Mapped[dict[str, int]] = mapped_column(JSONB, comment="wall time of each stage, in ms")
    stored_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="when it was stored")
    is_current: Mapped[bool] = mapped_column(
        server_default=text("true"), comment="the result of its recording that views and reports speak of"
    )
    base_id: Mapped[int | None] = mapped_column(
        BigInteger,
        ForeignKey("analysis.id", ondelete="CASCADE"),
        comment="analysis that heard what this one was derived from; null: heard by itself",
    )
    heard_id: Mapped[int] = mapped_column(
        BigInteger,
        Computed("COALESCE(base_id, id)", persisted=True),
        comment="analysis under whose number the rows of segment and emotion stand",
    )
    agent_speech_ms: Mapped[int] = _sum("speech of the agent, in ms")
    customer_speech_ms: Mapped[int] = _sum("speech of the customer, in ms")
    silence_count: Mapped[int] = _sum("silences")
    silence_ms: Mapped[int] = _sum("all silences together, in ms")
    longest_silence_ms: Mapped[int] = _sum("the longest silence, in ms")
    agent_silence_ms: Mapped[int] = _sum("silences in which it was the agent's turn, together, in ms")
    crosstalk_count: Mapped[int] = _sum("stretches in which both talk")
    crosstalk_ms: Mapped[int] = _sum("all crosstalk together, in ms")
    agent_interruptions: Mapped[int] = _sum("times the agent came in and the customer stopped")
    customer_interruptions: Mapped[int] = _sum("times the customer came in and the agent stopped")
    turn_count: Mapped[int] = _sum("turns of all parties")
    agent_response_ms: Mapped[int | None] = mapped_column(
        comment="mean delay of the agent's replies, in ms; null without one"
    )
    agent_units_per_s: Mapped[float | None] = mapped_column(
        comment="talk speed of the agent: characters, or words of en, a second of speech"
    )
    customer_units_per_s: Mapped[float | None] = mapped_column(
        comment="talk speed of the customer: characters, or words of en, a second of speech"
    )
    entity_count: Mapped[int] = _sum("rows of this analysis in entity")
    burst_count: Mapped[int] = _sum("rows of this analysis in burst")
    finding_count: Mapped[int] = _sum("rows of this analysis in finding")


_EMPTY, _ONE, _NOW = text("'{}'::jsonb"), text("1"), text("now()")
"""Made here, since within some tables `text` is a column."""


class Segment(OfAnalysis, Base):
    """One region of one channel and what was said in it."""

    __tablename__ = "segment"
    __table_args__ = by_month(
        "segment_no",
        one_of("role", Role),
        one_of("language", Language),
        one_of("event", EventKind),
        is_share("event_probability"),
        is_share("role_confidence"),
        runs_forward(),
        CheckConstraint("channel >= 0", name="channel"),
        CheckConstraint("loudness_dbfs BETWEEN -120 AND 20", name="loudness_dbfs"),
        comment="one region of one channel with what was said in it; ascending by start, then channel",
    )

    segment_no: Mapped[int] = mapped_column(comment="0, 1, ... within the analysis")
    channel: Mapped[int] = mapped_column(SmallInteger, comment="channel of the file, from 0")
    role: Mapped[str] = mapped_column(comment="who speaks: agent, customer or unknown")
    start_ms: Mapped[int] = mapped_column(comment="start in the call, in ms")
    end_ms: Mapped[int] = mapped_column(comment="end in the call, in ms, exclusive")
    text: Mapped[str] = mapped_column(comment="what was said; empty where only a sound was heard")
    language: Mapped[str] = mapped_column(comment="zh, en, yue, ja, ko or nospeech")
    event: Mapped[str] = mapped_column(comment="most probable sound tag of the region, such as SPEECH or LAUGHTER")
    event_probability: Mapped[float] = mapped_column(comment="probability of that tag, in [0, 1]")
    words: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, comment="words, or characters of a language without spaces: text, start_ms, end_ms in the call"
    )
    loudness_dbfs: Mapped[float] = mapped_column(comment="root mean square relative to full scale, in dB; -120 least")
    is_speech: Mapped[bool] = mapped_column(comment="false: a sound without text")
    words_per_minute: Mapped[float | None] = mapped_column(
        Computed(
            "CASE WHEN end_ms > start_ms AND jsonb_array_length(words) > 0"
            " THEN jsonb_array_length(words)::numeric * 60000.0 / (end_ms - start_ms)::numeric"
            " ELSE NULL::numeric END",
            persisted=True,
        ),
        comment="talk speed: entries of words per minute; null without words",
    )
    event_distribution: Mapped[dict[str, float]] = mapped_column(
        JSONB,
        server_default=_EMPTY,
        comment="probability of every sound tag of a thousandth or more, by tag",
    )
    role_confidence: Mapped[float] = mapped_column(
        server_default=_ONE, comment="1: the channel or telephony tells the role; less: guessed by a rule"
    )
    pitch_hz: Mapped[float | None] = mapped_column(
        comment="median fundamental frequency at its end, in Hz; null where nothing is voiced"
    )
    pitch_slope_st_s: Mapped[float | None] = mapped_column(
        comment="slope of the fundamental frequency at its end, in semitones a second; above 0 it rises"
    )
    level_slope_db_s: Mapped[float | None] = mapped_column(
        comment="slope of the level, in dB a second; below 0 it fades"
    )


class Emotion(OfAnalysis, Base):
    """What was felt in a segment: the label and the whole distribution."""

    __tablename__ = "emotion"
    __table_args__ = by_month(
        "segment_no",
        one_of("label", EmotionTag),
        is_share("probability"),
        comment="what was felt in each segment: one row a segment, under the same number",
    )

    segment_no: Mapped[int] = mapped_column(comment="segment of the same analysis")
    label: Mapped[str] = mapped_column(
        comment="most probable emotion: HAPPY, SAD, ANGRY, NEUTRAL, FEARFUL, DISGUSTED, SURPRISED, OTHER, EMO_UNKNOWN"
    )
    probability: Mapped[float] = mapped_column(comment="probability of the label, in [0, 1]")
    distribution: Mapped[dict[str, float]] = mapped_column(
        JSONB, comment="probability of every emotion, by label; sums to 1"
    )


class Waveform(OfAnalysis, Base):
    """What a channel looks like."""

    __tablename__ = "waveform"
    __table_args__ = by_month(
        "channel",
        comment="peaks of each channel's sound, for people to look at; under the analysis that heard it",
    )

    channel: Mapped[int] = mapped_column(SmallInteger, comment="channel of the file, from 0")
    peaks: Mapped[bytes] = mapped_column(
        LargeBinary, comment="peak of each 50 ms, linear, a byte each; 255: full scale"
    )


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


PARTITIONED = ("segment", "emotion", "event", "turn", "entity", "burst", "word_count", "finding", "waveform")
"""Tables by month of the call, in the order in which every transaction locks them."""
