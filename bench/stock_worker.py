"""
A worker that takes callscope's jobs from callscope's queue and sends its notes, and analyses with stock FunASR.

One recording after the other, for FunASR isn't safe to call from several threads. No signs of life: the bench gives
its cluster a lease that outlasts every recording.
"""

from __future__ import annotations

import argparse
import os
import socket
import tempfile
from pathlib import Path

from celery.worker import state

from bench.stock import StockFunasr
from callscope.jobs import ANALYSE_QUEUE, ANALYSE_TASK, AnalyseJob, AttemptNote, ResultNote, unpack
from callscope.logs import configure_logging
from callscope.settings import load_settings
from callscope.storage import open_storage
from workers.celery import app
from workers.notes import NotePublisher


def main() -> None:
    """Run until stopped; settings come from the environment."""
    parser = argparse.ArgumentParser(prog="python -m bench.stock_worker")
    parser.add_argument("--batch-size-s", type=int, required=True)
    settings = load_settings()
    configure_logging(settings)
    stock = StockFunasr(settings, batch_size_s=parser.parse_args().batch_size_s)
    storage = open_storage(settings)
    worker = f"{socket.gethostname()}:{os.getpid()}:{settings.device}"
    publisher = NotePublisher(app, stopping=lambda: state.should_stop is not None)

    @app.task(name=ANALYSE_TASK)  # type: ignore[untyped-decorator]
    def _analyse(recording_id: int, packed: str) -> None:  # noqa: ARG001 - shown by Flower
        job = unpack(AnalyseJob, packed)
        publisher.started(AttemptNote(job.recording_id, job.attempt, worker))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / Path(job.ref.key).name
            storage.fetch(job.ref, file)
            hearing = stock.analyse(file)
        publisher.ended(ResultNote(job.recording_id, job.attempt, worker, hearing))

    app.Worker(
        pool="threads",
        concurrency=1,
        queues=[ANALYSE_QUEUE],
        hostname=f"stock-{os.getpid()}@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    ).start()


if __name__ == "__main__":
    main()
