from __future__ import annotations

from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, event, text

from callscope.jobs import FailureKind
from models import ledger
from models.session import transaction
from tests.integration.models import steps

pytestmark = pytest.mark.integration


def test_two_takers_never_get_the_same_row(engine: Engine) -> None:
    steps.discover(engine, *(f"{number:03}.wav" for number in range(400)))
    together, sent = Barrier(4), list[int]()

    def dispatch() -> None:
        together.wait()
        while taken := steps.take(engine, limit=7):
            sent.extend(one.job.recording_id for one in taken)

    threads = [Thread(target=dispatch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sent) == len(set(sent)) == 400


def test_a_row_in_another_dispatchers_hands_is_passed_over(engine: Engine) -> None:
    steps.discover(engine, "a.wav", "b.wav")
    with transaction(engine) as session:
        (held,) = ledger.take(session, limit=1, sent_deadline_ms=steps.SENT_DEADLINE_MS)
        (other,) = steps.take(engine)
    assert (held.job.ref.key, other.job.ref.key) == ("a.wav", "b.wav")


def test_the_same_recording_found_by_two_sweeps_enters_once(engine: Engine) -> None:
    together, new = Barrier(4), list[int]()
    keys = [f"{number:03}.wav" for number in range(200)]

    def sweep() -> None:
        together.wait()
        new.append(steps.discover(engine, *keys))

    threads = [Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(new) == 200


def test_only_one_of_many_failure_notes_counts(engine: Engine) -> None:
    steps.discover(engine, "a.wav")
    job = steps.take_one(engine)
    together, counted = Barrier(6), list[bool]()

    def tell() -> None:
        together.wait()
        counted.append(steps.fail(engine, job, FailureKind.ATTEMPT))

    threads = [Thread(target=tell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counted) == 1


def test_no_step_reads_the_ledger_from_end_to_end(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO recording (bucket, key, etag, size_bytes, state, finished_at)"
                " SELECT 'calls', number || '.wav', 'v1', 1, 'done', now() FROM generate_series(1, 20000) number"
            )
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE recording"))
    said = []
    event.listen(engine, "before_cursor_execute", lambda _c, _cursor, *told: said.append(told[:2]))
    steps.discover(engine, "a.wav", "b.wav", "c.wav")
    steps.take(engine, urgent=True)
    job = steps.take(engine, limit=2)[0].job
    steps.start(engine, job)
    steps.fail(engine, job, FailureKind.ATTEMPT)
    steps.expire(engine)
    steps.finish(engine, job)
    with engine.connect() as connection:
        plans = [
            "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
            for statement, parameters in tuple(said)
            if statement.startswith(("SELECT", "INSERT", "UPDATE", "WITH"))
        ]
    assert len(plans) >= 10
    assert [plan for plan in plans if "Seq Scan on recording" in plan] == []
