from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from callscope.calls import CallMetadata, RecordingRef
from callscope.jobs import FailureKind
from callscope.ports import StoredObject
from models.audit import AuditReport, audit
from models.ledger import State
from models.session import transaction
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

NOW_MS = 1_000_000


def listed(*keys: str, modified_at_ms: int = 0) -> list[StoredObject]:
    return [StoredObject(RecordingRef("calls", key, "v1", 1_000), modified_at_ms) for key in keys]


def report(engine: Engine, *objects: StoredObject, since: date | None = None) -> AuditReport:
    with transaction(engine) as session:
        return audit(
            session,
            listed=objects,
            settled_before_ms=NOW_MS,
            max_attempts=steps.MAX_ATTEMPTS,
            overdue_ms=60_000,
            since=since,
        )


@pytest.fixture
def recording_id(engine: Engine) -> int:
    """A recording that came to a good end."""
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    steps.start(engine, job)
    steps.finish(engine, job)
    return job.recording_id


def test_every_kind_of_end_and_of_way_is_clean(engine: Engine) -> None:
    keys = ["done.wav", "dead.wav", "gone.wav", "lost.wav", "started.wav", "queued.wav", "discovered.wav"]
    steps.discover(engine, *keys)
    done, dead, gone, lost, started, _queued = (taken.job for taken in steps.take(engine, limit=6))
    steps.finish(engine, done)
    steps.fail(engine, dead, FailureKind.PERMANENT)
    steps.fail(engine, gone, FailureKind.GONE)
    steps.lose(engine, lost)
    steps.start(engine, started)
    found = report(engine, *listed(*keys))
    assert found.clean
    assert (found.listed_count, found.analysis_count, found.unfinished_count) == (7, 1, 4)
    assert {state: count for state, count in found.states.items() if count} == {
        State.DISCOVERED: 2,
        State.QUEUED: 1,
        State.STARTED: 1,
        State.DONE: 1,
        State.DEAD: 1,
        State.SKIPPED: 1,
    }


def test_an_empty_system_is_clean(engine: Engine) -> None:
    assert report(engine).clean


def test_listed_and_unknown_is_missing(engine: Engine) -> None:
    steps.discover(engine, "a.wav")
    steps.discover(engine, "changed.wav", etag="v0")
    young = listed("young.wav", modified_at_ms=NOW_MS)
    found = report(engine, *listed("a.wav", "b.wav", "changed.wav"), *young)
    assert not found.clean
    assert [(ref.key, ref.etag) for ref in found.missing] == [("b.wav", "v1"), ("changed.wav", "v1")]


def test_listings_of_any_length(engine: Engine) -> None:
    keys = [f"{number:05}.wav" for number in range(11_000)]
    steps.discover(engine, *keys[:-1])
    assert [ref.key for ref in report(engine, *listed(*keys)).missing] == [keys[-1]]


@pytest.mark.parametrize(
    ("change", "is_stuck"),
    [
        ("lease_until = now() - interval '61 s', sent_at = now() - interval '10 min'", True),
        ("lease_until = now() - interval '59 s', sent_at = now() - interval '10 min'", False),
        ("state = 'queued', lease_until = NULL, sent_at = now() - interval '61 s'", True),
        ("state = 'queued', lease_until = NULL, sent_at = now() - interval '59 s'", False),
    ],
)
def test_silent_beyond_its_time_is_stuck(engine: Engine, run_sql: RunSql, change: str, *, is_stuck: bool) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    steps.start(engine, job)
    run_sql(f"UPDATE recording SET {change}")  # noqa: S608
    assert report(engine).stuck == ((job.recording_id,) if is_stuck else ())


def test_done_without_an_analysis(engine: Engine, run_sql: RunSql, recording_id: int) -> None:
    run_sql("DELETE FROM analysis")
    found = report(engine)
    assert (found.clean, found.without_result) == (False, (recording_id,))


ANOTHER_EVENT = (
    "INSERT INTO event"
    " SELECT call_date, analysis_id, 1, kind, origin, channel, owner, start_ms, end_ms, probability FROM event"
)


@pytest.mark.usefixtures("recording_id")
@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM segment WHERE segment_no = 0",
        "DELETE FROM segment WHERE segment_no = 1",
        "DELETE FROM segment",
        "UPDATE segment SET segment_no = 7 WHERE segment_no = 1",
        "DELETE FROM emotion WHERE segment_no = 1",
        "DELETE FROM event",
        ANOTHER_EVENT,
        "UPDATE analysis SET segment_count = 3",
    ],
)
def test_rows_that_are_not_one_whole_result(engine: Engine, run_sql: RunSql, damage: str) -> None:
    assert report(engine).clean
    run_sql(damage)
    found = report(engine)
    assert not found.clean
    assert [(number,) for number in found.incomplete] == run_sql("SELECT id FROM analysis")


def test_two_analyses_of_one_version(engine: Engine, run_sql: RunSql, recording_id: int) -> None:
    run_sql("ALTER TABLE analysis DROP CONSTRAINT uq_analysis_recording_id_checkpoint_pipeline_rules")
    columns = ", ".join(
        str(name)
        for (name,) in run_sql(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = 'analysis'::regclass AND attnum > 1 AND attname NOT IN ('is_current', 'heard_id')"
        )
    )
    run_sql(f"INSERT INTO analysis ({columns}, is_current) SELECT {columns}, false FROM analysis")  # noqa: S608
    assert report(engine).doubled == (recording_id,)


def test_more_attempts_than_allowed(engine: Engine, run_sql: RunSql, recording_id: int) -> None:
    run_sql("UPDATE recording SET attempts = 4")
    found = report(engine)
    assert (found.clean, found.beyond_attempts) == (False, (recording_id,))


@pytest.mark.parametrize("name", ["error_code", "error_stage", "error_message"])
def test_dead_without_a_reason(engine: Engine, run_sql: RunSql, name: str) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    steps.fail(engine, job, FailureKind.PERMANENT)
    run_sql(f"UPDATE recording SET {name} = ''")  # noqa: S608
    found = report(engine)
    assert (found.clean, found.without_reason) == (False, (job.recording_id,))


def test_since_leaves_older_calls_out(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav", metadata=CallMetadata(started_at=datetime(2001, 2, 3, tzinfo=UTC)))
    steps.finish(engine, steps.take_one(engine))
    run_sql("DELETE FROM event")
    assert not report(engine, since=date(2001, 2, 3)).clean
    assert report(engine, since=date(2001, 2, 4)).clean
