"""The lanes of a GPU worker as a real process on a real Redis: urgent jobs start whatever the backlog holds."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from celery import Celery
from kombu.entity import Queue
from kombu.messaging import Consumer
from pydantic import SecretStr

from callscope.broker import celery_settings
from callscope.jobs import ANALYSE_QUEUE, URGENT_QUEUE
from callscope.processes import ChildProcess, ChildSpec
from callscope.settings import Settings
from tests.integration.workers.waiting_worker import STARTED, TASK, let_go
from workers.slots import SlotKeeper

pytestmark = pytest.mark.integration

LOG = "worker.log"

_PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class Bench:
    """A worker that the test feeds, and whose tasks end when the test says so."""

    app: Celery
    client: redis.Redis
    process: ChildProcess
    folder: Path

    def send(self, queue: str, *names: str) -> None:
        for name in names:
            self.app.send_task(TASK, args=(name,), queue=queue)

    def started(self) -> list[str]:
        file = self.folder / STARTED
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def wait_for(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not reached():
            assert time.monotonic() < deadline, f"{self.started()}\n{(self.folder / LOG).read_text(encoding='utf-8')}"
            time.sleep(0.02)

    def wait_until_started(self, count: int) -> list[str]:
        self.wait_for(lambda: len(self.started()) == count)
        return self.started()

    def let_go(self, *names: str) -> None:
        for name in names:
            (self.folder / let_go(name)).touch()

    def waiting(self, queue: str) -> int:
        length = self.client.llen(queue)
        assert isinstance(length, int)
        return length

    def unacknowledged(self) -> int:
        length = self.client.hlen("unacked")
        assert isinstance(length, int)
        return length


@pytest.fixture
def settings(make_settings: Callable[..., Settings], broker_url: str) -> Settings:
    return make_settings(broker_url=SecretStr(broker_url))


@pytest.fixture
def app(settings: Settings) -> Iterator[Celery]:
    with Celery("test", set_as_current=False) as made:
        made.conf.update(celery_settings(settings))
        yield made


@contextmanager
def working(settings: Settings, app: Celery, *, slots: int, urgent_slots: int) -> Iterator[Bench]:
    argv = (sys.executable, "-m", "tests.integration.workers.waiting_worker", str(slots), str(urgent_slots))
    spec = ChildSpec("worker", argv, settings.state_folder / LOG, env=settings.as_environment())
    with redis.Redis.from_url(settings.require_broker_url()) as client, ChildProcess(spec) as process:
        yield Bench(app, client, process, settings.state_folder)


@pytest.fixture
def bench(settings: Settings, app: Celery) -> Iterator[Bench]:
    """A worker with two slots for the backlog and two for urgent jobs."""
    with working(settings, app, slots=2, urgent_slots=2) as made:
        yield made


def test_a_worker_holds_nothing_that_it_cannot_start(bench: Bench) -> None:
    bench.send(ANALYSE_QUEUE, "a", "b", "c", "d", "e")
    assert set(bench.wait_until_started(2)) == {"a", "b"}
    bench.let_go("a")
    bench.wait_until_started(3)
    bench.let_go("b")
    bench.wait_until_started(4)
    bench.wait_for(lambda: bench.unacknowledged() == 0)
    assert bench.waiting(ANALYSE_QUEUE) == 1
    bench.let_go("c", "d", "e")
    bench.wait_until_started(5)


def test_an_urgent_job_starts_while_the_backlog_has_taken_its_slots(bench: Bench) -> None:
    bench.send(ANALYSE_QUEUE, "a", "b", "c")
    bench.wait_until_started(2)
    bench.send(URGENT_QUEUE, "u", "v", "w")
    assert bench.wait_until_started(4)[2:] == ["u", "v"]
    bench.let_go("u")
    assert bench.wait_until_started(5)[4:] == ["w"]
    assert bench.waiting(ANALYSE_QUEUE) == 1
    bench.let_go("a", "b", "c", "v", "w")


def test_the_backlog_starts_while_urgent_jobs_have_taken_theirs(bench: Bench) -> None:
    bench.send(URGENT_QUEUE, "u", "v", "w")
    bench.wait_until_started(2)
    bench.send(ANALYSE_QUEUE, "a", "b", "c")
    assert set(bench.wait_until_started(4)[2:]) == {"a", "b"}
    assert (bench.waiting(URGENT_QUEUE), bench.waiting(ANALYSE_QUEUE)) == (1, 1)
    bench.let_go("a", "b", "c", "u", "v", "w")


def test_both_lanes_outlive_a_lost_connection(bench: Bench) -> None:
    bench.send(ANALYSE_QUEUE, "a", "b", "c")
    bench.wait_until_started(2)
    for round_ in range(3):
        bench.client.client_kill_filter(_type="normal", skipme=True)
        bench.send(URGENT_QUEUE, f"u{round_}")
        bench.wait_until_started(3 + round_)
        bench.let_go(f"u{round_}")
    assert bench.waiting(ANALYSE_QUEUE) == 1
    bench.let_go("a", "b", "c")
    assert bench.wait_until_started(6)[-1] == "c"


def test_a_worker_told_to_stop_takes_no_urgent_job_any_more(bench: Bench) -> None:
    bench.send(ANALYSE_QUEUE, "a")
    bench.send(URGENT_QUEUE, "u")
    bench.wait_until_started(2)
    bench.process.send(signal.SIGTERM)
    bench.wait_for(lambda: not [one for one in bench.client.client_list() if "b" in one["flags"]])  # none is blocked
    bench.send(URGENT_QUEUE, "v")
    bench.send(ANALYSE_QUEUE, "b")
    bench.let_go("a", "u")
    assert bench.process.wait(_PATIENCE_S * 1_000) == 0
    assert set(bench.started()) == {"a", "u"}
    assert (bench.waiting(URGENT_QUEUE), bench.waiting(ANALYSE_QUEUE), bench.unacknowledged()) == (1, 1, 0)


def test_the_monitor_hears_of_urgent_jobs(bench: Bench) -> None:
    heard: list[dict[str, object]] = []

    def wait_for(kind: str, **fields: str) -> None:
        while not [event for event in heard if event["type"] == kind and fields.items() <= event.items()]:
            connection.drain_events(timeout=_PATIENCE_S)

    receiver = bench.app.events.Receiver(bench.app.connection_for_read(), handlers={"*": heard.append})
    with receiver.consumer_context() as (connection, _channel, _consumers):
        wait_for("worker-heartbeat")
        sent = bench.app.send_task(TASK, args=("u",), queue=URGENT_QUEUE)
        wait_for("task-started", uuid=sent.id)
        bench.let_go("u")
        wait_for("task-succeeded", uuid=sent.id)


def test_without_urgent_slots_urgent_jobs_are_left_to_others(settings: Settings, app: Celery) -> None:
    with working(settings, app, slots=1, urgent_slots=0) as bench:
        bench.send(URGENT_QUEUE, "u")
        bench.send(ANALYSE_QUEUE, "a", "b")
        assert bench.wait_until_started(1) == ["a"]
        bench.let_go("a")
        assert bench.wait_until_started(2) == ["a", "b"]
        bench.let_go("b")
        assert bench.waiting(URGENT_QUEUE) == 1


def test_messages_that_nobody_works_on_are_given_back_on_both_channels(app: Celery, broker_url: str) -> None:
    app.send_task(TASK, args=("a",), queue=ANALYSE_QUEUE)
    app.send_task(TASK, args=("u",), queue=URGENT_QUEUE)
    with app.connection_for_read() as connection, redis.Redis.from_url(broker_url) as client:
        channels = [connection.channel(), connection.channel()]
        for channel in channels:
            channel.basic_qos(0, 1, False)  # noqa: FBT003 - takes no second message
        backlog, urgent = (
            Consumer(channel, [Queue(name, routing_key=name)], on_message=lambda message: message)  # type: ignore[no-untyped-call]
            for channel, name in zip(channels, (ANALYSE_QUEUE, URGENT_QUEUE), strict=True)
        )
        with backlog, urgent:
            for _ in range(2):
                connection.drain_events(timeout=_PATIENCE_S)
        assert client.hlen("unacked") == 2
        consumer = SimpleNamespace(task_consumer=backlog, urgent_consumer=urgent)
        keeper = SlotKeeper(consumer)
        keeper.look_at(consumer)
        assert client.hlen("unacked") == 2
        keeper.look_at(consumer)
        assert (client.llen(ANALYSE_QUEUE), client.llen(URGENT_QUEUE), client.hlen("unacked")) == (1, 1, 0)
