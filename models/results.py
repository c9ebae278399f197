"""
Results become rows: all of one result, or nothing.

A re-run may give fewer segments, so rows are never merged: the recording's row is locked, and a result whose analysis
version is stored already is dropped. The first valid result wins, whichever attempt it comes from, also when that
attempt was given up for lost.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, cast

import psycopg2
import psycopg2.extensions
from sqlalchemy import case, func, insert, null, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from callscope.calls import (
    AnalysisVersion,
    CallAnalysis,
    CallMetadata,
    Entity,
    Finding,
    Hearing,
    Notice,
    Role,
    Score,
    Segment,
    WordCount,
)
from callscope.errors import InvalidResult
from callscope.jobs import ResultNote
from callscope.meaning.interpret import Interpreter
from callscope.meaning.rules.book import Rulebook
from callscope.targets import Receiver, addressed
from models.call_index import Told, index_call
from models.callbacks import tell_ended
from models.ledger.attempts import log_entry
from models.reading import StoredHearing
from models.tables import Analysis, Outbox, Recording, RuleSet, ScorecardResult, State
from models.texts import copy_line, storable

Row = tuple[object, ...]


def store(
    session: Session,
    note: ResultNote,
    interpreter: Interpreter,
    *,
    receivers: Collection[Receiver] = (),
    keep_values: bool = False,
) -> bool:
    """
    Derive what a recording means, store all of it, and end the recording, in the caller's transaction.

    Parameters
    ----------
    session : Session
        Inside a transaction, which must be left by the error when there is one.
    note : ResultNote
        Any number of copies, in any order.
    interpreter : Interpreter
        Derives; the notices that its rules ask for are written in the same transaction.
    receivers : collection of Receiver
        Who is configured; a notice to anybody else is dropped.
    keep_values : bool
        Whether entities are stored in clear too.

    Returns
    -------
    bool
        False when nothing was stored: this analysis version is there already, or the recording was erased meanwhile.

    Raises
    ------
    InvalidResult
        Nothing can be derived from the result, or the tables refuse it: a probability outside [0, 1], a time that
        runs backward.
    """
    recording = session.execute(
        select(Recording).where(Recording.id == note.recording_id).with_for_update()
    ).scalar_one_or_none()
    if recording is None:
        return False
    is_new = find_version(session, note.recording_id, interpreter.version(note.hearing)) is None
    if is_new:
        metadata = call_metadata(recording)
        analysis = _interpret(note.recording_id, _storable(note.hearing), interpreter, metadata)
        source = Source(
            recording_id=recording.id,
            call_date=recording.call_date,
            attempt_no=note.attempt,
            worker=note.worker,
        )
        write_analysis(session, analysis, source, keep_values=keep_values)
        write_rule_set(session, interpreter.rulebook)
        notices = addressed(interpreter.notices(analysis, metadata), receivers)
        write_notices(session, notices, recording_id=recording.id)
    if is_new or recording.state not in {State.DONE, State.NO_SPEECH}:
        _end(session, note)
        if recording.callback_url:
            tell_ended(session, [recording.id])
    return is_new


def _storable(hearing: Hearing) -> Hearing:
    """Return a hearing whose texts Postgres takes: what is derived counts the characters that are stored."""
    return replace(
        hearing,
        segments=tuple(
            replace(
                segment,
                text=storable(segment.text),
                words=tuple(
                    word if (text := storable(word.text)) == word.text else replace(word, text=text)
                    for word in segment.words
                ),
            )
            for segment in hearing.segments
        ),
    )


def _interpret(recording_id: int, hearing: Hearing, interpreter: Interpreter, metadata: CallMetadata) -> CallAnalysis:
    try:
        return interpreter.interpret(hearing, metadata)
    except Exception as error:
        # A note that ends in nothing would cost its recording every attempt, and nobody would learn why.
        raise InvalidResult(
            f"what recording {recording_id} means can't be derived", why=f"{type(error).__name__}: {error}"
        ) from error


def store_again(session: Session, heard: StoredHearing, analysis: CallAnalysis, *, keep_values: bool = False) -> bool:
    """
    Store what was derived anew from a stored hearing, beside the analyses that are there, and make it current.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    heard : StoredHearing
        As it was read.
    analysis : CallAnalysis
        Derived from it. A version that is stored already is made current, and nothing is written.
    keep_values : bool
        Whether entities are stored in clear too.

    Returns
    -------
    bool
        False when nothing was done: the recording was erased or analysed again since it was read.

    Raises
    ------
    InvalidResult
        The tables refuse the result.
    """
    session.execute(select(Recording.id).where(Recording.id == heard.recording_id).with_for_update())
    current = session.scalar(
        select(Analysis.id).where(Analysis.recording_id == heard.recording_id, Analysis.is_current)
    )
    if current != heard.analysis_id:
        return False
    if (stored_id := find_version(session, heard.recording_id, analysis.version)) is not None:
        _make_current(session, heard.recording_id, stored_id)
        index_call(session, heard.recording_id)
        return True
    source = Source(
        recording_id=heard.recording_id,
        call_date=heard.call_date,
        attempt_no=heard.attempt_no,
        worker=heard.worker,
        base_id=heard.base_id,
    )
    write_analysis(session, analysis, source, keep_values=keep_values)
    return True


@dataclass(frozen=True, slots=True)
class Source:
    """Where an analysis comes from."""

    recording_id: int
    call_date: date
    attempt_no: int
    worker: str
    base_id: int | None = None
    """Analysis that heard it; None: this one did."""


def write_analysis(session: Session, analysis: CallAnalysis, source: Source, *, keep_values: bool) -> int:
    """
    Write every row of an analysis and make it the current one of its recording; return its number.

    Raises
    ------
    InvalidResult
        The tables refuse the result: a probability outside [0, 1], a time that runs backward.
    """
    _make_current(session, source.recording_id, None)
    try:
        analysis_id: int = session.scalars(
            insert(Analysis).values(_analysis_row(analysis, source)).returning(Analysis.id)
        ).one()
        key: Row = (source.call_date, analysis_id)
        for table, columns, rows in _tables(analysis, heard=source.base_id is None, keep_values=keep_values):
            _copy(session, table, columns, key, rows)
        if analysis.meaning.scores:
            session.execute(insert(ScorecardResult).values(_score_rows(analysis_id, analysis.meaning.scores)))
        index_call(session, source.recording_id, _told(analysis))
    except (IntegrityError, DataError, psycopg2.IntegrityError, psycopg2.DataError) as error:
        # The cause is left out on purpose: its text shows the row, and so what was said in the call.
        raise InvalidResult(f"the result of recording {source.recording_id} is refused", why=_rule(error)) from None
    return analysis_id


def _told(analysis: CallAnalysis) -> Told:
    meaning = analysis.meaning
    return Told(analysis.hearing.segments, meaning.events, meaning.entities, meaning.bursts, meaning.findings)


def _make_current(session: Session, recording_id: int, analysis_id: int | None) -> None:
    """Let one analysis of a recording be the current one, or none for now; in two steps, for two never are."""
    ours = update(Analysis).where(Analysis.recording_id == recording_id).execution_options(synchronize_session=False)
    session.execute(ours.where(Analysis.is_current).values(is_current=False))
    if analysis_id is not None:
        session.execute(ours.where(Analysis.id == analysis_id).values(is_current=True))


def call_metadata(recording: Recording) -> CallMetadata:
    """Return what telephony told of a call."""
    return CallMetadata(
        call_id=recording.call_id,
        agent_id=recording.agent_id,
        queue=recording.queue,
        direction=recording.direction,
        started_at=recording.call_started_at,
        channel_roles=tuple(Role(role) for role in recording.channel_roles),
        extra=dict(recording.extra),
    )


def write_rule_set(session: Session, rulebook: Rulebook) -> None:
    """Keep what a version of the rules says, once."""
    session.execute(
        postgresql.insert(RuleSet)
        .values(version=rulebook.version, **rulebook.as_data())
        .on_conflict_do_nothing(index_elements=[RuleSet.version])
    )


def write_notices(session: Session, notices: Sequence[Notice], *, recording_id: int | None) -> None:
    """Write messages to others into the outbox."""
    if notices:
        session.execute(
            insert(Outbox),
            [
                {"recording_id": recording_id, "kind": n.kind, "target": n.target, "payload": dict(n.payload)}
                for n in notices
            ],
        )


def _rule(error: IntegrityError | DataError | psycopg2.Error) -> str:
    """Return which rule was broken, without the row that broke it."""
    cause = error.orig if isinstance(error, IntegrityError | DataError) else error
    return (cause.diag.message_primary or "") if isinstance(cause, psycopg2.Error) else type(error).__name__


def find_version(session: Session, recording_id: int, version: AnalysisVersion) -> int | None:
    """Return the number of a recording's result of an analysis version, if there is one."""
    return session.scalar(
        select(Analysis.id).where(
            Analysis.recording_id == recording_id,
            Analysis.checkpoint == version.checkpoint,
            Analysis.pipeline == version.pipeline,
            Analysis.rules == version.rules,
        )
    )


def _end(session: Session, note: ResultNote) -> None:
    """Mark the recording done, or without speech; the attempt counts unless its loss was counted already."""
    state = State.DONE if any(segment.is_speech for segment in note.hearing.segments) else State.NO_SPEECH
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


def _analysis_row(analysis: CallAnalysis, source: Source) -> dict[str, Any]:
    hearing, meaning = analysis.hearing, analysis.meaning
    return {
        **asdict(source),
        "worker": storable(source.worker),
        "engine": hearing.engine,
        "device": hearing.device,
        "speech_coverage": meaning.speech_coverage,
        "segment_count": len(hearing.segments),
        "event_count": len(meaning.events),
        "entity_count": len(meaning.entities),
        "burst_count": len(meaning.bursts),
        "finding_count": len(meaning.findings),
        "timings_ms": dict(hearing.timings_ms),
        **asdict(analysis.version),
        **asdict(hearing.audio),
        **asdict(meaning.measures),
    }


def _score_rows(analysis_id: int, scores: Sequence[Score]) -> list[dict[str, Any]]:
    return [{"analysis_id": analysis_id, **asdict(score)} for score in scores]


def _copy(session: Session, table: str, columns: Sequence[str], key: Row, rows: Iterable[Row]) -> None:
    """Write rows by COPY on the raw cursor, inside the session's transaction; the key goes before each."""
    lines = io.StringIO("".join(copy_line(key + row) for row in rows))
    names = ", ".join(("call_date", "analysis_id", *columns))
    connection = cast("psycopg2.extensions.connection", session.connection().connection.driver_connection)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", lines)


def _tables(
    analysis: CallAnalysis, *, heard: bool, keep_values: bool
) -> Iterator[tuple[str, Sequence[str], Iterator[Row]]]:
    """Yield each partitioned table, its columns and its rows; in the order in which every transaction locks them."""
    hearing, meaning = analysis.hearing, analysis.meaning
    if heard:
        yield "segment", _SEGMENT_COLUMNS, _segment_rows(hearing.segments)
        yield "emotion", _EMOTION_COLUMNS, _emotion_rows(hearing.segments)
    yield "event", _EVENT_COLUMNS, _numbered(meaning.events, _EVENT_COLUMNS)
    yield "turn", _TURN_COLUMNS, _numbered(meaning.turns, _TURN_COLUMNS)
    yield "entity", _ENTITY_COLUMNS, _entity_rows(meaning.entities, keep_values=keep_values)
    yield "burst", _BURST_COLUMNS, _numbered(meaning.bursts, _BURST_COLUMNS)
    yield "word_count", _WORD_COLUMNS, _word_rows(meaning.words)
    yield "finding", _FINDING_COLUMNS, _finding_rows(meaning.findings)
    if heard:
        yield "waveform", _WAVEFORM_COLUMNS, enumerate(f"\\x{peaks.hex()}" for peaks in hearing.waveform)


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
    "event_distribution",
    "role_confidence",
    "pitch_hz",
    "pitch_slope_st_s",
    "level_slope_db_s",
)
_EMOTION_COLUMNS = ("segment_no", "label", "probability", "distribution")
_EVENT_COLUMNS = ("event_no", "kind", "origin", "channel", "owner", "start_ms", "end_ms", "probability")
_TURN_COLUMNS = (
    "turn_no",
    "channel",
    "role",
    "start_ms",
    "end_ms",
    "segment_nos",
    "response_ms",
    "units_per_s",
    "pause_ratio",
    "hesitation_count",
    "loudness_dbfs",
    "pitch_slope_st_s",
)
_ENTITY_COLUMNS = (
    "entity_no",
    "segment_no",
    "kind",
    "value",
    "masked_value",
    "start_char",
    "end_char",
    "start_ms",
    "end_ms",
    "probability",
)
_BURST_COLUMNS = (
    "burst_no",
    "emotion",
    "probability",
    "start_ms",
    "end_ms",
    "segment_nos",
    "silence_before_ms",
    "silence_after_ms",
    "reply_ms",
    "reply_emotion",
    "softened_ms",
    "outcome",
)
_WORD_COLUMNS = ("word_no", "word", "language", "mentions", "angry_mentions")
_FINDING_COLUMNS = (
    "finding_no",
    "rule",
    "severity",
    "score",
    "role",
    "start_ms",
    "end_ms",
    "probability",
    "evidence",
)
_WAVEFORM_COLUMNS = ("channel", "peaks")


def _numbered(records: Sequence[object], columns: Sequence[str]) -> Iterator[Row]:
    """Yield rows of records whose fields are named as the columns behind the number."""
    for number, record in enumerate(records):
        yield (number, *(_value(getattr(record, column)) for column in columns[1:]))


def _value(value: object) -> object:
    """Return tuples of numbers as Postgres writes an array."""
    return "{" + ",".join(map(str, value)) + "}" if isinstance(value, tuple) else value


def _segment_rows(segments: Sequence[Segment]) -> Iterator[Row]:
    for number, segment in enumerate(segments):
        yield (
            number,
            segment.channel,
            segment.role,
            segment.start_ms,
            segment.end_ms,
            segment.text,
            segment.language,
            segment.event,
            segment.event_probability,
            # Not by `asdict`, which copies deeply: words are most of what is stored.
            _json([{"text": w.text, "start_ms": w.start_ms, "end_ms": w.end_ms} for w in segment.words]),
            segment.loudness_dbfs,
            segment.is_speech,
            _json(dict(segment.event_distribution)),
            segment.role_confidence,
            segment.pitch_hz,
            segment.pitch_slope_st_s,
            segment.level_slope_db_s,
        )


def _emotion_rows(segments: Sequence[Segment]) -> Iterator[Row]:
    for number, segment in enumerate(segments):
        distribution = dict(segment.emotion_distribution)
        yield (number, segment.emotion, distribution.get(segment.emotion), _json(distribution))


def _entity_rows(entities: Sequence[Entity], *, keep_values: bool) -> Iterator[Row]:
    for number, entity in enumerate(entities):
        yield (
            number,
            entity.segment_no,
            entity.kind,
            storable(entity.value) if keep_values else None,
            storable(entity.masked_value),
            entity.start_char,
            entity.end_char,
            entity.start_ms,
            entity.end_ms,
            entity.probability,
        )


def _word_rows(words: Sequence[WordCount]) -> Iterator[Row]:
    for number, word in enumerate(words):
        yield (number, storable(word.word), word.language, word.mentions, word.angry_mentions)


def _finding_rows(findings: Sequence[Finding]) -> Iterator[Row]:
    for number, finding in enumerate(findings):
        yield (
            number,
            finding.rule,
            finding.severity,
            finding.score,
            finding.role,
            finding.start_ms,
            finding.end_ms,
            finding.probability,
            _json([asdict(evidence) for evidence in finding.evidence]),
        )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
