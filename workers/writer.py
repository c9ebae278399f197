"""The writers of one machine: Celery's prefork pool on the results queue."""

from __future__ import annotations

import os
import socket

from callscope.jobs import RESULTS_QUEUE
from callscope.meaning.interpret import Interpreter
from callscope.settings import Settings
from callscope.targets import load_targets
from models.session import connected, require_schema
from workers.celery import app, require_broker


def run_writers(settings: Settings, *, processes: int) -> int:
    """
    Store results until told to stop; return the exit code.

    Raises
    ------
    ConfigurationFault, BrokerUnavailable, DatabaseUnavailable
        At start; a writer that runs waits for its servers instead, and keeps the last good rules and receivers.
    """
    Interpreter.of(settings)
    if settings.targets_file:
        load_targets(settings.targets_file)
    require_broker()
    with connected(settings.require_database_url()) as engine:
        require_schema(engine)
    code: int | None = app.Worker(
        pool="prefork",
        concurrency=processes,
        queues=[RESULTS_QUEUE],
        include=["workers.results"],
        hostname=f"{RESULTS_QUEUE}-{os.getpid()}@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    ).start()
    return code or 0
