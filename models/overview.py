"""The contact centre at a glance: what came in, how customers felt, what waits, what is dead, how fast it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from callscope.calls import RecordingRef
from models.audit import missing_refs
from models.reports import Scope

SPEED_CALLS = 1_000
"""Analyses that the speed of a device is told by: the newest."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Calls of a day and a queue."""

    day: date
    queue: str | None
    calls: int
    """With an analysis."""
    angry_calls: int
    """With a customer's burst of anger."""
    after_silence: int
    """Of these: with one that follows an agent's silence."""
    duration_ms: int
    """All of them together."""


@dataclass(frozen=True, slots=True)
class DeadReason:
    """Recordings that were given up for one reason."""

    code: str
    stage: str
    count: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is on its way."""

    discovered: int
    """In the ledger, to be sent."""
    queued: int
    """Sent to the workers."""
    started: int
    """Under a worker's hands."""
    urgent: int
    """Of the first two: somebody waits for them."""
    oldest_id: int | None
    oldest_key: str | None
    oldest_ms: int | None
    """How long the one that waits longest has been waiting."""

    @property
    def total(self) -> int:
        """All that have no end yet."""
        return self.discovered + self.queued + self.started


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """How fast a device's workers were lately."""

    device: str
    engine: str
    workers: int
    calls: int
    audio_ms: int
    busy_ms: int
    """Wall time of the calls' stages without the fetching, added up; calls that ran beside each other count each."""
    last_at: datetime

    @property
    def rtfx(self) -> float | None:
        """Seconds of sound a second of a call's own time."""
        return self.audio_ms / self.busy_ms if self.busy_ms else None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The bucket against the rows."""

    listed: int
    """Recordings in the bucket that were looked at."""
    in_ledger: int
    """Of these."""
    missing: tuple[str, ...]
    """Keys of the others; the newest may be on their way in."""
    done: int
    """All recordings of the ledger that have their rows, also without speech."""
    dead: int
    skipped: int
    waiting: int
    is_whole: bool
    """False: the bucket holds more than was looked at."""


def volume(session: Session, scope: Scope) -> list[Volume]:
    """Return the calls of each day and queue, ascending by day; days and queues without calls are left out."""
    rows = session.execute(
        text("""
SELECT
    call_date AS day,
    queue,
    count(*) AS calls,
    count(*) FILTER (WHERE anger_bursts > 0) AS angry_calls,
    count(*) FILTER (WHERE anger_bursts > 0 AND facets @> ARRAY['anger:after-silence']) AS after_silence,
    sum(duration_ms) AS duration_ms
FROM call_index
WHERE call_at >= CAST(:first AS date) AND call_at < CAST(:last AS date) + 1
    AND (CAST(:queue AS text) IS NULL OR queue = :queue)
    AND (CAST(:agent_id AS text) IS NULL OR agent_id = :agent_id)
GROUP BY call_date, queue
ORDER BY call_date, queue
"""),
        {"first": scope.first, "last": scope.last, "queue": scope.queue, "agent_id": scope.agent_id},
    )
    return [Volume(**row) for row in rows.mappings()]


def dead_reasons(session: Session) -> list[DeadReason]:
    """Return why recordings are dead, the most frequent reason first."""
    rows = session.execute(
        text("""
SELECT error_code AS code, error_stage AS stage, count(*) AS count, max(finished_at) AS newest_at
FROM recording
WHERE state = 'dead'
GROUP BY error_code, error_stage
ORDER BY count DESC, code, stage
""")
    )
    return [DeadReason(**row) for row in rows.mappings()]


def waiting(session: Session) -> Waiting:
    """Return what is on its way, and for how long the oldest has been."""
    row = session.execute(
        text("""
SELECT
    count(*) FILTER (WHERE state = 'discovered') AS discovered,
    count(*) FILTER (WHERE state = 'queued') AS queued,
    count(*) FILTER (WHERE state = 'started') AS started,
    count(*) FILTER (WHERE state <> 'started' AND priority > 0) AS urgent,
    oldest.id AS oldest_id,
    oldest.key AS oldest_key,
    CAST(extract(epoch FROM clock_timestamp() - oldest.discovered_at) * 1000 AS bigint) AS oldest_ms
FROM (SELECT) AS always
LEFT JOIN (
    SELECT id, key, discovered_at FROM recording
    WHERE state IN ('discovered', 'queued', 'started') ORDER BY discovered_at, id LIMIT 1
) AS oldest ON true
LEFT JOIN recording ON recording.state IN ('discovered', 'queued', 'started')
GROUP BY oldest.id, oldest.key, oldest.discovered_at
""")
    )
    return Waiting(**row.mappings().one())


def speeds(session: Session) -> list[DeviceSpeed]:
    """Return how fast each device was in the newest `SPEED_CALLS` analyses that were heard, the busiest first."""
    rows = session.execute(
        text("""
SELECT
    device,
    engine,
    count(DISTINCT worker) AS workers,
    count(*) AS calls,
    sum(duration_ms) AS audio_ms,
    sum((
        SELECT coalesce(sum(CAST(value AS numeric)), 0) FROM jsonb_each_text(timings_ms) WHERE key <> 'fetch'
    )) AS busy_ms,
    max(stored_at) AS last_at
FROM (SELECT * FROM analysis WHERE base_id IS NULL ORDER BY id DESC LIMIT :limit) AS latest
GROUP BY device, engine
ORDER BY audio_ms DESC, device
"""),
        {"limit": SPEED_CALLS},
    )
    return [
        DeviceSpeed(**{**row, "audio_ms": int(row["audio_ms"]), "busy_ms": int(row["busy_ms"])})
        for row in rows.mappings()
    ]


def coverage(session: Session, refs: Sequence[RecordingRef], *, is_whole: bool) -> Coverage:
    """
    Return how much of the bucket the ledger knows.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    refs : sequence of RecordingRef
        Recordings that a listing showed; it came before this question, so that none of them can be too new.
    is_whole : bool
        Whether the listing came to its end.
    """
    unknown = [ref.key for ref in missing_refs(session, refs)]
    row = session.execute(
        text("""
SELECT
    count(*) FILTER (WHERE state IN ('done', 'no_speech')) AS done,
    count(*) FILTER (WHERE state = 'dead') AS dead,
    count(*) FILTER (WHERE state = 'skipped') AS skipped,
    count(*) FILTER (WHERE state IN ('discovered', 'queued', 'started')) AS waiting
FROM recording
""")
    ).mappings()
    return Coverage(
        listed=len(refs), in_ledger=len(refs) - len(unknown), missing=tuple(unknown), is_whole=is_whole, **row.one()
    )
