"""
Give back the consumer's slots whose messages could not be acknowledged.

Celery logs an acknowledgement that fails, because Redis froze for longer than the socket's time-out, and forgets it;
kombu counts the message as being worked on for ever. With as many of them as there are slots the worker takes no
message again, and does not notice, since only a waiting connection would break.
"""

from __future__ import annotations

from typing import Any

import redis
import structlog
from celery import bootsteps
from celery.worker import state
from typing_extensions import override

LOOK_S = 1.0

_log = structlog.get_logger(__name__)


class SlotKeeper(bootsteps.StartStopStep):  # type: ignore[misc]
    """
    Looks for messages that are held and that nobody works on; one seen twice in a row goes back to the queue.

    It may have been worked on already: a second time is harmless, as it always is.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **_: object) -> None:  # noqa: ANN401 - Celery's, which has no types
        super().__init__(consumer)
        self._seen: set[str] = set()
        self._timer: Any = None

    @override
    def start(self, consumer: Any) -> None:
        """Begin to look; called again after each reconnection, with new channels."""
        self._seen = set()
        self._timer = consumer.timer.call_repeatedly(LOOK_S, self.look_at, (consumer,))

    @override
    def stop(self, consumer: Any) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def look_at(self, consumer: Any) -> None:  # noqa: ANN401
        """Give back what was held at the last look too and is worked on by nobody."""
        # A dict's values are listed in one go; the set of reserved requests would change under our hands.
        working = {request.message.delivery_tag for request in list(state.requests.values())}
        held: dict[str, Any] = {}
        # The second one is `workers.urgent`'s; writers have none.
        for each in (consumer.task_consumer, getattr(consumer, "urgent_consumer", None)):
            if each:
                qos = each.channel.qos
                tags = set(qos._delivered) - set(qos._dirty) - working  # noqa: SLF001 - there is no other way to ask
                held |= dict.fromkeys(tags, qos)
        for tag in held.keys() & self._seen:
            try:
                held[tag].reject(tag, requeue=True)
            except (redis.RedisError, OSError) as error:
                _log.warning("slot_still_held", why=str(error))
                break
            _log.warning("slot_given_back", delivery_tag=tag)
            del held[tag]
        self._seen = set(held)
