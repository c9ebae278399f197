"""Stored calls as the records they came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from callscope.calls import Emotion, Event, EventKind, Language, Origin, Role, Segment, Word
from models import tables


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A recording as the ledger has it, with its current analysis."""

    recording_id: int
    key: str
    state: tables.State
    error_code: str | None
    duration_ms: int
    """0 while there is no analysis."""
    segments: tuple[Segment, ...]
    events: tuple[Event, ...]


def read_calls(session: Session, *, bucket: str, keys: Sequence[str]) -> list[StoredCall]:
    """
    Return the newest version of each of the given keys, in the order of the keys; absent ones are left out.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    bucket : str
        Bucket that the keys belong to.
    keys : sequence of str
        A screenful, not a month: every segment of these calls is read.
    """
    newest = (
        select(tables.Recording)
        .where(tables.Recording.bucket == bucket, tables.Recording.key.in_(keys))
        .order_by(tables.Recording.id)
    )
    recordings = {row.key: row for row in session.scalars(newest)}
    return [_read_call(session, recordings[key]) for key in keys if key in recordings]


def _read_call(session: Session, recording: tables.Recording) -> StoredCall:
    analysis = session.scalars(
        select(tables.Analysis).where(tables.Analysis.recording_id == recording.id, tables.Analysis.is_current)
    ).first()
    return StoredCall(
        recording_id=recording.id,
        key=recording.key,
        state=tables.State(recording.state),
        error_code=recording.error_code,
        duration_ms=analysis.duration_ms if analysis else 0,
        segments=_read_segments(session, analysis) if analysis else (),
        events=_read_events(session, analysis) if analysis else (),
    )


def _read_segments(session: Session, analysis: tables.Analysis) -> tuple[Segment, ...]:
    rows = session.execute(
        select(tables.Segment, tables.Emotion)
        .join(
            tables.Emotion,
            (tables.Emotion.call_date == tables.Segment.call_date)
            & (tables.Emotion.analysis_id == tables.Segment.analysis_id)
            & (tables.Emotion.segment_no == tables.Segment.segment_no),
        )
        .where(tables.Segment.call_date == analysis.call_date, tables.Segment.analysis_id == analysis.heard_id)
        .order_by(tables.Segment.segment_no)
    )
    return tuple(
        Segment(
            channel=row.channel,
            role=Role(row.role),
            start_ms=row.start_ms,
            end_ms=row.end_ms,
            text=row.text,
            language=Language(row.language),
            emotion=Emotion(emotion.label),
            emotion_distribution={Emotion(label): share for label, share in emotion.distribution.items()},
            event=EventKind(row.event),
            event_probability=row.event_probability,
            words=tuple(Word(**word) for word in row.words),
            loudness_dbfs=row.loudness_dbfs,
            is_speech=row.is_speech,
            event_distribution={EventKind(kind): share for kind, share in row.event_distribution.items()},
            role_confidence=row.role_confidence,
            pitch_hz=row.pitch_hz,
            pitch_slope_st_s=row.pitch_slope_st_s,
            level_slope_db_s=row.level_slope_db_s,
        )
        for row, emotion in rows
    )


def _read_events(session: Session, analysis: tables.Analysis) -> tuple[Event, ...]:
    rows = session.scalars(
        select(tables.Event)
        .where(tables.Event.call_date == analysis.call_date, tables.Event.analysis_id == analysis.id)
        .order_by(tables.Event.event_no)
    )
    return tuple(
        Event(
            kind=EventKind(row.kind),
            origin=Origin(row.origin),
            channel=row.channel,
            owner=Role(row.owner),
            start_ms=row.start_ms,
            end_ms=row.end_ms,
            probability=row.probability,
        )
        for row in rows
    )
