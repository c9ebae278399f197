"""
The row that an analysed call is listed, sorted and found by.

It is made from the current analysis, in the transaction that makes that the current one; `fill` makes it of calls that
were stored before there was such a row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from math import ceil
from typing import Any

from sqlalchemy import Select, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscope.calls import Burst, Emotion, Entity, Event, EventKind, Finding, Role, Segment, Severity
from callscope.exports.masking import Span, mask_text
from callscope.search import fold, grams
from models import reading
from models.figures import MIN_SILENCE_MS
from models.reading import AnalysisKey, AnyRow
from models.tables import CALL_AT, Analysis, CallIndex, Recording
from models.texts import storable

STRIP_PARTS = 48
"""Of a call, each shown as one mark in a list."""

LETTERS: Mapping[Emotion, str] = {
    Emotion.HAPPY: "H",
    Emotion.SAD: "S",
    Emotion.ANGRY: "A",
    Emotion.NEUTRAL: "N",
    Emotion.FEARFUL: "F",
    Emotion.DISGUSTED: "D",
    Emotion.SURPRISED: "U",
    Emotion.OTHER: "O",
    Emotion.EMO_UNKNOWN: "?",
}
"""By which a strip tells an emotion."""
NOTHING = "."

SHARE_STEPS = (1, 10, 25, 50, 75)
"""Percent of the customer's speech: a call is found by each step that an emotion reaches."""

_GRAVEST_FIRST = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO)


@dataclass(frozen=True, slots=True)
class IndexedCall:
    """Whose row it is."""

    recording_id: int
    analysis_id: int
    call_at: datetime
    call_date: date
    call_id: str | None
    agent_id: str | None
    queue: str | None
    key: str
    duration_ms: int
    device: str


@dataclass(frozen=True, slots=True)
class Told:
    """What of an analysis the row is made from."""

    segments: Sequence[Segment]
    events: Sequence[Event] = ()
    entities: Sequence[Entity] = ()
    bursts: Sequence[Burst] = ()
    findings: Sequence[Finding] = ()


def index_call(session: Session, recording_id: int, told: Told | None = None) -> None:
    """
    Write the row of a recording by its current analysis, in the place of an older one.

    Parameters
    ----------
    session : Session
        Inside the transaction that made the analysis the current one.
    recording_id : int
        Of the recording.
    told : Told, optional
        None: it is read from the tables.
    """
    head = session.execute(_heads().where(Recording.id == recording_id)).one()
    _write(session, [_row(_call(head), told or _read(session, [head])[head.analysis_id])])


def fill(session: Session, *, after_id: int, limit: int) -> int | None:
    """
    Write the rows of calls that have none, ascending by recording.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    after_id : int
        Recording that the last batch ended with; 0 at first.
    limit : int > 0
        At most so many: each is read whole.

    Returns
    -------
    int or None
        The last recording of the batch; None when nothing is missing beyond ``after_id``.
    """
    without = ~select(CallIndex.recording_id).where(CallIndex.recording_id == Analysis.recording_id).exists()
    heads = session.execute(
        _heads().where(Analysis.recording_id > after_id, without).order_by(Analysis.recording_id).limit(limit)
    ).all()
    if not heads:
        return None
    told = _read(session, heads)
    _write(session, [_row(_call(head), told[head.analysis_id]) for head in heads])
    last: int = heads[-1].recording_id
    return last


def is_complete(session: Session) -> bool:
    """Return whether every analysed call has its row."""
    without = ~select(CallIndex.recording_id).where(CallIndex.recording_id == Analysis.recording_id).exists()
    return session.scalar(select(Analysis.id).where(Analysis.is_current, without).limit(1)) is None


def facet(kind: str, value: str) -> str:
    """Return the mark that a call is filtered by, such as ``rule:refund-promised``."""
    return f"{kind}:{value}"


def felt(emotion: Emotion, percent: int) -> str:
    """Return the mark of a call in which an emotion has so great a share, by a step of `SHARE_STEPS`."""
    return f"felt:{emotion}:{percent}"


# --- reading ----------------------------------------------------------------------------------------------------------


def _heads() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Recording.id.label("recording_id"),
            Analysis.id.label("analysis_id"),
            Analysis.heard_id,
            literal_column(CALL_AT).label("call_at"),
            Analysis.call_date,
            Recording.call_id,
            Recording.agent_id,
            Recording.queue,
            Recording.key,
            Analysis.duration_ms,
            Analysis.device,
        )
        .join(Recording, Recording.id == Analysis.recording_id)
        .where(Analysis.is_current)
    )


def _call(head: AnyRow) -> IndexedCall:
    return IndexedCall(**{field.name: getattr(head, field.name) for field in fields(IndexedCall)})


def _read(session: Session, heads: Sequence[AnyRow]) -> dict[int, Told]:
    own = [AnalysisKey(head.call_date, head.analysis_id) for head in heads]
    heard = [AnalysisKey(head.call_date, head.heard_id) for head in heads]
    segments = reading.read_segments(session, heard, with_words=False)
    events, bursts = reading.read_events(session, own), reading.read_bursts(session, own)
    entities, findings = reading.read_entities(session, own), reading.read_findings(session, own)
    return {
        head.analysis_id: Told(
            segments=segments.get(head.heard_id, ()),
            events=events.get(head.analysis_id, ()),
            entities=entities.get(head.analysis_id, ()),
            bursts=bursts.get(head.analysis_id, ()),
            findings=findings.get(head.analysis_id, ()),
        )
        for head in heads
    }


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    statement = insert(CallIndex)
    others = {name: statement.excluded[name] for name in rows[0] if name != "recording_id"}
    session.execute(
        statement.on_conflict_do_update(index_elements=[CallIndex.recording_id], set_=others),
        list(rows),
    )


# --- the row ----------------------------------------------------------------------------------------------------------


def _row(call: IndexedCall, told: Told) -> dict[str, Any]:
    shares = emotion_shares(told.segments)
    lines, starts_ms = _lines(call, told)
    text = "\n".join(lines)
    return {
        "recording_id": call.recording_id,
        "analysis_id": call.analysis_id,
        "call_at": call.call_at,
        "call_date": call.call_date,
        "agent_id": call.agent_id,
        "queue": call.queue,
        "duration_ms": call.duration_ms,
        "angry_share": shares.get(Emotion.ANGRY, 0.0),
        "emotion_shares": {str(emotion): share for emotion, share in shares.items()},
        "anger_bursts": sum(burst.emotion is Emotion.ANGRY for burst in told.bursts),
        "severity": _gravest(told.findings),
        "finding_count": len(told.findings),
        "facets": sorted(_facets(call, told, shares)),
        "strip": emotion_strip(told.segments, duration_ms=call.duration_ms),
        "grams": " ".join(f"'{gram}'" for gram in sorted(grams(text))),
        "text": text,
        "starts_ms": starts_ms,
    }


def emotion_shares(segments: Sequence[Segment]) -> dict[Emotion, float]:
    """Return the share of the customer's speech under each emotion, the greatest first; of all speech without one."""
    spoken = _of_customer(segments)
    total_ms = sum(segment.end_ms - segment.start_ms for segment in spoken)
    if not total_ms:
        return {}
    felt_ms = defaultdict[Emotion, int](int)
    for segment in spoken:
        felt_ms[segment.emotion] += segment.end_ms - segment.start_ms
    ranked = sorted(felt_ms.items(), key=lambda one: (-one[1], one[0]))
    return {emotion: round(length_ms / total_ms, 4) for emotion, length_ms in ranked}


def emotion_strip(segments: Sequence[Segment], *, duration_ms: int) -> str:
    """Return what is felt in each of `STRIP_PARTS` equal parts of the call: what fills most of it, by its letter."""
    filled: list[defaultdict[str, float]] = [defaultdict(float) for _ in range(STRIP_PARTS)]
    if not duration_ms:
        return NOTHING * STRIP_PARTS
    for segment in _of_customer(segments):
        first = segment.start_ms * STRIP_PARTS / duration_ms
        last = min(segment.end_ms * STRIP_PARTS / duration_ms, STRIP_PARTS)
        for part in range(int(first), ceil(last)):
            filled[part][LETTERS[segment.emotion]] += min(last, part + 1) - max(first, part)
    return "".join(max(part, key=part.__getitem__) if part else NOTHING for part in filled)


def _of_customer(segments: Sequence[Segment]) -> list[Segment]:
    spoken = [segment for segment in segments if segment.is_speech]
    return [segment for segment in spoken if segment.role is Role.CUSTOMER] or spoken


def _gravest(findings: Sequence[Finding]) -> Severity | None:
    found = {finding.severity for finding in findings}
    return next((severity for severity in _GRAVEST_FIRST if severity in found), None)


def _facets(call: IndexedCall, told: Told, shares: Mapping[Emotion, float]) -> set[str]:
    angry = [burst for burst in told.bursts if burst.emotion is Emotion.ANGRY]
    return {
        facet("device", call.device),
        *(facet("language", segment.language) for segment in told.segments if segment.is_speech),
        *(facet("event", event.kind) for event in told.events if event.kind is not EventKind.SPEECH),
        *(facet("rule", finding.rule) for finding in told.findings),
        *(facet("severity", finding.severity) for finding in told.findings),
        *(facet("outcome", burst.outcome) for burst in told.bursts),
        *(felt(emotion, step) for emotion, share in shares.items() for step in SHARE_STEPS if share * 100 >= step),
        *(["anger:burst"] if angry else []),
        *(["anger:after-silence"] if any(b.silence_before_ms >= MIN_SILENCE_MS for b in angry) else []),
    }


def _lines(call: IndexedCall, told: Told) -> tuple[list[str], list[int]]:
    spans = defaultdict[int, list[Span]](list)
    for entity in told.entities:
        spans[entity.segment_no].append((entity.start_char, entity.end_char, entity.masked_value))
    lines = [fold(storable(f"{call.call_id or ''} {call.key}"))]
    starts_ms = [0]
    for number, segment in enumerate(told.segments):
        if line := fold(storable(mask_text(segment.text, spans[number]))):
            lines.append(line)
            starts_ms.append(segment.start_ms)
    return lines, starts_ms
