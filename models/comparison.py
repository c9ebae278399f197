"""Analyses of two versions, call by call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, aliased

from callscope.calls import AnalysisVersion
from callscope.comparison import ComparedAnalysis
from models.reading import AnalysisKey, is_version, read_events, read_findings, read_scores, read_segments
from models.tables import Analysis, Recording


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """An analysis version that has rows."""

    version: AnalysisVersion
    analyses: int
    current: int
    """Of these, the ones that views and reports speak of."""
    first_call: date
    """UTC date of its earliest call."""
    last_call: date
    first_stored_at: datetime
    last_stored_at: datetime


@dataclass(frozen=True, slots=True)
class ComparedCall:
    """A call that has both analyses."""

    recording_id: int
    key: str
    call_id: str | None
    call_date: date
    old: ComparedAnalysis
    new: ComparedAnalysis


def list_versions(session: Session) -> list[StoredVersion]:
    """Return every version that is stored, the one that was stored last first."""
    session.execute(text("SET LOCAL statement_timeout = '30min'"))
    rows = session.execute(
        select(
            Analysis.checkpoint,
            Analysis.pipeline,
            Analysis.rules,
            func.count(),
            func.count().filter(Analysis.is_current),
            func.min(Analysis.call_date),
            func.max(Analysis.call_date),
            func.min(Analysis.stored_at),
            func.max(Analysis.stored_at),
        )
        .group_by(Analysis.checkpoint, Analysis.pipeline, Analysis.rules)
        .order_by(func.max(Analysis.stored_at).desc(), func.max(Analysis.id).desc())
    )
    return [StoredVersion(AnalysisVersion(*row[:3]), *row[3:]) for row in rows]


def read_pairs(
    session: Session,
    old: AnalysisVersion,
    new: AnalysisVersion,
    *,
    after_id: int,
    limit: int,
    since: date | None = None,
) -> list[ComparedCall]:
    """
    Return the calls that follow and have both analyses, ascending by recording.

    Parameters
    ----------
    session : Session
        Inside a transaction; six statements, whatever the limit.
    old, new : AnalysisVersion
        What is compared.
    after_id : int
        Recording that the last batch ended with; 0 at first.
    limit : int > 0
        At most so many calls.
    since : date, optional
        Only calls of this UTC date and later.
    """
    first, second = aliased(Analysis), aliased(Analysis)
    statement = (
        select(
            Recording.id,
            Recording.key,
            Recording.call_id,
            second.call_date,
            first.call_date.label("old_date"),
            first.id.label("old_id"),
            first.heard_id.label("old_heard_id"),
            second.id.label("new_id"),
            second.heard_id.label("new_heard_id"),
        )
        .join(first, first.recording_id == Recording.id)
        .join(second, second.recording_id == Recording.id)
        .where(is_version(first, old), is_version(second, new), Recording.id > after_id)
        .order_by(Recording.id)
        .limit(limit)
    )
    if since is not None:
        statement = statement.where(second.call_date >= since)
    rows = session.execute(statement).all()
    heard = {AnalysisKey(row.old_date, row.old_heard_id) for row in rows}
    heard |= {AnalysisKey(row.call_date, row.new_heard_id) for row in rows}
    own = {AnalysisKey(row.old_date, row.old_id) for row in rows}
    own |= {AnalysisKey(row.call_date, row.new_id) for row in rows}
    segments = read_segments(session, heard, with_words=False)
    events, findings, scores = read_events(session, own), read_findings(session, own), read_scores(session, own)

    def side(analysis_id: int, heard_id: int) -> ComparedAnalysis:
        return ComparedAnalysis(
            segments=segments.get(heard_id, ()),
            events=events.get(analysis_id, ()),
            findings=findings.get(analysis_id, ()),
            scores=scores.get(analysis_id, ()),
        )

    return [
        ComparedCall(
            recording_id=row.id,
            key=row.key,
            call_id=row.call_id,
            call_date=row.call_date,
            old=side(row.old_id, row.old_heard_id),
            new=side(row.new_id, row.new_heard_id),
        )
        for row in rows
    ]
