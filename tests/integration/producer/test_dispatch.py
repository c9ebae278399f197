"""From rows in the ledger to jobs in the queue, on a real Postgres and a real Redis."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from callscope.calls import CallMetadata, RecordingRef, Role
from callscope.errors import BrokerUnavailable
from callscope.jobs import ANALYSE_QUEUE, ISOLATE_QUEUE, RESULTS_QUEUE, URGENT_QUEUE, AnalyseJob, AttemptNote, unpack
from callscope.settings import Settings
from models import ledger
from models.ledger import State
from models.session import Engine, transaction
from producer.dispatch import NOTES_PER_JOB, URGENT_WINDOW, Dispatcher
from producer.jobs import JobQueue

pytestmark = pytest.mark.integration

WINDOW = 5


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(broker_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(broker_url) as made:
        yield made


@pytest.fixture
def queue(broker_url: str) -> Iterator[JobQueue]:
    made = JobQueue(Settings(broker_url=SecretStr(broker_url)))
    yield made
    made.close()


@pytest.fixture
def dispatcher(engine: Engine, queue: JobQueue, clock: Clock) -> Dispatcher:
    settings = Settings(window=WINDOW, sent_deadline_ms=1, retry_delay_ms=0, lease_ms=3_000)
    return Dispatcher(settings, engine, queue, now_ms=clock)


def discover(engine: Engine, count: int, *, name: str = "secret-name", priority: int = 0) -> None:
    found = [
        ledger.Discovered(
            RecordingRef("recordings", f"hotline/{name}-{number}.wav", "v1", 100),
            CallMetadata(channel_roles=(Role.CUSTOMER, Role.AGENT)),
            priority,
        )
        for number in range(count)
    ]
    with transaction(engine) as session:
        ledger.discover(session, found)


def counts(engine: Engine) -> dict[State, int]:
    with transaction(engine) as session:
        return {state: count for state, count in ledger.count_states(session).items() if count}


def messages(client: redis.Redis, queue: str) -> list[dict[str, Any]]:
    """Return the messages of a queue, the next one first."""
    waiting = client.lrange(queue, 0, -1)
    assert isinstance(waiting, list)
    return [json.loads(message) for message in reversed(waiting)]


def job_of(message: dict[str, Any]) -> AnalyseJob:
    (recording_id, packed), _, _ = json.loads(base64.b64decode(message["body"]))
    job = unpack(AnalyseJob, packed)
    assert job.recording_id == recording_id
    return job


def lose(job: AnalyseJob, dispatcher: Dispatcher, engine: Engine, client: redis.Redis, clock: Clock) -> None:
    """Let a worker take the job and never be heard of again."""
    client.flushall()
    with transaction(engine) as session:
        ledger.mark_started(session, AttemptNote(job.recording_id, job.attempt, "gone"), lease_ms=-1)
    assert dispatcher.dispatch().lost == 0
    clock.now_ms += 3_000
    assert dispatcher.dispatch().lost == 1


def test_the_window_is_filled_and_the_backlog_waits_in_postgres(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis
) -> None:
    discover(engine, 12)
    assert dispatcher.dispatch().sent == WINDOW
    assert dispatcher.dispatch().sent == 0
    assert counts(engine) == {State.DISCOVERED: 12 - WINDOW, State.QUEUED: WINDOW}
    client.rpop(ANALYSE_QUEUE, 2)
    assert dispatcher.dispatch().sent == 2
    assert client.llen(ANALYSE_QUEUE) == WINDOW


def test_a_message_carries_the_job_and_shows_its_number_alone(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis
) -> None:
    discover(engine, 1)
    dispatcher.dispatch()
    [message] = messages(client, ANALYSE_QUEUE)
    job = job_of(message)
    assert job.attempt == 1
    assert job.ref == RecordingRef("recordings", "hotline/secret-name-0.wav", "v1", 100)
    assert job.channel_roles == (Role.CUSTOMER, Role.AGENT)
    assert message["headers"]["argsrepr"] == f"({job.recording_id}, …)"


def test_a_lost_attempt_travels_alone_next_time(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis, clock: Clock
) -> None:
    discover(engine, 1)
    dispatcher.dispatch()
    lose(job_of(messages(client, ANALYSE_QUEUE)[0]), dispatcher, engine, client, clock)
    [message] = messages(client, ISOLATE_QUEUE)
    assert job_of(message).attempt == 2


def test_urgent_recordings_have_a_queue_and_a_window_of_their_own(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis
) -> None:
    discover(engine, 2 * WINDOW)
    assert dispatcher.dispatch().sent == WINDOW
    discover(engine, URGENT_WINDOW + 1, name="urgent", priority=1)
    assert dispatcher.dispatch().sent == URGENT_WINDOW
    assert [job_of(message).urgent for message in messages(client, URGENT_QUEUE)] == [True] * URGENT_WINDOW
    assert [job_of(message).urgent for message in messages(client, ANALYSE_QUEUE)] == [False] * WINDOW
    client.rpop(URGENT_QUEUE)
    assert dispatcher.dispatch().sent == 1
    assert client.llen(ANALYSE_QUEUE) == WINDOW


def test_an_urgent_recording_that_was_lost_travels_alone(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis, clock: Clock
) -> None:
    discover(engine, 1, priority=1)
    dispatcher.dispatch()
    lose(job_of(messages(client, URGENT_QUEUE)[0]), dispatcher, engine, client, clock)
    [message] = messages(client, ISOLATE_QUEUE)
    assert client.llen(URGENT_QUEUE) == 0
    assert job_of(message).attempt == 2


def test_an_urgent_message_that_was_lost_is_sent_again_whatever_the_backlog_holds(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis
) -> None:
    discover(engine, WINDOW)
    discover(engine, 1, name="urgent", priority=1)
    dispatcher.dispatch()
    client.delete(URGENT_QUEUE)
    assert dispatcher.dispatch().sent == 1
    assert client.llen(URGENT_QUEUE) == 1


def test_a_redis_that_was_emptied_costs_a_delay(dispatcher: Dispatcher, engine: Engine, client: redis.Redis) -> None:
    discover(engine, 3)
    dispatcher.dispatch()
    client.flushall()
    assert dispatcher.dispatch().sent == 3
    assert [job_of(message).attempt for message in messages(client, ANALYSE_QUEUE)] == [1, 1, 1]


def test_nothing_is_sent_while_the_writers_do_not_keep_up(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis
) -> None:
    discover(engine, 3)
    client.lpush(RESULTS_QUEUE, *["{}"] * (WINDOW * NOTES_PER_JOB + 1))
    assert dispatcher.dispatch().sent == 0
    client.delete(RESULTS_QUEUE)
    assert dispatcher.dispatch().sent == 3


def test_a_full_redis_leaves_the_rows_to_their_deadline(
    dispatcher: Dispatcher, engine: Engine, client: redis.Redis
) -> None:
    discover(engine, 2)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(BrokerUnavailable):
            dispatcher.dispatch()
    finally:
        client.config_set("maxmemory", "0")
    assert counts(engine) == {State.QUEUED: 2}
    assert dispatcher.dispatch().sent == 2
    assert client.llen(ANALYSE_QUEUE) == 2
