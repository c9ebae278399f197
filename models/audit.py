"""The proof of P1 to P3 on a live system: no recording lost, rows exactly once, attempts bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import Text, column, func, literal, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from callscope.calls import RecordingRef
from callscope.ports import StoredObject
from models.ledger.overview import count_states
from models.tables import Recording, State

LISTED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the audit counted, and every recording that breaks a promise; all lists are empty when it is clean."""

    listed_count: int
    """Objects of the listing that were old enough to be asked for."""
    states: Mapping[State, int]
    """Recordings in each state."""
    analysis_count: int
    """Analyses whose rows were counted."""
    missing: tuple[RecordingRef, ...]
    """P1: listed, and not in the ledger."""
    stuck: tuple[int, ...]
    """P1: sent or started, and silent for longer than dispatch would ever let them be; ids of recordings."""
    without_result: tuple[int, ...]
    """P1: done or no_speech without an analysis; ids of recordings."""
    incomplete: tuple[int, ...]
    """P2: rows that are not the ones of one whole result; ids of analyses."""
    doubled: tuple[int, ...]
    """P2: several analyses of one version; ids of recordings."""
    beyond_attempts: tuple[int, ...]
    """P3: more attempts than allowed; ids of recordings."""
    without_reason: tuple[int, ...]
    """P1 and P3: dead or skipped, and code, stage or message is missing; ids of recordings."""

    @property
    def clean(self) -> bool:
        """True when every promise holds."""
        return not any(
            (
                self.missing,
                self.stuck,
                self.without_result,
                self.incomplete,
                self.doubled,
                self.beyond_attempts,
                self.without_reason,
            )
        )

    @property
    def unfinished_count(self) -> int:
        """How many recordings are on their way; 0 when everything came to its end."""
        return sum(self.states[state] for state in (State.DISCOVERED, State.QUEUED, State.STARTED))


def audit(
    session: Session,
    *,
    listed: Iterable[StoredObject],
    settled_before_ms: int,
    max_attempts: int,
    overdue_ms: int,
    since: date | None = None,
) -> AuditReport:
    """
    Prove P1, P2 and P3, or name what breaks them.

    Parameters
    ----------
    session : Session
        Inside a transaction; its statements may take minutes from now on.
    listed : iterable of StoredObject
        What lies in the store under the watched prefix, without sidecars and partial uploads; read once.
    settled_before_ms : int
        Unix time in milliseconds, by the store's clock: objects changed later need no row in the ledger yet.
    max_attempts : int > 0
        As the writers have it.
    overdue_ms : int > 0
        A recording that was sent, or whose lease ran out, longer ago than this should have been taken up again.
    since : date, optional
        Look only at calls of this UTC date and later; None: at all.
    """
    # Ten million calls are more than a transaction of the ordinary kind may read.
    session.execute(text("SET LOCAL statement_timeout = '30min'"))
    settled = [one.ref for one in listed if one.modified_at_ms < settled_before_ms]
    scope: dict[str, object] = {"since": since or date.min}
    return AuditReport(
        listed_count=len(settled),
        states=count_states(session),
        analysis_count=session.scalar(text("SELECT count(*) FROM analysis WHERE call_date >= :since"), scope) or 0,
        missing=tuple(missing_refs(session, settled)),
        stuck=_ids(session, _STUCK, scope | {"overdue_ms": overdue_ms}),
        without_result=_ids(session, _WITHOUT_RESULT, scope),
        incomplete=_ids(session, _INCOMPLETE, scope),
        doubled=_ids(session, _DOUBLED, scope),
        beyond_attempts=_ids(session, _BEYOND_ATTEMPTS, scope | {"max_attempts": max_attempts}),
        without_reason=_ids(session, _WITHOUT_REASON, scope),
    )


_STUCK = """
SELECT id FROM recording
WHERE state IN ('queued', 'started') AND call_date >= :since
AND greatest(sent_at, lease_until) < clock_timestamp() - :overdue_ms * interval '1 ms'
"""

_WITHOUT_RESULT = """
SELECT id FROM recording
WHERE state IN ('done', 'no_speech') AND call_date >= :since
AND NOT EXISTS (SELECT FROM analysis WHERE analysis.recording_id = recording.id)
"""

# Rows of one result are numbered 0, 1, ... without a gap, and the analysis knows how many there were: more, fewer or
# others show. Orphans can't be: each row refers to its analysis.
_COUNTED = (
    ("segment", "segment_no", "segment_count", "heard_id"),
    ("emotion", "segment_no", "segment_count", "heard_id"),
    ("event", "event_no", "event_count", "id"),
    ("entity", "entity_no", "entity_count", "id"),
    ("burst", "burst_no", "burst_count", "id"),
    ("finding", "finding_no", "finding_count", "id"),
)
"""Tables, how their rows are numbered, and where the analysis says how many there are, under which number."""

_INCOMPLETE = (  # of our own names
    "SELECT analysis.id FROM analysis"  # noqa: S608
    + "".join(
        f"""
LEFT JOIN LATERAL (
    SELECT count(*) AS rows, coalesce(max({number}) + 1, 0) AS next FROM {table}
    WHERE {table}.call_date = analysis.call_date AND {table}.analysis_id = analysis.{key}
) AS of_{table} ON true"""  # noqa: S608
        for table, number, _, key in _COUNTED
    )
    + "\nWHERE analysis.call_date >= :since AND NOT ("
    + " AND ".join(f"of_{table}.rows = {count} AND of_{table}.next = {count}" for table, _, count, _ in _COUNTED)
    + ")"
)

_DOUBLED = """
SELECT DISTINCT recording_id FROM analysis
WHERE call_date >= :since
GROUP BY recording_id, checkpoint, pipeline, rules HAVING count(*) > 1
"""

_BEYOND_ATTEMPTS = "SELECT id FROM recording WHERE attempts > :max_attempts AND call_date >= :since"

_WITHOUT_REASON = """
SELECT id FROM recording
WHERE state IN ('dead', 'skipped') AND call_date >= :since
AND (coalesce(error_code, '') = '' OR coalesce(error_stage, '') = '' OR coalesce(error_message, '') = '')
"""


def _ids(session: Session, query: str, values: Mapping[str, object]) -> tuple[int, ...]:
    return tuple(sorted(session.scalars(text(query), values)))


def missing_refs(session: Session, refs: Sequence[RecordingRef]) -> Iterator[RecordingRef]:
    """Yield the refs without a row, asking for thousands at once by the unique index."""
    remaining = iter(refs)
    while chunk := list(islice(remaining, LISTED_AT_ONCE)):
        asked = (
            func.jsonb_to_recordset(literal(_wire(chunk), JSONB))
            .table_valued(column("bucket", Text), column("key", Text), column("etag", Text))
            .render_derived(name="asked", with_types=True)
        )
        known = session.execute(
            select(asked).join(
                Recording,
                (Recording.bucket == asked.c.bucket)
                & (Recording.key == asked.c.key)
                & (Recording.etag == asked.c.etag),
            )
        )
        found = {tuple(row) for row in known}
        yield from (ref for ref in chunk if (ref.bucket, ref.key, ref.etag) not in found)


def _wire(refs: Sequence[RecordingRef]) -> list[dict[str, Any]]:
    return [{"bucket": ref.bucket, "key": ref.key, "etag": ref.etag} for ref in refs]
