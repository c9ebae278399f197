"""
Tables as they leave the house: rows of the current analyses, each with the call that it belongs to.

A row that leaves carries no number of a person in clear unless that is asked for: the values of entities are null, and
the texts of segments have their masked forms instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Integer,
    Select,
    SmallInteger,
    Text,
    case,
    func,
    literal,
    null,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.elements import ColumnElement, Label
from sqlalchemy.types import TypeEngine

from callscope.calls import CallMeasures
from callscope.exports.masking import mask_text
from models import tables
from models.base import OfAnalysis

ROWS_AT_ONCE = 5_000
"""Some megabytes here and on the server, whatever the size of the table."""

AnySelect: TypeAlias = Select[*tuple[Any, ...]]
Row = tuple[Any, ...]


class Kind(StrEnum):
    """What a column holds."""

    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT64 = "float64"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    """A moment, with a time zone."""
    JSON = "json"
    INT32S = "list of int32"


@dataclass(frozen=True, slots=True)
class ExtractColumn:
    """A column as a file declares it."""

    name: str
    kind: Kind
    comment: str
    """Meaning and unit, as in the data dictionary."""
    is_nullable: bool
    """Its table lets a row hold nothing there."""


@dataclass(frozen=True, slots=True)
class Extract:
    """What of a table, and of the calls around it, leaves the house."""

    name: str
    about: str
    columns: tuple[ExtractColumn, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls are wanted; None: any."""

    first: date | None = None
    """UTC date of the call."""
    last: date | None = None
    """Inclusive."""
    queue: str | None = None
    agent_id: str | None = None
    recording_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """How a table is read."""

    about: str
    columns: Callable[[], Sequence[Any]]
    """Beside those of the call."""
    table: type[OfAnalysis] | None = None
    """Partitioned table with a row for each row; None: the call is the row."""
    is_heard: bool = False
    """Its rows stand under the analysis that heard them."""
    number: str = ""
    """Column by which the rows of an analysis are ordered."""


def about(name: str) -> str:
    """Return what a table's rows are, in a few words."""
    return _SOURCES[name].about


def extract(name: str) -> Extract:
    """Return what a table's file holds, by the table's name in `NAMES`."""
    return Extract(name, _SOURCES[name].about, _declared(_columns(name, clear=True)))


def page_columns(name: str) -> tuple[ExtractColumn, ...]:
    """Return what each row of a `page` holds."""
    felt = _felt() if _SOURCES[name].table is tables.Segment else []
    return _declared([*_columns(name, clear=True), *felt])


def stream(session: Session, name: str, selection: Selection, *, clear: bool) -> Iterator[list[Row]]:
    """
    Yield a table's rows in portions, in the order of `extract`'s columns, from one snapshot.

    Parameters
    ----------
    session : Session
        Inside a transaction that reads nothing else until the end; a server-side cursor stands in it.
    name : str
        Of `NAMES`.
    selection : Selection
        Which calls.
    clear : bool
        Whether values that were stored in clear are told, and texts are as they were said.
    """
    # A month of a large centre takes longer than a transaction of the ordinary kind may; so does who reads a pipe.
    session.execute(text("SET LOCAL statement_timeout = '30min'"))
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '30min'"))
    statement = _statement(name, selection, clear=clear)
    names = [column.name for column in statement.selected_columns]
    result = session.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    for portion in result.partitions():
        if "spans" in names:
            place, last = names.index("text"), names.index("spans")
            yield [_masked(tuple(row), place, last) for row in portion]
        else:
            yield [tuple(row) for row in portion]


@dataclass(frozen=True, slots=True)
class PageOfRows:
    """Some rows of a table, and where the next ones begin."""

    names: tuple[str, ...]
    """Of the columns; those of segments have the emotion among them."""
    rows: list[Row]
    next_place: tuple[date, int, int] | None
    """None: these are the last ones."""


def page(
    session: Session,
    name: str,
    selection: Selection,
    *,
    clear: bool,
    limit: int,
    after: tuple[date, int, int] | None = None,
    values: Mapping[str, str] | None = None,
) -> PageOfRows:
    """
    Return some rows of a partitioned table, in the order of `stream`.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    name : str
        ``segments``, ``events`` or another of `NAMES` whose rows have a number within their analysis.
    selection : Selection
        Which calls.
    clear : bool
        As in `stream`.
    limit : int > 0
        At most so many rows.
    after : (date, analysis, number), optional
        `PageOfRows.next_place` of the page before.
    values : mapping, optional
        Only rows that hold these values, by column; a segment's ``emotion`` is one too.
    """
    source, analysis, emotion = _SOURCES[name], tables.Analysis, tables.Emotion
    table = source.table
    if table is None:
        msg = f"{name} has no rows with numbers"
        raise ValueError(msg)
    number = getattr(table, source.number)
    statement = _statement(name, selection, clear=clear)
    if table is tables.Segment:
        statement = statement.join(emotion, _same_segment()).add_columns(*_felt())
        # Said of both, so that the partitions of other months aren't looked at.
        for bound, holds in ((selection.first, emotion.call_date.__ge__), (selection.last, emotion.call_date.__le__)):
            statement = statement if bound is None else statement.where(holds(bound))
    for column, value in (values or {}).items():
        statement = statement.where((emotion.label if column == "emotion" else getattr(table, column)) == value)
    if after is not None:
        # The first condition is what the index of calls is entered by.
        statement = statement.where(
            tuple_(analysis.call_date, analysis.id) >= after[:2],
            tuple_(analysis.call_date, analysis.id, number) > after,
        )
    result = session.execute(statement.add_columns(number.label("number")).limit(limit + 1))
    names = list(result.keys())
    found = [tuple(row) for row in result]
    if "spans" in names:
        place, spans = names.index("text"), names.index("spans")
        found = [
            (*row[:place], mask_text(row[place], map(tuple, row[spans] or ())), *row[place + 1 :]) for row in found
        ]
    shown = found[:limit]
    next_place = None
    if len(found) > limit:
        last = dict(zip(names, shown[-1], strict=True))
        next_place = (last["call_date"], last["analysis_id"], last["number"])
    kept = [place for place, one in enumerate(names) if one not in {"spans", "number"}]
    return PageOfRows(
        names=tuple(names[place] for place in kept),
        rows=[tuple(row[place] for place in kept) for row in shown],
        next_place=next_place,
    )


def _masked(row: Row, text_place: int, spans_place: int) -> Row:
    shown = mask_text(row[text_place], map(tuple, row[spans_place] or ()))
    return (*row[:text_place], shown, *row[text_place + 1 : spans_place])


# --- statements -------------------------------------------------------------------------------------------------------


def _statement(name: str, selection: Selection, *, clear: bool) -> AnySelect:
    source, recording, analysis = _SOURCES[name], tables.Recording, tables.Analysis
    statement: AnySelect = select(*_columns(name, clear=clear))
    dates: list[Any] = [recording.call_date if name == "recordings" else analysis.call_date]
    if name == "recordings":
        statement = statement.outerjoin(analysis, (analysis.recording_id == recording.id) & analysis.is_current)
        order: list[Any] = [recording.call_date, recording.id]
    else:
        statement = statement.join(recording, recording.id == analysis.recording_id).where(analysis.is_current)
        order = [analysis.call_date, analysis.id]
    if source.table is not None:
        table, own = source.table, analysis.heard_id if source.is_heard else analysis.id
        statement = statement.join(table, (table.call_date == analysis.call_date) & (table.analysis_id == own))
        # Said of both, so that the partitions of other months aren't looked at.
        dates.append(table.call_date)
        order.append(getattr(table, source.number))
    if name == "emotions":
        statement = statement.join(tables.Segment, _same_segment())
        dates.append(tables.Segment.call_date)
    if name == "scores":
        statement = statement.join(tables.ScorecardResult, tables.ScorecardResult.analysis_id == analysis.id)
        order.append(tables.ScorecardResult.scorecard)
    return _chosen(statement, selection, dates).order_by(*order)


def _chosen(statement: AnySelect, selection: Selection, dates: Sequence[Any]) -> AnySelect:
    """Return the statement for the rows of the wanted calls."""
    recording = tables.Recording
    for call_date in dates:
        if selection.first is not None:
            statement = statement.where(call_date >= selection.first)
        if selection.last is not None:
            statement = statement.where(call_date <= selection.last)
    for column, value in ((recording.queue, selection.queue), (recording.agent_id, selection.agent_id)):
        if value is not None:
            statement = statement.where(column == value)
    if selection.recording_ids is not None:
        statement = statement.where(recording.id.in_(selection.recording_ids))
    return statement


def _same_segment() -> ColumnElement[bool]:
    emotion, segment = tables.Emotion, tables.Segment
    return (
        (segment.call_date == emotion.call_date)
        & (segment.analysis_id == emotion.analysis_id)
        & (segment.segment_no == emotion.segment_no)
    )


def _columns(name: str, *, clear: bool) -> list[Any]:
    columns = [*_call(name), *_SOURCES[name].columns()]
    if clear:
        return columns
    if name == "entities":
        return [null().cast(Text).label("value") if column.name == "value" else column for column in columns]
    return [*columns, _spans().label("spans")] if name == "segments" else columns


def _spans() -> ColumnElement[Any]:
    """Return what to mask in a segment's text; asked for only where the call names something."""
    entity, analysis, segment = tables.Entity, tables.Analysis, tables.Segment
    named = (
        select(func.jsonb_agg(func.jsonb_build_array(entity.start_char, entity.end_char, entity.masked_value)))
        .where(
            entity.call_date == analysis.call_date,
            entity.analysis_id == analysis.id,
            entity.segment_no == segment.segment_no,
        )
        .scalar_subquery()
    )
    return case((analysis.entity_count > 0, named), else_=literal(None, JSONB))


def _call(name: str) -> list[Any]:
    """Return whose row it is."""
    recording, analysis = tables.Recording, tables.Analysis
    return [
        recording.id.label("recording_id"),
        analysis.id.label("analysis_id"),
        recording.call_id,
        recording.agent_id,
        recording.queue,
        recording.direction,
        recording.call_date if name == "recordings" else analysis.call_date,
        recording.call_started_at.label("started_at"),
    ]


def _of_calls() -> list[Any]:
    recording, analysis = tables.Recording, tables.Analysis
    return [
        recording.bucket,
        recording.key,
        analysis.checkpoint,
        analysis.pipeline,
        analysis.rules,
        analysis.duration_ms,
        analysis.truncated,
        analysis.dual_mono,
        analysis.speech_coverage,
        analysis.segment_count,
        analysis.event_count,
        *(getattr(analysis, field.name) for field in fields(CallMeasures)),
        analysis.entity_count,
        analysis.burst_count,
        analysis.finding_count,
        analysis.stored_at,
    ]


def _of_recordings() -> list[Any]:
    recording = tables.Recording
    return [
        recording.bucket,
        recording.key,
        recording.etag,
        recording.size_bytes,
        recording.state,
        recording.priority,
        recording.attempts,
        recording.discovered_at,
        recording.finished_at,
        recording.worker,
        recording.error_code,
        recording.error_stage,
        recording.error_message,
        recording.extra.label("metadata"),
    ]


def _of_emotions() -> list[Any]:
    emotion, segment = tables.Emotion, tables.Segment
    return [
        emotion.segment_no,
        segment.channel,
        segment.role,
        segment.start_ms,
        segment.end_ms,
        segment.is_speech,
        emotion.label,
        emotion.probability,
        emotion.distribution,
    ]


def _felt() -> list[Any]:
    """Return what a segment's row tells of its emotion."""
    emotion = tables.Emotion
    return [
        emotion.label.label("emotion"),
        emotion.probability.label("emotion_probability"),
        emotion.distribution.label("emotion_distribution"),
    ]


def _own(table: type[Any], *, without: Sequence[str] = ()) -> Callable[[], list[Any]]:
    """Return the way to a table's own columns, in its order; a call's and those that nobody wants are left out."""
    left_out = {"call_date", "analysis_id", *without}
    return lambda: [column for column in table.__table__.columns if column.name not in left_out]


_SOURCES: Mapping[str, _Source] = {
    "calls": _Source("one row for each analysed call, with its sums", _of_calls),
    # Each word with its times would weigh several times all the rest; `export call --format json` has them.
    "segments": _Source(
        "what was said, region by region",
        _own(tables.Segment, without=["words"]),
        tables.Segment,
        is_heard=True,
        number="segment_no",
    ),
    "emotions": _Source(
        "what was felt, region by region", _of_emotions, tables.Emotion, is_heard=True, number="segment_no"
    ),
    "events": _Source("what else was heard, or not heard", _own(tables.Event), tables.Event, number="event_no"),
    "turns": _Source("who had the floor, and how", _own(tables.Turn), tables.Turn, number="turn_no"),
    "entities": _Source("what the texts name, masked", _own(tables.Entity), tables.Entity, number="entity_no"),
    "bursts": _Source(
        "customers' anger and sadness, and the reply", _own(tables.Burst), tables.Burst, number="burst_no"
    ),
    "words": _Source("how often each call says a word", _own(tables.WordCount), tables.WordCount, number="word_no"),
    "findings": _Source("what the rules found", _own(tables.Finding), tables.Finding, number="finding_no"),
    "scores": _Source("points of each call on each scorecard", _own(tables.ScorecardResult)),
    "recordings": _Source("the ledger: one row for each recording, analysed or not", _of_recordings),
}

NAMES = tuple(_SOURCES)


# --- columns ----------------------------------------------------------------------------------------------------------


def _kind(type_: TypeEngine[Any]) -> Kind:  # noqa: PLR0911 - one line a type
    match type_:
        case SmallInteger():
            return Kind.INT16
        case BigInteger():
            return Kind.INT64
        case Integer():
            return Kind.INT32
        case Double():
            return Kind.FLOAT64
        case Boolean():
            return Kind.BOOLEAN
        case Date():
            return Kind.DATE
        case DateTime():
            return Kind.TIME
        case JSONB():
            return Kind.JSON
        case ARRAY():
            return Kind.INT32S
        case _:
            return Kind.TEXT


def _declared(columns: Sequence[Any]) -> tuple[ExtractColumn, ...]:
    return tuple(
        ExtractColumn(one.name, _kind(one.type), base.comment or "", is_nullable=bool(base.nullable))
        for one in columns
        for base in [_base(one)]
    )


def _base(column: Any) -> Column[Any]:  # noqa: ANN401 - a column, an attribute or a label of one
    match column:
        case Label():
            return _base(column.element)
        case InstrumentedAttribute():
            return _base(column.property.columns[0])
        case _:
            assert isinstance(column, Column)  # noqa: S101 - a table's own, for nothing else is selected here
            return column
