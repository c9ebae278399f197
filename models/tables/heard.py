"""What a worker heard in a recording."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from callscope.calls import Emotion as EmotionTag
from callscope.calls import EventKind, Language, Role
from models.base import Base, OfAnalysis, by_month, is_share, one_of, runs_forward

_EMPTY, _ONE = text("'{}'::jsonb"), text("1")
"""Made here, since within some tables `text` is a column."""


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
