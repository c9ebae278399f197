"""
The GPU worker: one process on one device, with many recordings in flight on threads.

Started by `workers.supervise`. The recogniser is loaded before the first job is taken, so that a wrong checkpoint or
a missing device burns no attempt. Urgent jobs have threads of their own (`workers.urgent`). The process for the
`isolate` queue is the same with one recording at a time and loads its recogniser with its first job, since most of the
time there is none.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cache

from celery.worker import state

from callscope.cli import tell
from callscope.errors import ConfigurationFault, DeviceLost
from callscope.jobs import ANALYSE_QUEUE, ANALYSE_TASK, ISOLATE_QUEUE, AnalyseJob, AttemptNote, unpack
from callscope.logs import configure_logging
from callscope.pipeline import Stage
from callscope.scratch import scratch_folder
from callscope.settings import Settings, load_settings
from callscope.sound.pitch import warm_up
from callscope.storage import open_storage
from workers.attempt import AttemptContext, SharedRecogniser, make_attempt
from workers.celery import app
from workers.devices import recordings_in_flight
from workers.failpoints import Failpoint
from workers.inflight import Flights
from workers.notes import NotePublisher
from workers.recogniser import load_recogniser
from workers.supervise import EXIT_REFUSED
from workers.urgent import URGENT_SLOTS, CountingPool, Lanes


def analyse(packed: str, context: AttemptContext, publisher: NotePublisher, flights: Flights) -> None:
    """Make the attempt that a job asks for, and send its notes."""
    job = unpack(AnalyseJob, packed)
    with flights.of(job) as flight:
        if not context.stopping():
            publisher.started(AttemptNote(job.recording_id, job.attempt, context.worker))

        def enter(stage: Stage) -> None:
            flight.enter(stage)
            if job.urgent:
                # Somebody watches how far it is; for the backlog, the signs of life tell soon enough.
                publisher.alive(AttemptNote(job.recording_id, job.attempt, context.worker, stage))

        try:
            note = make_attempt(job, context, on_stage=enter)
        except DeviceLost as error:
            flights.lose_device(error, told_by=flight)
            return
        flight.land()
        publisher.ended(note)


def run_worker(settings: Settings, *, queue: str) -> int:
    """
    Take jobs from a queue until told to stop; return the exit code.

    Raises
    ------
    ConfigurationFault
        Checkpoint, device, store or broker can't work as configured; nothing was taken from the queue.
    """
    with ExitStack() as stack:
        recogniser = _once(lambda: stack.enter_context(closing(load_recogniser(settings))))
        return _run_worker(settings, recogniser, queue)


def _run_worker(settings: Settings, recogniser: Callable[[], SharedRecogniser], queue: str) -> int:
    slots, urgent_slots = 1, 0
    if queue == ANALYSE_QUEUE:
        slots, urgent_slots = recordings_in_flight(settings), URGENT_SLOTS
        recogniser()
        if settings.pitch:
            warm_up()
    worker = f"{socket.gethostname()}:{os.getpid()}:{settings.device}"
    publisher = NotePublisher(app, stopping=_is_stopping)
    flights = Flights(publisher, worker=worker, beat_ms=settings.lease_ms // 3, timeout_ms=settings.analyse_timeout_ms)
    with scratch_folder(settings.state_folder) as scratch:
        context = AttemptContext(
            settings=settings,
            storage=open_storage(settings),
            recogniser=recogniser,
            scratch=scratch,
            stopping=_is_stopping,
            worker=worker,
            failpoint=Failpoint.parse(settings.failpoint) if settings.failpoint else None,
        )

        @app.task(name=ANALYSE_TASK)  # type: ignore[untyped-decorator]
        def _analyse(recording_id: int, packed: str) -> None:  # noqa: ARG001 - shown by Flower
            analyse(packed, context, publisher, flights)

        app.steps["consumer"].add(Lanes)
        with flights.beating():
            code: int | None = app.Worker(
                pool=CountingPool,
                concurrency=slots + urgent_slots,
                urgent_slots=urgent_slots,
                queues=[queue],
                hostname=f"{queue}-{settings.device.replace(':', '')}-{os.getpid()}@{socket.gethostname()}",
                # Neither is used, and each costs a round of messages among all workers at start.
                without_gossip=True,
                without_mingle=True,
                quiet=True,
            ).start()
    return code or 0


def _is_stopping() -> bool:
    """Whether SIGTERM came; Celery's threads pool waits for running tasks, so they look up themselves."""
    return state.should_stop is not None or state.should_terminate is not None


def _once(load: Callable[[], SharedRecogniser]) -> Callable[[], SharedRecogniser]:
    """Return a function that loads on its first call, whichever thread makes it, and remembers."""
    lock, remembered = threading.Lock(), cache(load)

    def get() -> SharedRecogniser:
        with lock:
            return remembered()

    return get


def main() -> None:
    """Run one worker process; settings come from the environment."""
    parser = argparse.ArgumentParser(prog="python -m workers.analyse")
    parser.add_argument("queue", choices=(ANALYSE_QUEUE, ISOLATE_QUEUE))
    queue = parser.parse_args().queue
    try:
        settings = load_settings()
        configure_logging(settings)
        code = run_worker(settings, queue=queue)
    except ConfigurationFault as fault:
        tell(fault)
        sys.exit(EXIT_REFUSED)
    sys.exit(code)


if __name__ == "__main__":
    main()
