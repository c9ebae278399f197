"""
Stored calls as the records they came from.

Rows are read for many calls at once, a constant number of statements a batch, as plain rows: an ORM object for each of
a call's segments would cost more than the segment itself. The rows of segment and emotion stand under the number of the
analysis that heard them (`heard_id`), all others under the analysis' own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cache
from typing import Any, TypeAlias, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, Text, cast, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.elements import ColumnElement

from callscope.calls import (
    AnalysedCall,
    AnalysisVersion,
    AudioFacts,
    Burst,
    CallAnalysis,
    CallMeasures,
    CallMetadata,
    Emotion,
    Entity,
    EntityKind,
    Event,
    EventKind,
    Evidence,
    EvidenceKind,
    Finding,
    Hearing,
    Language,
    Meaning,
    Origin,
    RecordingRef,
    Role,
    Score,
    ScoreItem,
    Segment,
    Severity,
    Soothing,
    Turn,
    Word,
    WordCount,
)
from models import tables
from models.base import MAX_ID

T = TypeVar("T")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


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


@dataclass(frozen=True, slots=True)
class StoredHearing:
    """What was heard in a recording, and whose it is: all that is needed to derive its meaning again."""

    analysis_id: int
    """The current analysis."""
    base_id: int
    """The analysis that heard it: what an analysis derived from this one must name."""
    recording_id: int
    call_date: date
    attempt_no: int
    worker: str
    metadata: CallMetadata
    version: AnalysisVersion
    """Of the current analysis."""
    hearing: Hearing


@dataclass(frozen=True, slots=True)
class AnalysisKey:
    """Where an analysis' rows stand; the date names their partition."""

    call_date: date
    analysis_id: int


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
    recording, analysis = tables.Recording, tables.Analysis
    rows = session.execute(
        select(
            recording.id,
            recording.key,
            recording.state,
            recording.error_code,
            analysis.id.label("analysis_id"),
            analysis.heard_id,
            analysis.call_date,
            analysis.duration_ms,
        )
        .outerjoin(analysis, (analysis.recording_id == recording.id) & analysis.is_current)
        .where(recording.bucket == bucket, recording.key.in_(keys))
        .order_by(recording.id)
    )
    newest = {row.key: row for row in rows}
    analysed = [row for row in newest.values() if row.analysis_id is not None]
    segments = read_segments(session, [AnalysisKey(row.call_date, row.heard_id) for row in analysed])
    events = read_events(session, [AnalysisKey(row.call_date, row.analysis_id) for row in analysed])
    return [
        StoredCall(
            recording_id=row.id,
            key=key,
            state=tables.State(row.state),
            error_code=row.error_code,
            duration_ms=row.duration_ms or 0,
            segments=segments.get(row.heard_id, ()),
            events=events.get(row.analysis_id, ()),
        )
        for key in keys
        if (row := newest.get(key)) is not None
    ]


def read_call(
    session: Session,
    *,
    recording_id: int | None = None,
    call_id: str | None = None,
    bucket: str | None = None,
    key: str | None = None,
    version: AnalysisVersion | None = None,
    with_words: bool = True,
) -> AnalysedCall | None:
    """
    Return a call whole, or None where there is no such call or it has no such analysis.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    recording_id, call_id, bucket and key : optional
        Name the recording; all that are given must fit, and the newest recording that has such an analysis is taken.
    version : AnalysisVersion, optional
        None: the current analysis.
    with_words : bool
        False leaves the words of segments out: they are most of what a call weighs.

    Raises
    ------
    ValueError
        Nothing names the recording.
    """
    recording, analysis = tables.Recording, tables.Analysis
    given = {recording.id: recording_id, recording.call_id: call_id, recording.bucket: bucket, recording.key: key}
    named = [column == value for column, value in given.items() if value is not None]
    if recording_id is None and call_id is None and key is None:
        msg = "a recording is named by its number, its call or its key"
        raise ValueError(msg)
    wanted = analysis.is_current if version is None else is_version(analysis, version)
    head = session.execute(_heads().where(*named, wanted).order_by(recording.id.desc()).limit(1)).first()
    return None if head is None else _read_whole(session, head, with_words=with_words)


def read_named_call(
    session: Session, name: str, *, bucket: str, version: AnalysisVersion | None = None
) -> AnalysedCall | None:
    """
    Return the call that a person means: by the number of the call, else the key in the bucket, else our own number.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    name : str
        Telephony's number comes first: it is the one that people have, and it may look like ours.
    bucket : str
        Bucket that a key is looked up in.
    version : AnalysisVersion, optional
        None: the current analysis.
    """
    call = read_call(session, call_id=name, version=version) or read_call(
        session, bucket=bucket, key=name, version=version
    )
    if call is None and name.isascii() and name.isdecimal() and int(name) <= MAX_ID:
        return read_call(session, recording_id=int(name), version=version)
    return call


def read_hearings(
    session: Session, after_id: int, limit: int, *, since: date | None = None, until_id: int | None = None
) -> list[StoredHearing]:
    """
    Return what was heard in the calls that follow, ascending by the number of their current analysis.

    Parameters
    ----------
    session : Session
        Inside a transaction; two statements, whatever the limit, and one more for the emotions.
    after_id : int
        Current analysis that the last batch ended with; 0 at first.
    limit : int > 0
        At most so many calls. 200 calls of 40 segments take some 30 MB.
    since : date, optional
        Only calls of this UTC date and later.
    until_id : int, optional
        No analysis beyond this one: who writes new analyses between two batches would meet them otherwise.
    """
    analysis = tables.Analysis
    statement = _heads().where(analysis.is_current, analysis.id > after_id).order_by(analysis.id).limit(limit)
    if since is not None:
        statement = statement.where(analysis.call_date >= since)
    if until_id is not None:
        statement = statement.where(analysis.id <= until_id)
    heads = session.execute(statement).all()
    segments = read_segments(session, [AnalysisKey(head.call_date, head.heard_id) for head in heads])
    return [
        StoredHearing(
            analysis_id=head.analysis_id,
            base_id=head.heard_id,
            recording_id=head.recording_id,
            call_date=head.call_date,
            attempt_no=head.attempt_no,
            worker=head.worker,
            metadata=_metadata(head),
            version=_version(head),
            hearing=_hearing(head, segments.get(head.heard_id, ())),
        )
        for head in heads
    ]


def newest_analysis_id(session: Session) -> int:
    """Return the highest number of any analysis; 0 when there is none."""
    return session.scalar(select(func.max(tables.Analysis.id))) or 0


def count_current(session: Session, *, since: date | None = None) -> int:
    """Return how many recordings have an analysis; ``since``: of calls of this UTC date and later."""
    statement = select(func.count()).where(tables.Analysis.is_current)
    if since is not None:
        statement = statement.where(tables.Analysis.call_date >= since)
    return session.scalar(statement) or 0


# --- heads: one row a call ------------------------------------------------------------------------------------------

_AUDIO = tuple(field.name for field in fields(AudioFacts))
_MEASURES = tuple(field.name for field in fields(CallMeasures))


@cache
def _heads() -> Select[*tuple[Any, ...]]:
    """Return the statement for everything that an analysis and its recording have in single columns."""
    recording, analysis = tables.Recording, tables.Analysis
    return select(
        analysis.id.label("analysis_id"),
        analysis.heard_id,
        analysis.recording_id,
        analysis.call_date,
        analysis.attempt_no,
        analysis.worker,
        analysis.checkpoint,
        analysis.pipeline,
        analysis.rules,
        analysis.engine,
        analysis.device,
        analysis.speech_coverage,
        analysis.timings_ms,
        analysis.stored_at,
        *(getattr(analysis, name) for name in (*_AUDIO, *_MEASURES)),
        recording.bucket,
        recording.key,
        recording.etag,
        recording.size_bytes,
        recording.call_id,
        recording.agent_id,
        recording.queue,
        recording.direction,
        recording.call_started_at,
        recording.channel_roles,
        recording.extra.label("extra"),
    ).join(recording, recording.id == analysis.recording_id)


def is_version(analysis: type[tables.Analysis], version: AnalysisVersion) -> ColumnElement[bool]:
    """Return the condition that an analysis, or an alias of it, is of a version."""
    return (
        (analysis.checkpoint == version.checkpoint)
        & (analysis.pipeline == version.pipeline)
        & (analysis.rules == version.rules)
    )


def _version(head: AnyRow) -> AnalysisVersion:
    return AnalysisVersion(head.checkpoint, head.pipeline, head.rules)


def _metadata(head: AnyRow) -> CallMetadata:
    return CallMetadata(
        call_id=head.call_id,
        agent_id=head.agent_id,
        queue=head.queue,
        direction=head.direction,
        started_at=head.call_started_at,
        channel_roles=tuple(Role(role) for role in head.channel_roles),
        extra=head.extra,
    )


def _hearing(head: AnyRow, segments: tuple[Segment, ...]) -> Hearing:
    return Hearing(
        checkpoint=head.checkpoint,
        engine=head.engine,
        device=head.device,
        audio=AudioFacts(**{name: getattr(head, name) for name in _AUDIO}),
        segments=segments,
        timings_ms=head.timings_ms,
    )


def _read_whole(session: Session, head: AnyRow, *, with_words: bool) -> AnalysedCall:
    heard, own = [AnalysisKey(head.call_date, head.heard_id)], [AnalysisKey(head.call_date, head.analysis_id)]
    number: int = head.analysis_id
    meaning = Meaning(
        speech_coverage=head.speech_coverage,
        events=read_events(session, own).get(number, ()),
        turns=_records(session, tables.Turn.turn_no, own, _turn).get(number, ()),
        entities=_records(session, tables.Entity.entity_no, own, _entity).get(number, ()),
        bursts=_records(session, tables.Burst.burst_no, own, _burst).get(number, ()),
        words=_records(session, tables.WordCount.word_no, own, _word).get(number, ()),
        measures=CallMeasures(**{name: getattr(head, name) for name in _MEASURES}),
        findings=read_findings(session, own).get(number, ()),
        scores=read_scores(session, own).get(number, ()),
    )
    hearing = _hearing(head, read_segments(session, heard, with_words=with_words).get(head.heard_id, ()))
    return AnalysedCall(
        recording_id=head.recording_id,
        ref=RecordingRef(head.bucket, head.key, head.etag, head.size_bytes),
        analysis_id=number,
        call_date=head.call_date,
        stored_at=head.stored_at,
        metadata=_metadata(head),
        analysis=CallAnalysis(_version(head), hearing, meaning),
    )


# --- rows of many analyses at once ------------------------------------------------------------------------------------

# A lookup is several times quicker than a call of the enumeration, and there are millions of these.
_ROLES = {role.value: role for role in Role}
_LANGUAGES = {language.value: language for language in Language}
_EMOTIONS = {emotion.value: emotion for emotion in Emotion}
_KINDS = {kind.value: kind for kind in EventKind}


def read_segments(
    session: Session, keys: Collection[AnalysisKey], *, with_words: bool = True
) -> dict[int, tuple[Segment, ...]]:
    """
    Return the segments of each analysis that heard some, by its number.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    keys : collection of AnalysisKey
        Of analyses that heard, not of derived ones.
    with_words : bool
        False leaves the words out: they are most of what a call weighs.
    """
    segment, emotion = tables.Segment, tables.Emotion
    columns: tuple[Any, ...] = (emotion.analysis_id, emotion.segment_no, emotion.label, emotion.distribution)
    feelings = _rows(session, emotion.segment_no, columns, keys)
    felt = {(analysis_id, number): (label, shares) for analysis_id, number, label, shares in feelings}
    # The words are parsed from their text into records at once, which halves the time that a batch takes.
    words = cast(segment.words, Text) if with_words else literal("[]", Text)
    columns = (
        segment.analysis_id,
        segment.segment_no,
        segment.channel,
        segment.role,
        segment.start_ms,
        segment.end_ms,
        segment.text,
        segment.language,
        segment.event,
        segment.event_probability,
        words,
        segment.loudness_dbfs,
        segment.is_speech,
        segment.event_distribution,
        segment.role_confidence,
        segment.pitch_hz,
        segment.pitch_slope_st_s,
        segment.level_slope_db_s,
    )
    parse = _words().validate_json
    found = defaultdict[int, list[Segment]](list)
    for analysis_id, number, channel, role, start_ms, end_ms, text, language, event, event_p, spoken, *rest in _rows(
        session, segment.segment_no, columns, keys
    ):
        loudness, is_speech, sounds, role_confidence, pitch_hz, pitch_slope, level_slope = rest
        label, shares = felt[analysis_id, number]
        found[analysis_id].append(
            Segment(
                channel=channel,
                role=_ROLES[role],
                start_ms=start_ms,
                end_ms=end_ms,
                text=text,
                language=_LANGUAGES[language],
                emotion=_EMOTIONS[label],
                emotion_distribution={_EMOTIONS[name]: share for name, share in shares.items()},
                event=_KINDS[event],
                event_probability=event_p,
                words=parse(spoken),
                loudness_dbfs=loudness,
                is_speech=is_speech,
                event_distribution={_KINDS[name]: share for name, share in sounds.items()},
                role_confidence=role_confidence,
                pitch_hz=pitch_hz,
                pitch_slope_st_s=pitch_slope,
                level_slope_db_s=level_slope,
            )
        )
    return _frozen(found)


def read_events(session: Session, keys: Collection[AnalysisKey]) -> dict[int, tuple[Event, ...]]:
    """Return the events of each analysis that has some, by its number."""
    return _records(session, tables.Event.event_no, keys, _event)


def read_findings(session: Session, keys: Collection[AnalysisKey]) -> dict[int, tuple[Finding, ...]]:
    """Return the findings of each analysis that has some, by its number."""
    return _records(session, tables.Finding.finding_no, keys, _finding)


def read_bursts(session: Session, keys: Collection[AnalysisKey]) -> dict[int, tuple[Burst, ...]]:
    """Return the bursts of each analysis that has some, by its number."""
    return _records(session, tables.Burst.burst_no, keys, _burst)


def read_entities(session: Session, keys: Collection[AnalysisKey]) -> dict[int, tuple[Entity, ...]]:
    """Return the entities of each analysis that has some, by its number."""
    return _records(session, tables.Entity.entity_no, keys, _entity)


def read_scores(session: Session, keys: Collection[AnalysisKey]) -> dict[int, tuple[Score, ...]]:
    """Return the scores of each analysis that has some, by its number; ascending by scorecard."""
    result = tables.ScorecardResult
    rows = session.execute(
        select(result.analysis_id, result.scorecard, result.score, result.max_score, result.items)
        .where(result.analysis_id.in_([key.analysis_id for key in keys]))
        .order_by(result.analysis_id, result.scorecard)
    )
    found = defaultdict[int, list[Score]](list)
    for analysis_id, scorecard, score, max_score, items in rows:
        points = (
            ScoreItem(item["name"], item["score"], item["max_score"], tuple(map(_evidence, item["evidence"])))
            for item in items
        )
        found[analysis_id].append(Score(scorecard, score, max_score, tuple(points)))
    return _frozen(found)


def _event(row: AnyRow) -> Event:
    return Event(
        kind=_KINDS[row.kind],
        origin=Origin(row.origin),
        channel=row.channel,
        owner=_ROLES[row.owner],
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        probability=row.probability,
    )


def _turn(row: AnyRow) -> Turn:
    return Turn(
        channel=row.channel,
        role=Role(row.role),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        segment_nos=tuple(row.segment_nos),
        response_ms=row.response_ms,
        units_per_s=row.units_per_s,
        pause_ratio=row.pause_ratio,
        hesitation_count=row.hesitation_count,
        loudness_dbfs=row.loudness_dbfs,
        pitch_slope_st_s=row.pitch_slope_st_s,
    )


def _entity(row: AnyRow) -> Entity:
    return Entity(
        segment_no=row.segment_no,
        kind=EntityKind(row.kind),
        # Not stored in clear: nothing but the masked form is known.
        value=row.masked_value if row.value is None else row.value,
        masked_value=row.masked_value,
        start_char=row.start_char,
        end_char=row.end_char,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        probability=row.probability,
    )


def _burst(row: AnyRow) -> Burst:
    return Burst(
        emotion=Emotion(row.emotion),
        probability=row.probability,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        segment_nos=tuple(row.segment_nos),
        silence_before_ms=row.silence_before_ms,
        silence_after_ms=row.silence_after_ms,
        reply_ms=row.reply_ms,
        reply_emotion=None if row.reply_emotion is None else Emotion(row.reply_emotion),
        softened_ms=row.softened_ms,
        outcome=Soothing(row.outcome),
    )


def _word(row: AnyRow) -> WordCount:
    return WordCount(row.word, Language(row.language), row.mentions, row.angry_mentions)


def _finding(row: AnyRow) -> Finding:
    return Finding(
        rule=row.rule,
        severity=Severity(row.severity),
        score=row.score,
        role=Role(row.role),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        probability=row.probability,
        evidence=tuple(map(_evidence, row.evidence)),
    )


def _records(
    session: Session,
    number: InstrumentedAttribute[int],
    keys: Collection[AnalysisKey],
    make: Callable[[AnyRow], T],
) -> dict[int, tuple[T, ...]]:
    found = defaultdict[int, list[T]](list)
    for row in _rows(session, number, number.class_.__table__.columns, keys):
        found[row.analysis_id].append(make(row))
    return _frozen(found)


def _rows(
    session: Session, number: InstrumentedAttribute[int], columns: Iterable[Any], keys: Collection[AnalysisKey]
) -> Iterator[AnyRow]:
    """
    Yield the columns of a partitioned table's rows, ascending by analysis, then number.

    Dates and numbers are two lists of constants: that is how Postgres picks the partitions and stays on their keys,
    whatever it believes about their size. Both together are exact, since an analysis has one date.
    """
    if not keys:
        return iter(())
    table = number.class_
    statement = (
        select(*columns)
        .where(
            table.call_date.in_(sorted({key.call_date for key in keys})),
            table.analysis_id.in_(sorted({key.analysis_id for key in keys})),
        )
        .order_by(table.analysis_id, number)
    )
    return iter(session.execute(statement))


def _frozen(found: Mapping[int, list[T]]) -> dict[int, tuple[T, ...]]:
    return {analysis_id: tuple(records) for analysis_id, records in found.items()}


def _evidence(entry: Mapping[str, Any]) -> Evidence:
    return Evidence(EvidenceKind(entry["kind"]), entry["number"], entry["start_ms"], entry["end_ms"])


@cache
def _words() -> TypeAdapter[tuple[Word, ...]]:
    return TypeAdapter(tuple[Word, ...])
