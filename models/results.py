"""
Results become rows: all of one result, or nothing.

A re-run may give fewer segments, so rows are never merged: the recording's row is locked, and a result whose analysis
version is stored already is dropped. The first valid result wins, whichever attempt it comes from, also when that
attempt was given up for lost.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, cast

import psycopg2
import psycopg2.extensions
from sqlalchemy import case, func, insert, null, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from callscope.calls import AnalysisVersion, CallAnalysis
from callscope.errors import InvalidResult
from callscope.jobs import ResultNote
from models.ledger.attempts import log_entry
from models.tables import Analysis, Recording, State
from models.texts import copy_line, storable

Row = tuple[object, ...]


def store(session: Session, note: ResultNote) -> bool:
    """
    Store a result and end its recording, in the caller's transaction.

    Parameters
    ----------
    session : Session
        Inside a transaction, which must be left by the error when there is one.
    note : ResultNote
        Any number of copies, in any order.

    Returns
    -------
    bool
        False when nothing was stored: this analysis version is there already, or the recording was erased meanwhile.

    Raises
    ------
    InvalidResult
        The tables refuse the result: a probability outside [0, 1], a time that runs backward.
    """
    recording = session.execute(
        select(Recording.state, Recording.call_date).where(Recording.id == note.recording_id).with_for_update()
    ).first()
    if recording is None:
        return False
    is_new = not _is_stored(session, note.recording_id, note.analysis.version)
    if is_new:
        try:
            _insert(session, note, _analysis_row(note) | {"call_date": recording.call_date})
        except (IntegrityError, DataError, psycopg2.IntegrityError, psycopg2.DataError) as error:
            # The cause is left out on purpose: its text shows the row, and so what was said in the call.
            raise InvalidResult(f"the result of recording {note.recording_id} is refused", why=_rule(error)) from None
    if is_new or recording.state not in {State.DONE, State.NO_SPEECH}:
        _end(session, note)
    return is_new


def _rule(error: IntegrityError | DataError | psycopg2.Error) -> str:
    """Return which rule was broken, without the row that broke it."""
    cause = error.orig if isinstance(error, IntegrityError | DataError) else error
    return (cause.diag.message_primary or "") if isinstance(cause, psycopg2.Error) else type(error).__name__


def _is_stored(session: Session, recording_id: int, version: AnalysisVersion) -> bool:
    return (
        session.scalar(
            select(Analysis.id).where(
                Analysis.recording_id == recording_id,
                Analysis.checkpoint == version.checkpoint,
                Analysis.pipeline == version.pipeline,
                Analysis.rules == version.rules,
            )
        )
        is not None
    )


def _end(session: Session, note: ResultNote) -> None:
    """Mark the recording done, or without speech; the attempt counts unless its loss was counted already."""
    state = State.DONE if any(segment.is_speech for segment in note.analysis.segments) else State.NO_SPEECH
    is_under_way = (Recording.attempt_no == note.attempt) & Recording.state.in_((State.QUEUED, State.STARTED))
    worker = storable(note.worker)
    session.execute(
        update(Recording)
        .where(Recording.id == note.recording_id)
        .values(
            state=state,
            attempts=Recording.attempts + case((is_under_way, 1), else_=0),
            finished_at=func.clock_timestamp(),
            lease_until=null(),
            not_before=null(),
            isolate=False,
            worker=worker,
            error_code=null(),
            error_stage=null(),
            error_message=null(),
            attempt_log=log_entry("result", code=state, stage="store", message="", worker=worker, attempt=note.attempt),
        )
        .execution_options(synchronize_session=False)
    )


def _analysis_row(note: ResultNote) -> dict[str, Any]:
    analysis = note.analysis
    return {
        "recording_id": note.recording_id,
        "attempt_no": note.attempt,
        "worker": storable(note.worker),
        "engine": analysis.engine,
        "device": analysis.device,
        "speech_coverage": analysis.speech_coverage,
        "segment_count": len(analysis.segments),
        "event_count": len(analysis.events),
        "timings_ms": dict(analysis.timings_ms),
        **asdict(analysis.version),
        **asdict(analysis.audio),
    }


def _insert(session: Session, note: ResultNote, analysis_row: dict[str, Any]) -> None:
    analysis_id = session.scalar(insert(Analysis).values(analysis_row).returning(Analysis.id))
    key: Row = (analysis_row["call_date"], analysis_id)
    _copy(session, "segment", _SEGMENT_COLUMNS, key, _segment_rows(note.analysis))
    _copy(session, "emotion", _EMOTION_COLUMNS, key, _emotion_rows(note.analysis))
    _copy(session, "event", _EVENT_COLUMNS, key, _event_rows(note.analysis))


def _copy(session: Session, table: str, columns: Sequence[str], key: Row, rows: Iterable[Row]) -> None:
    """Write rows by COPY on the raw cursor, inside the session's transaction; the key goes before each."""
    lines = io.StringIO("".join(copy_line(key + row) for row in rows))
    names = ", ".join(("call_date", "analysis_id", *columns))
    connection = cast("psycopg2.extensions.connection", session.connection().connection.driver_connection)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", lines)


_SEGMENT_COLUMNS = (
    "segment_no",
    "channel",
    "role",
    "start_ms",
    "end_ms",
    "text",
    "language",
    "event",
    "event_probability",
    "words",
    "loudness_dbfs",
    "is_speech",
)
_EMOTION_COLUMNS = ("segment_no", "label", "probability", "distribution")
_EVENT_COLUMNS = ("event_no", "kind", "origin", "channel", "owner", "start_ms", "end_ms", "probability")


def _segment_rows(analysis: CallAnalysis) -> Iterator[Row]:
    for number, segment in enumerate(analysis.segments):
        yield (
            number,
            segment.channel,
            segment.role,
            segment.start_ms,
            segment.end_ms,
            storable(segment.text),
            segment.language,
            segment.event,
            segment.event_probability,
            _json([{**asdict(word), "text": storable(word.text)} for word in segment.words]),
            segment.loudness_dbfs,
            segment.is_speech,
        )


def _emotion_rows(analysis: CallAnalysis) -> Iterator[Row]:
    for number, segment in enumerate(analysis.segments):
        distribution = dict(segment.emotion_distribution)
        yield (number, segment.emotion, distribution.get(segment.emotion), _json(distribution))


def _event_rows(analysis: CallAnalysis) -> Iterator[Row]:
    for number, event in enumerate(analysis.events):
        yield (
            number,
            event.kind,
            event.origin,
            event.channel,
            event.owner,
            event.start_ms,
            event.end_ms,
            event.probability,
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
