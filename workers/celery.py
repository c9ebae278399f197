"""
The one Celery app. It reads its settings when it is first used, so that importing it costs nothing.

Jobs for GPU workers are acknowledged early: what becomes of lost work is the ledger's business (a lease on the
database's clock), for the broker would only guess, and run a long recording twice. Notes to the writers are
acknowledged late: storing is idempotent and short, so a killed writer's note may well come again.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import Celery, signals
from celery.app.events import Events
from celery.events import EventDispatcher
from kombu.exceptions import OperationalError
from typing_extensions import override

from callscope.broker import celery_settings
from callscope.errors import BrokerUnavailable
from callscope.logs import configure_logging
from callscope.settings import load_settings
from workers.slots import SlotKeeper


class _Dispatcher(EventDispatcher):  # type: ignore[misc]
    @override
    def send(self, *args: Any, **fields: Any) -> Any:
        # Celery would send its heartbeat until Redis takes it, and its process hears nothing else meanwhile, not even
        # that it shall stop. What can't be sent is buffered.
        return super().send(*args, **fields | {"retry": False})


class _Events(Events):  # type: ignore[misc]
    dispatcher_cls = _Dispatcher


app = Celery("callscope", set_as_current=True, events=_Events)
app.steps["consumer"].add(SlotKeeper)


@app.add_defaults  # type: ignore[untyped-decorator]
def _configuration() -> dict[str, Any]:
    """Return every setting that isn't Celery's default, each with the failure that it prevents."""
    return celery_settings(load_settings()) | {
        # The defaults give up for good after 100 tries, or at once when Redis is still starting.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A reply that Redis refuses (loading, read-only, out of memory) would end the worker.
        "broker_channel_error_retry": True,
        # After a lost connection Celery would take up work at a trickle, to spare tasks that are acknowledged late
        # and still running; ours are short.
        "worker_enable_prefetch_count_reduction": False,
        # A worker that hoards jobs keeps them from idle ones, and loses more of them when it is killed.
        "worker_prefetch_multiplier": 1,
        # A fork of a process with threads and database connections shares both.
        "worker_pool_start_method": "spawn",
        # Flower shows only what it hears of; the price is a quarter of a millisecond a task. That a note was sent would
        # cost as much again, and it hears of the note anyway when a writer has it.
        "worker_send_task_events": True,
        # What a task prints would be taken for log lines of its own.
        "worker_redirect_stdouts": False,
        # A leaking library must not fill the memory of a writer in the course of weeks.
        "worker_max_tasks_per_child": 100_000,
    }


def require_broker() -> None:
    """
    Ask the broker for a sign of life, so that a wrong address is told at start; a running worker waits instead.

    Raises
    ------
    BrokerUnavailable
        It gives none.
    """
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
    except OperationalError as error:
        raise BrokerUnavailable("Redis doesn't serve", why=str(error)) from error


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _set_up_logging(**_: object) -> None:
    """Keep Celery from setting up logging its own way, in the spawned children too."""
    configure_logging(settings := load_settings())
    if settings.log_level != "debug":
        # Two lines a task, most of them signs of life; what matters of a recording is logged where it happens.
        for chatty in ("celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
