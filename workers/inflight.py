"""The attempts in flight in one process: signs of life while in time, the end of the process when one isn't."""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from callscope.jobs import AnalyseJob, AttemptNote, FailureKind, FailureNote
from callscope.processes import monotonic_ms
from workers.notes import NotePublisher

EXIT_OVERDUE = 70
"""A native call that never returns can't be ended from within; the supervisor starts a fresh process."""

STUCK_S = 300
"""The beating thread itself hasn't run for so long: native code holds the interpreter. The kernel's timer ends it."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Flight:
    job: AnalyseJob
    deadline_ms: int | None
    """On the monotonic clock; None once the analysis is over and only its note is to be sent."""


class Flights:
    """
    Knows which attempts are in flight, and beats for them.

    Parameters
    ----------
    publisher : NotePublisher
        Takes the signs of life.
    worker : str
        Host, process and device, for the notes.
    beat_ms : int > 0
        Between two signs of life: a third of the lease.
    timeout_ms : int > 0
        An attempt that takes longer is overdue: it gets no more signs of life, its neighbours are given back, and the
        process ends with `EXIT_OVERDUE`.
    leave : callable
        Ends the process at once.
    """

    def __init__(
        self,
        publisher: NotePublisher,
        *,
        worker: str,
        beat_ms: int,
        timeout_ms: int,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._publisher = publisher
        self._worker = worker
        self._beat_ms = beat_ms
        self._timeout_ms = timeout_ms
        self._leave = leave
        self._flights: dict[int, _Flight] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat from a thread of its own until the block ends."""
        thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            faulthandler.cancel_dump_traceback_later()

    @contextmanager
    def of(self, job: AnalyseJob) -> Iterator[Callable[[], None]]:
        """Beat for an attempt inside the block; the function it yields says that only the note is left to send."""
        flight = _Flight(job, monotonic_ms() + self._timeout_ms)
        with self._lock:
            self._flights[id(flight)] = flight

        def landed() -> None:
            flight.deadline_ms = None

        try:
            yield landed
        finally:
            with self._lock:
                del self._flights[id(flight)]

    def beat(self) -> None:
        """Send a sign of life for each attempt in flight, unless one is overdue."""
        now_ms = monotonic_ms()
        with self._lock:
            flights = list(self._flights.values())
        overdue = [flight for flight in flights if flight.deadline_ms is not None and flight.deadline_ms < now_ms]
        if overdue:
            self._abandon(overdue, [flight for flight in flights if flight not in overdue])
            return
        for flight in flights:
            self._arm()
            self._publisher.alive(AttemptNote(flight.job.recording_id, flight.job.attempt, self._worker))

    def _beat_on(self) -> None:
        self._arm()
        while not self._ended.wait(self._beat_ms / 1_000):
            self._arm()
            self.beat()

    def _arm(self) -> None:
        faulthandler.dump_traceback_later(STUCK_S, exit=True)

    def _abandon(self, overdue: list[_Flight], neighbours: list[_Flight]) -> None:
        for flight in overdue:
            _log.error("attempt_overdue", recording_id=flight.job.recording_id, attempt=flight.job.attempt)
        for flight in neighbours:
            note = FailureNote(
                recording_id=flight.job.recording_id,
                attempt=flight.job.attempt,
                kind=FailureKind.RELEASED,
                code="released",
                stage="unknown",
                message="the process ends because of another recording",
                worker=self._worker,
            )
            self._publisher.ended(note, patience_ms=0)
        faulthandler.dump_traceback(all_threads=True)
        self._leave(EXIT_OVERDUE)
