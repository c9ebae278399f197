"""
Urgent jobs have slots of their own, so that one starts at once on a worker whose other slots the backlog has taken.

Celery has one limit for all queues of a worker: when the backlog reaches it, nothing more is taken, urgent or not. So
the urgent queue is consumed on a second channel with a second limit. Both feed the same pool, through Celery's own
handler: acknowledgements, events for the monitor and shutdown are the same for both.

A channel takes a message only when a thread waits for it. Celery would take one more for each thread, to have them
at hand; but what it holds, no idle worker gets, and the broker, which waits a third of a lease for an acknowledgement,
hands it to a second worker while the first still has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from celery import bootsteps
from celery.concurrency.thread import ApplyResult, TaskPool
from kombu.common import ignore_errors
from typing_extensions import override

from callscope.jobs import URGENT_QUEUE

URGENT_SLOTS = 2
"""An urgent recording goes ahead on the device anyway; more of them beside each other would only slow each other."""


class CountingPool(TaskPool):  # type: ignore[misc]
    """Celery's threads, counted by the queue that they work for; the consumer is woken when one is free again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's, which has no types
        super().__init__(*args, **kwargs)
        self._busy: Counter[str] = Counter()
        self._lock = Lock()
        self._wake: Callable[[], object] = _nothing

    def busy(self, queue: str) -> int:
        """Return how many messages of a queue are being worked on."""
        return self._busy[queue]

    @override
    def register_with_event_loop(self, loop: Any) -> None:
        # Whatever the loop is given to do, it looks for free slots afterwards; else only its next timer would.
        self._wake = lambda: loop.call_soon(_nothing)

    @override
    def on_apply(
        self, target: Callable[..., Any], args: Sequence[Any] = (), *others: Any, **options: Any
    ) -> ApplyResult:
        _task, _id, request, *_body = args
        queue: str = request["delivery_info"]["routing_key"]
        result = super().on_apply(target, args, *others, **options)
        self._count(queue, 1)

        def free(_: object) -> None:
            self._count(queue, -1)
            self._wake()

        result.f.add_done_callback(free)
        return result

    def _count(self, queue: str, change: int) -> None:
        with self._lock:
            self._busy[queue] += change


class Lanes(bootsteps.StartStopStep):  # type: ignore[misc]
    """
    Gives each channel its slots, and opens the urgent one; needs a `CountingPool`.

    Parameters
    ----------
    consumer : celery.worker.consumer.Consumer
        Gets an ``urgent_consumer`` beside its ``task_consumer``.
    urgent_slots : int >= 0
        Threads of the pool that only urgent jobs get; 0: no urgent job is taken. An option of ``app.Worker``.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, *, urgent_slots: int = 0, **_: object) -> None:  # noqa: ANN401
        super().__init__(consumer)
        self._urgent_slots = urgent_slots
        consumer.urgent_consumer = None

    @override
    def start(self, consumer: Any) -> None:
        """Begin to consume; called again after each reconnection, when all channels are new."""
        pool, slots = consumer.pool, consumer.pool.num_processes - self._urgent_slots
        _limit(consumer.task_consumer, pool, slots)
        if not self._urgent_slots:
            return
        amqp = consumer.app.amqp
        urgent = amqp.TaskConsumer(
            consumer.connection.channel(), queues=[amqp.queues[URGENT_QUEUE]], on_decode_error=consumer.on_decode_error
        )
        urgent.on_message = consumer.create_task_handler()
        _limit(urgent, pool, self._urgent_slots)
        urgent.consume()
        consumer.urgent_consumer = urgent

    @override
    def stop(self, consumer: Any) -> None:
        """Take no message any more; the channel stays open for what is to be acknowledged, and ends with the rest."""
        if consumer.urgent_consumer:
            ignore_errors(consumer, consumer.urgent_consumer.cancel)  # type: ignore[no-untyped-call]
            consumer.urgent_consumer = None


def _limit(consumer: Any, pool: CountingPool, slots: int) -> None:  # noqa: ANN401
    """Let a channel take a message only while fewer than ``slots`` of its queue are being worked on."""
    [queue] = (queue.name for queue in consumer.queues)
    # As Celery itself does for `worker_disable_prefetch`, which knows but one limit; kombu asks before each message.
    consumer.channel.qos.can_consume = lambda: pool.busy(queue) < slots


def _nothing() -> None:
    pass
