"""The producer's side of the queue: publish jobs, and see how much waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from callscope.broker import celery_settings
from callscope.errors import BrokerUnavailable
from callscope.jobs import ANALYSE_QUEUE, ANALYSE_TASK, ISOLATE_QUEUE, RESULTS_QUEUE, URGENT_QUEUE, pack
from callscope.settings import Settings
from models.ledger import Taken

_UNACKED = "unacked"
"""Where kombu keeps the messages that consumers have taken and not acknowledged."""


@dataclass(frozen=True, slots=True)
class QueueLengths:
    """How many messages the broker holds."""

    jobs: int
    """For GPU workers; without the urgent ones."""
    urgent: int
    notes: int
    """For writers."""
    in_hands: int
    """Taken by a consumer, of any queue, and not acknowledged."""


class JobQueue:
    """
    The queue of jobs, as its publisher sees it.

    Parameters
    ----------
    settings : Settings
        Names the broker.
    """

    def __init__(self, settings: Settings) -> None:
        shared = celery_settings(settings)
        self._app = Celery("callscope.producer", set_as_current=False)
        self._app.conf.update(shared)
        options = shared["broker_transport_options"]
        self._redis = redis.Redis.from_url(
            settings.require_broker_url(),
            socket_timeout=options["socket_timeout"],
            socket_connect_timeout=options["socket_connect_timeout"],
        )

    def publish(self, taken: Taken) -> None:
        """
        Send a job.

        Raises
        ------
        BrokerUnavailable
            It is not known whether the message arrived.
        """
        job = taken.job
        with _outages_named():
            self._app.send_task(
                ANALYSE_TASK,
                args=(job.recording_id, pack(job)),
                # What Flower shows: the key may name a person.
                argsrepr=f"({job.recording_id}, …)",
                queue=_queue_of(taken),
                # The ledger sends again; a publisher that tries for long only holds up the others.
                retry=False,
            )

    def lengths(self) -> QueueLengths:
        """
        Return how much waits now.

        Raises
        ------
        BrokerUnavailable
            Redis doesn't answer.
        """
        with _outages_named():
            pipeline = self._redis.pipeline(transaction=True)
            for queue in (ANALYSE_QUEUE, ISOLATE_QUEUE, URGENT_QUEUE, RESULTS_QUEUE):
                pipeline.llen(queue)
            pipeline.hlen(_UNACKED)
            analyse, isolate, urgent, notes, in_hands = pipeline.execute()
        return QueueLengths(jobs=analyse + isolate, urgent=urgent, notes=notes, in_hands=in_hands)

    def close(self) -> None:
        """Give the connections back."""
        self._app.close()
        self._redis.close()


def _queue_of(taken: Taken) -> str:
    if taken.isolate:
        return ISOLATE_QUEUE
    return URGENT_QUEUE if taken.job.urgent else ANALYSE_QUEUE


@contextmanager
def _outages_named() -> Iterator[None]:
    try:
        yield
    except (OperationalError, redis.RedisError, OSError) as error:
        raise BrokerUnavailable("Redis doesn't serve", why=str(error)) from error
