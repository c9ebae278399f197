"""Steps of a recording's way through the ledger, each in a transaction of its own, as the rooms above take them."""

from __future__ import annotations

from sqlalchemy import Engine

from callscope.calls import CallMetadata, Hearing, RecordingRef
from callscope.jobs import AnalyseJob, AttemptNote, FailureKind, FailureNote, ResultNote
from callscope.meaning.interpret import Interpreter
from models import ledger, results
from models.session import transaction
from tests.examples import a_hearing, an_interpreter

LEASE_MS = 30_000
SENT_DEADLINE_MS = 60_000
MAX_ATTEMPTS = 3
WORKER = "gpu-1:4711:cpu"


def discover(
    engine: Engine, *keys: str, etag: str = "v1", metadata: CallMetadata | None = None, priority: int = 0
) -> int:
    found = [
        ledger.Discovered(RecordingRef("calls", key, etag, 1_000), metadata or CallMetadata(), priority) for key in keys
    ]
    with transaction(engine) as session:
        return ledger.discover(session, found)


def take(engine: Engine, *, limit: int = 100, waiting: int = 0, urgent: bool = False) -> list[ledger.Taken]:
    with transaction(engine) as session:
        return ledger.take(session, limit=limit, sent_deadline_ms=SENT_DEADLINE_MS, waiting=waiting, urgent=urgent)


def take_one(engine: Engine) -> AnalyseJob:
    (taken,) = take(engine)
    return taken.job


def start(engine: Engine, job: AnalyseJob, *, lease_ms: int = LEASE_MS) -> bool:
    with transaction(engine) as session:
        note = AttemptNote(job.recording_id, job.attempt, WORKER)
        return ledger.mark_started(session, note, lease_ms=lease_ms)


def beat(engine: Engine, job: AnalyseJob, *, lease_ms: int = LEASE_MS) -> bool:
    with transaction(engine) as session:
        note = AttemptNote(job.recording_id, job.attempt, WORKER)
        return ledger.extend_lease(session, note, lease_ms=lease_ms)


def fail(
    engine: Engine, job: AnalyseJob, kind: FailureKind, *, retry_delay_ms: int = 0, message: str = "why it failed"
) -> bool:
    note = FailureNote(job.recording_id, job.attempt, kind, f"code_{kind}", "decode", message, WORKER)
    with transaction(engine) as session:
        return ledger.mark_failed(session, note, max_attempts=MAX_ATTEMPTS, retry_delay_ms=retry_delay_ms)


def expire(engine: Engine, *, after_outage: bool = False) -> int:
    with transaction(engine) as session:
        return ledger.expire_leases(session, max_attempts=MAX_ATTEMPTS, retry_delay_ms=0, after_outage=after_outage)


def lose(engine: Engine, job: AnalyseJob) -> None:
    """Start an attempt whose lease is over at once, and let it expire."""
    assert start(engine, job, lease_ms=0)
    assert expire(engine) == 1


def replay(engine: Engine, *recording_ids: int) -> int:
    with transaction(engine) as session:
        return ledger.replay(session, recording_ids=recording_ids or None)


def finish(
    engine: Engine, job: AnalyseJob, hearing: Hearing | None = None, *, interpreter: Interpreter | None = None
) -> bool:
    note = ResultNote(job.recording_id, job.attempt, WORKER, hearing or a_hearing())
    with transaction(engine) as session:
        return results.store(session, note, interpreter or an_interpreter())
