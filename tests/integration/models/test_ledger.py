from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine

from callscope.calls import CallMetadata, Role
from callscope.jobs import FailureKind
from models import ledger
from models.ledger import State
from models.session import transaction
from tests.examples import a_hearing
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]


def states(engine: Engine) -> dict[State, int]:
    with transaction(engine) as session:
        return {state: count for state, count in ledger.count_states(session).items() if count}


def dead(engine: Engine) -> list[ledger.DeadRecording]:
    with transaction(engine) as session:
        return ledger.list_dead(session, limit=100)


class TestDiscover:
    def test_a_recording_enters_once(self, engine: Engine) -> None:
        assert steps.discover(engine, "a.wav", "b.wav") == 2
        assert steps.discover(engine, "a.wav", "b.wav", "c.wav", "c.wav") == 1
        assert states(engine) == {State.DISCOVERED: 3}

    def test_known_ones_use_up_no_numbers(self, engine: Engine, run_sql: RunSql) -> None:
        for _ in range(5):
            steps.discover(engine, "a.wav", "b.wav")
        steps.discover(engine, "c.wav")
        assert run_sql("SELECT max(id) FROM recording") == [(3,)]

    def test_a_new_version_is_a_recording_of_its_own(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav", etag="v1")
        assert steps.discover(engine, "a.wav", etag="v2") == 1

    def test_thousands_at_once(self, engine: Engine) -> None:
        keys = [f"{number:05}.wav" for number in range(5_000)]
        assert steps.discover(engine, *keys) == 5_000
        assert steps.discover(engine, *keys) == 0

    def test_keeps_what_telephony_told(self, engine: Engine, run_sql: RunSql) -> None:
        told = CallMetadata(
            call_id="c-1",
            agent_id="a-7\x00",
            queue="退款",
            direction="inbound",
            started_at=datetime.fromisoformat("2026-03-01T00:30:00+08:00"),
            channel_roles=(Role.CUSTOMER, Role.AGENT),
            extra={"skill": "tab\tnewline\nquote\"back\\slash\x00'; DROP TABLE recording; --"},
        )
        steps.discover(engine, "a.wav", metadata=told)
        assert run_sql(
            "SELECT call_id, agent_id, queue, direction, call_started_at, call_date, channel_roles, metadata"
            " FROM recording"
        ) == [
            (
                "c-1",
                "a-7",
                "退款",
                "inbound",
                datetime(2026, 2, 28, 16, 30, tzinfo=UTC),
                date(2026, 2, 28),
                ["customer", "agent"],
                {"skill": "tab\tnewline\nquote\"back\\slash'; DROP TABLE recording; --"},
            )
        ]
        (taken,) = steps.take(engine)
        assert taken.job.channel_roles == (Role.CUSTOMER, Role.AGENT)

    def test_without_a_start_the_call_is_dated_by_its_discovery(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        assert run_sql("SELECT call_date = (discovered_at AT TIME ZONE 'UTC')::date FROM recording") == [(True,)]

    def test_metadata_of_any_length_does_not_stop_the_sweep(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav", metadata=CallMetadata(call_id="9" * 100_000))
        assert run_sql("SELECT length(call_id) FROM recording") == [(255,)]

    def test_an_object_that_came_back_waits_again(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        steps.fail(engine, steps.take_one(engine), FailureKind.GONE)
        run_sql("UPDATE recording SET error_code = 'object_gone'")
        assert steps.discover(engine, "a.wav") == 1
        assert steps.discover(engine, "a.wav") == 0
        assert states(engine) == {State.DISCOVERED: 1}


class TestTake:
    def test_oldest_first_but_those_that_can_wait_last(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav", priority=-1)
        steps.discover(engine, "b.wav", "c.wav", "d.wav")
        assert [taken.job.ref.key for taken in steps.take(engine, limit=3)] == ["b.wav", "c.wav", "d.wav"]
        assert [taken.job.ref.key for taken in steps.take(engine, limit=3)] == ["a.wav"]
        assert steps.take(engine, limit=3) == []

    def test_urgent_ones_are_taken_apart_the_most_urgent_first(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        steps.discover(engine, "b.wav", priority=1)
        steps.discover(engine, "c.wav", priority=5)
        urgent = steps.take(engine, urgent=True)
        assert [(taken.job.ref.key, taken.job.urgent) for taken in urgent] == [("c.wav", True), ("b.wav", True)]
        (other,) = steps.take(engine)
        assert (other.job.ref.key, other.job.urgent) == ("a.wav", False)

    def test_an_urgent_one_that_was_lost_travels_alone(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav", priority=1)
        (first,) = steps.take(engine, urgent=True)
        steps.lose(engine, first.job)
        assert steps.take(engine, urgent=True) == []
        (again,) = steps.take(engine)
        assert (again.isolate, again.job.urgent) == (True, True)

    def test_late_messages_of_the_backlog_say_nothing_about_urgent_ones(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav", "b.wav")
        steps.discover(engine, "c.wav", priority=1)
        steps.take(engine)
        steps.take(engine, urgent=True)
        run_sql("UPDATE recording SET sent_at = sent_at - interval '61 s'")
        assert [taken.job.ref.key for taken in steps.take(engine, urgent=True)] == ["c.wav"]
        assert steps.take(engine, waiting=2) == []

    def test_no_room_takes_nothing(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        assert steps.take(engine, limit=0) == []
        assert steps.take(engine, limit=-3) == []

    def test_sent_and_not_started_is_sent_again_as_the_same_attempt(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        first = steps.take_one(engine)
        run_sql("UPDATE recording SET sent_at = sent_at - interval '61 s'")
        assert steps.take_one(engine) == first
        assert steps.take(engine) == []

    def test_late_messages_that_the_broker_still_holds_are_not_doubled(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav", "b.wav", "c.wav")
        steps.take(engine)
        run_sql("UPDATE recording SET sent_at = sent_at - interval '61 s'")
        assert steps.take(engine, waiting=3) == []
        assert len(steps.take(engine, waiting=2)) == 1


class TestAttempts:
    def test_a_started_attempt_has_a_lease(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        assert job.attempt == 1
        assert steps.start(engine, job)
        assert run_sql("SELECT state, worker, lease_until > now() + interval '20 s' FROM recording") == [
            ("started", steps.WORKER, True)
        ]

    def test_the_start_is_noted_once(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        steps.start(engine, job)
        before = run_sql("SELECT started_at FROM recording")
        assert steps.start(engine, job)
        assert run_sql("SELECT started_at FROM recording") == before

    def test_a_heartbeat_extends_the_lease(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        steps.start(engine, job, lease_ms=0)
        assert steps.beat(engine, job)
        assert steps.expire(engine) == 0

    def test_a_heartbeat_makes_up_for_a_lost_start(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        assert steps.beat(engine, steps.take_one(engine))
        assert states(engine) == {State.STARTED: 1}

    def test_permanent_is_dead_at_once(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        steps.start(engine, job)
        assert steps.fail(engine, job, FailureKind.PERMANENT, message="no\x00 audio")
        (found,) = dead(engine)
        assert (found.key, found.stage, found.code, found.message, found.attempts) == (
            "a.wav",
            "decode",
            "code_permanent",
            "no audio",
            1,
        )

    def test_dead_after_the_last_attempt(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        for attempt in (1, 2, 3):
            assert dead(engine) == []
            job = steps.take_one(engine)
            assert job.attempt == attempt
            steps.start(engine, job)
            assert steps.fail(engine, job, FailureKind.ATTEMPT)
        (found,) = dead(engine)
        assert found.attempts == 3
        assert [entry.attempt for entry in found.attempt_log] == [1, 2, 3]
        assert {(entry.kind, entry.stage, entry.worker) for entry in found.attempt_log} == {
            ("attempt", "decode", steps.WORKER)
        }
        assert found.attempt_log[0].at < found.attempt_log[2].at
        assert steps.take(engine) == []

    def test_a_failed_attempt_waits_before_the_next(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        steps.fail(engine, steps.take_one(engine), FailureKind.ATTEMPT, retry_delay_ms=60_000)
        assert steps.take(engine) == []
        run_sql("UPDATE recording SET not_before = not_before - interval '61 s'")
        assert steps.take_one(engine).attempt == 2

    @pytest.mark.parametrize("kind", [FailureKind.OUTAGE, FailureKind.RELEASED])
    def test_outages_and_releases_burn_no_attempt(self, engine: Engine, run_sql: RunSql, kind: FailureKind) -> None:
        steps.discover(engine, "a.wav")
        for _ in range(10):
            job = steps.take_one(engine)
            steps.start(engine, job)
            assert steps.fail(engine, job, kind)
        assert run_sql("SELECT state, attempts FROM recording") == [("discovered", 0)]

    def test_a_release_waits_for_nothing(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav", "b.wav")
        released, outage = (taken.job for taken in steps.take(engine))
        steps.fail(engine, released, FailureKind.RELEASED, retry_delay_ms=60_000)
        steps.fail(engine, outage, FailureKind.OUTAGE, retry_delay_ms=60_000)
        assert steps.take_one(engine).recording_id == released.recording_id

    def test_gone_is_skipped_with_a_reason(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        assert steps.fail(engine, steps.take_one(engine), FailureKind.GONE)
        assert run_sql("SELECT state, attempts, error_code, finished_at IS NOT NULL FROM recording") == [
            ("skipped", 0, "code_gone", True)
        ]

    def test_an_outage_of_hours_keeps_the_log_short(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        for _ in range(60):
            steps.fail(engine, steps.take_one(engine), FailureKind.OUTAGE)
        assert run_sql(
            "SELECT jsonb_array_length(attempt_log), attempt_log -> 0 ->> 'attempt', attempt_log -> 49 ->> 'attempt'"
            " FROM recording"
        ) == [(50, "11", "60")]


class TestLease:
    def test_a_lost_attempt_counts_and_travels_alone(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        steps.lose(engine, steps.take_one(engine))
        (again,) = steps.take(engine)
        assert again.isolate
        assert again.job.attempt == 2

    def test_dead_when_the_last_attempt_is_lost(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        for _ in range(3):
            steps.lose(engine, steps.take_one(engine))
        (found,) = dead(engine)
        assert (found.code, found.stage, found.attempts) == ("attempt_lost", "unknown", 3)
        assert found.message
        assert [entry.worker for entry in found.attempt_log] == [steps.WORKER] * 3

    def test_after_an_attempt_that_was_not_lost_it_travels_in_company(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        steps.lose(engine, steps.take_one(engine))
        steps.fail(engine, steps.take_one(engine), FailureKind.ATTEMPT)
        (again,) = steps.take(engine)
        assert not again.isolate

    def test_a_lease_that_ran_out_in_an_outage_burns_no_attempt(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        for _ in range(steps.MAX_ATTEMPTS + 1):
            assert steps.start(engine, steps.take_one(engine), lease_ms=0)
            assert steps.expire(engine, after_outage=True) == 1
        assert run_sql("SELECT state, attempts, isolate, attempt_log -> 0 ->> 'kind' FROM recording") == [
            ("discovered", 0, False, "outage")
        ]

    def test_a_lease_under_way_is_left_alone(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        steps.start(engine, steps.take_one(engine))
        assert steps.expire(engine) == 0

    def test_runs_on_the_clock_of_the_database(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        steps.start(engine, steps.take_one(engine))
        run_sql("UPDATE recording SET lease_until = clock_timestamp() - interval '1 ms'")
        assert steps.expire(engine) == 1


class TestStaleNotes:
    def test_of_an_earlier_attempt(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        first = steps.take_one(engine)
        steps.lose(engine, first)
        second = steps.take_one(engine)
        assert not steps.start(engine, first)
        assert not steps.beat(engine, first)
        assert not steps.fail(engine, first, FailureKind.PERMANENT)
        assert steps.start(engine, second)
        assert not steps.fail(engine, first, FailureKind.ATTEMPT)

    def test_a_start_that_comes_after_its_own_failure(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        assert steps.fail(engine, job, FailureKind.OUTAGE)
        assert not steps.start(engine, job)
        assert run_sql("SELECT state, attempts FROM recording") == [("discovered", 0)]

    def test_a_failure_told_twice_counts_once(self, engine: Engine, run_sql: RunSql) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        assert steps.fail(engine, job, FailureKind.ATTEMPT)
        assert not steps.fail(engine, job, FailureKind.ATTEMPT)
        assert run_sql("SELECT attempts, jsonb_array_length(attempt_log) FROM recording") == [(1, 1)]

    def test_any_note_after_the_end(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        steps.finish(engine, job)
        assert not steps.start(engine, job)
        assert not steps.fail(engine, job, FailureKind.PERMANENT)
        assert states(engine) == {State.DONE: 1}

    def test_of_an_attempt_before_a_replay(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        before = steps.take_one(engine)
        steps.fail(engine, before, FailureKind.PERMANENT)
        steps.replay(engine)
        after = steps.take_one(engine)
        assert not steps.fail(engine, before, FailureKind.PERMANENT)
        assert steps.start(engine, after)

    def test_of_an_unknown_recording(self, engine: Engine) -> None:
        steps.discover(engine, "a.wav")
        job = steps.take_one(engine)
        with transaction(engine) as session:
            session.connection().exec_driver_sql("DELETE FROM recording")
        assert not steps.start(engine, job)


class TestReplay:
    def test_every_dead_one_gets_all_its_attempts_again(self, engine: Engine) -> None:
        steps.discover(engine, "dead.wav", "done.wav")
        first, second = (taken.job for taken in steps.take(engine))
        steps.fail(engine, first, FailureKind.PERMANENT)
        steps.finish(engine, second)
        assert steps.replay(engine) == 1
        for _ in range(steps.MAX_ATTEMPTS):
            steps.fail(engine, steps.take_one(engine), FailureKind.ATTEMPT)
        (found,) = dead(engine)
        assert found.attempts == 3
        assert [entry.kind for entry in found.attempt_log] == ["permanent", "replay", *["attempt"] * 3]

    def test_named_ones_from_any_end_but_none_under_way(self, engine: Engine) -> None:
        steps.discover(engine, "done.wav", "started.wav", "dead.wav")
        done, started, given_up = (taken.job for taken in steps.take(engine))
        steps.finish(engine, done)
        steps.start(engine, started)
        steps.fail(engine, given_up, FailureKind.PERMANENT)
        assert steps.replay(engine, done.recording_id, started.recording_id) == 1
        assert states(engine) == {State.DISCOVERED: 1, State.STARTED: 1, State.DEAD: 1}


def test_progress_tells_state_stage_and_time(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav", "b.wav", "c.wav")
    first, _ = (taken.job for taken in steps.take(engine, limit=2))
    steps.fail(engine, first, FailureKind.PERMANENT)
    run_sql("UPDATE recording SET discovered_at = finished_at - interval '1500 ms' WHERE key = 'a.wav'")
    with transaction(engine) as session:
        told = ledger.progress(session)
    assert [(one.key, one.state, one.stage, one.code) for one in told] == [
        ("a.wav", State.DEAD, "decode", "code_permanent"),
        ("b.wav", State.QUEUED, None, None),
        ("c.wav", State.DISCOVERED, None, None),
    ]
    assert told[0].elapsed_ms == 1_500


def test_every_state_is_counted(engine: Engine) -> None:
    with transaction(engine) as session:
        assert ledger.count_states(session) == dict.fromkeys(State, 0)


def test_a_span_reaches_from_the_first_job_sent_to_the_last_end(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "run_1/a.wav", "run_1/b.wav", "run_1/c.wav", "run_1/d.wav", "runs1/other.wav")
    jobs = {taken.job.ref.key: taken.job for taken in steps.take(engine)}
    steps.finish(engine, jobs["run_1/a.wav"])
    steps.finish(engine, jobs["run_1/b.wav"])
    steps.start(engine, jobs["run_1/c.wav"])
    steps.fail(engine, jobs["run_1/c.wav"], FailureKind.PERMANENT)
    run_sql("UPDATE recording SET sent_at = now() - interval '1 day' WHERE key LIKE 'runs%'")
    run_sql("UPDATE recording SET sent_at = now() - interval '90 s' WHERE key LIKE '%b.wav'")
    run_sql("UPDATE recording SET finished_at = now() - interval '30 s' WHERE finished_at IS NOT NULL")
    run_sql("UPDATE recording SET finished_at = now() - interval '10 s' WHERE key LIKE '%a.wav'")
    with transaction(engine) as session:
        told = ledger.span(session, prefix="run_1/")
    assert (told.recordings, told.finished, told.with_result) == (4, 3, 2)
    assert 80_000 <= told.elapsed_ms < 81_000
    assert told.workers == (steps.WORKER,)
    assert told.engines == (a_hearing().engine,)


def test_a_span_of_nothing(engine: Engine) -> None:
    with transaction(engine) as session:
        assert ledger.span(session, prefix="run/") == ledger.Span()
