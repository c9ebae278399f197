"""The writers of one machine: Celery's prefork pool on the results queue."""

from __future__ import annotations

import os
import socket

from callscope.calls import RecordingRef
from callscope.jobs import RESULTS_QUEUE
from callscope.settings import Settings
from models import ledger
from models.session import connect, transaction
from workers.celery import app


def run_writers(settings: Settings, *, processes: int) -> int:
    """
    Store results until told to stop; return the exit code.

    Raises
    ------
    InvalidSetting, DatabaseUnavailable
        At start; a writer that runs waits for Postgres instead.
    """
    engine = connect(settings.require_database_url())
    with transaction(engine) as session:
        ledger.find_new(session, settings.bucket, [RecordingRef(settings.bucket, "", "", 0)])
    engine.dispose()
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
