"""The writers as a real process between a real Redis and a real Postgres."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from pydantic import SecretStr

from callscope.broker import celery_settings
from callscope.calls import CallMetadata, RecordingRef
from callscope.jobs import STORE_TASK, AnalyseJob, AttemptNote, FailureKind, FailureNote, ResultNote
from callscope.processes import ChildProcess, ChildSpec
from callscope.settings import Settings
from models import ledger
from models.audit import audit
from models.ledger import State
from models.session import Engine, transaction
from standalone.servers import run_servers
from tests.examples import a_hearing, a_segment
from workers.notes import NotePublisher

pytestmark = pytest.mark.integration

WORKER = "host:1:cpu"

_PATIENCE_S = 120

_NOT_ACKNOWLEDGED = "Couldn't ack"


@dataclass(frozen=True, slots=True)
class Office:
    """Writers that are fed by the test."""

    settings: Settings
    engine: Engine
    app: Celery
    publisher: NotePublisher
    folder: Path

    @contextmanager
    def writers(self) -> Iterator[ChildProcess]:
        argv = (sys.executable, "-m", "callscope", "write", "--processes", "1")
        with ChildProcess(
            ChildSpec("writers", argv, self.folder / "writers.log", env=self.settings.as_environment())
        ) as process:
            yield process

    def take(self, count: int) -> list[AnalyseJob]:
        found = [
            ledger.Discovered(RecordingRef("recordings", f"{n}.wav", "v1", 100), CallMetadata()) for n in range(count)
        ]
        with transaction(self.engine) as session:
            ledger.discover(session, found)
            return [one.job for one in ledger.take(session, limit=count, sent_deadline_ms=60_000)]

    def wait(self, reached: Callable[[list[Mapping[str, Any]]], bool]) -> list[Mapping[str, Any]]:
        self.wait_until(lambda: reached(self.rows()))
        return self.rows()

    def wait_until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{self.rows()}\n{self.log()}"
            time.sleep(0.05)

    def log(self) -> str:
        return (self.folder / "writers.log").read_text(encoding="utf-8")

    def rows(self) -> list[Mapping[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.exec_driver_sql("SELECT * FROM recording ORDER BY id").mappings()]

    def waits_for_lock(self) -> bool:
        """Say whether a writer waits for a row that somebody holds."""
        waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'"
        with self.engine.connect() as connection:  # within a transaction the answer would stay the same
            return bool(connection.exec_driver_sql(waiting).scalar())

    def is_clean(self) -> bool:
        with transaction(self.engine) as session:
            return audit(session, listed=[], settled_before_ms=0, max_attempts=3, overdue_ms=60_000).clean


@pytest.fixture
def settings(make_settings: Callable[..., Settings], database_url: str, broker_url: str) -> Settings:
    urls = {"database_url": SecretStr(database_url), "broker_url": SecretStr(broker_url)}
    return make_settings(**urls, lease_ms=3_000, retry_delay_ms=0)


@contextmanager
def open_office(settings: Settings, engine: Engine) -> Iterator[Office]:
    app = Celery("test", set_as_current=False)
    app.conf.update(celery_settings(settings))
    yield Office(settings, engine, app, NotePublisher(app, stopping=lambda: False), settings.state_folder)
    app.close()


@pytest.fixture
def office(settings: Settings, engine: Engine) -> Iterator[Office]:
    with open_office(settings, engine) as made:
        yield made


@pytest.fixture
def breakable(settings: Settings, engine: Engine) -> Iterator[tuple[Office, int]]:
    """An office with a broker of its own, and the broker's process."""
    own_broker = settings.model_copy(update={"broker_url": None})
    with run_servers(own_broker, s3=False, durable=False) as servers, open_office(servers.settings, engine) as made:
        yield made, servers.supervisor.process("valkey").pid


def all_done(rows: list[Mapping[str, Any]]) -> bool:
    return {row["state"] for row in rows} == {State.DONE}


def result_of(job: AnalyseJob) -> ResultNote:
    return ResultNote(job.recording_id, job.attempt, WORKER, a_hearing())


def test_an_attempts_life_is_written_down(office: Office) -> None:
    [job] = office.take(1)
    with office.writers():
        office.publisher.started(AttemptNote(job.recording_id, job.attempt, WORKER))
        [started] = office.wait(lambda rows: rows[0]["state"] == State.STARTED)
        office.publisher.alive(AttemptNote(job.recording_id, job.attempt, WORKER))
        office.wait(lambda rows: rows[0]["lease_until"] > started["lease_until"])
        office.publisher.ended(result_of(job))
        [done] = office.wait(all_done)
    assert (done["attempts"], done["worker"]) == (1, WORKER)


def test_a_hundred_copies_in_any_order_are_as_good_as_one(office: Office) -> None:
    jobs = office.take(2)
    sends: list[Callable[[], object]] = []
    for job in jobs:
        alive, result = AttemptNote(job.recording_id, job.attempt, WORKER), result_of(job)
        released = FailureNote(job.recording_id, job.attempt, FailureKind.RELEASED, "released", "decode", "", WORKER)
        sends += [partial(office.publisher.ended, result)] * 50
        sends += [partial(office.publisher.started, alive)] * 30
        sends += [partial(office.publisher.alive, alive)] * 10
        sends += [partial(office.publisher.ended, released)] * 10
    random.Random(1).shuffle(sends)  # noqa: S311 - the same order each time
    for send in sends:
        send()
    with office.writers(), redis.Redis.from_url(office.settings.require_broker_url()) as client:
        office.wait(lambda rows: all_done(rows) and client.llen("results") == 0 and client.hlen("unacked") == 0)
    assert office.is_clean()
    assert {row["attempts"] for row in office.rows()} <= {0, 1}


def test_notes_in_the_hands_of_killed_writers_are_written_all_the_same(office: Office) -> None:
    jobs = office.take(60)
    for job in jobs:
        office.publisher.ended(result_of(job))
    with office.writers() as first, office.engine.begin() as holding:
        # While the row is held, the writer has its note in its hands; one that is killed as it takes a note loses it.
        holding.exec_driver_sql(f"SELECT FROM recording WHERE id = {jobs[20].recording_id} FOR UPDATE")
        office.wait_until(office.waits_for_lock)
        os.kill(first.pid, signal.SIGKILL)
        first.wait(5_000)
    with office.writers():
        office.wait(all_done)
    assert office.is_clean()


def test_a_result_that_the_tables_refuse_ends_its_attempt_with_the_reason(office: Office) -> None:
    bad, good = office.take(2)
    impossible = a_hearing(segments=(replace(a_segment(), event_probability=2.0),))
    with office.writers():
        office.publisher.ended(ResultNote(bad.recording_id, bad.attempt, WORKER, impossible))
        office.publisher.ended(result_of(good))
        refused, stored = office.wait(lambda rows: all(row["state"] != State.QUEUED for row in rows))
    assert (refused["state"], refused["error_code"], refused["attempts"]) == ("discovered", "invalid_result", 1)
    assert stored["state"] == State.DONE


def test_a_note_of_another_version_is_dropped_and_the_next_one_written(office: Office) -> None:
    [job] = office.take(1)
    office.app.send_task(STORE_TASK, args=(job.recording_id, "bm8gbm90ZQ=="), queue="results")
    with office.writers():
        office.publisher.ended(result_of(job))
        office.wait(all_done)


def test_a_note_that_could_not_be_acknowledged_stops_no_writer(breakable: tuple[Office, int]) -> None:
    office, broker = breakable
    first, second = office.take(2)
    with office.writers():
        with office.engine.begin() as holding:
            # While the row is held, the writer has its note in its hands.
            holding.exec_driver_sql(f"SELECT FROM recording WHERE id = {first.recording_id} FOR UPDATE")
            office.publisher.ended(result_of(first))
            office.wait_until(office.waits_for_lock)
            os.kill(broker, signal.SIGSTOP)
        # A timer or an event may meet the frozen broker first; each gives up in the end, and it is the note's turn.
        office.wait_until(lambda: _NOT_ACKNOWLEDGED in office.log())
        os.kill(broker, signal.SIGCONT)
        office.publisher.ended(result_of(second))
        office.wait(all_done)
    assert office.is_clean()


def test_a_writer_hears_that_it_shall_stop_while_the_broker_is_frozen(breakable: tuple[Office, int]) -> None:
    office, broker = breakable
    with office.writers() as writer:
        office.wait_until(lambda: "ready." in office.log())
        os.kill(broker, signal.SIGSTOP)
        time.sleep(3)  # until Celery's heartbeat, which goes out every 2 s, has met the frozen broker
        writer.send(signal.SIGTERM)
        code = writer.wait(_PATIENCE_S * 1_000)
    os.kill(broker, signal.SIGCONT)
    assert code == 0


def test_a_broker_that_is_away_is_waited_for_until_told_to_stop(office: Office) -> None:
    told: list[bool] = []
    nowhere = Celery("nowhere", set_as_current=False)
    nowhere.conf.update(celery_settings(office.settings) | {"broker_url": "redis://127.0.0.1:1/0"})

    def stopping() -> bool:
        told.append(True)
        return len(told) > 3

    [job] = office.take(1)
    assert not NotePublisher(nowhere, stopping=stopping).ended(result_of(job))
    assert len(told) > 3
    nowhere.close()
