"""The attempts in flight in one process: signs of life while in time, the end of the process when one isn't."""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from callscope.errors import DeviceLost
from callscope.jobs import AnalyseJob, AttemptNote, FailureKind, FailureNote
from callscope.pipeline import Stage
from callscope.processes import monotonic_ms
from workers.notes import NotePublisher

EXIT_OVERDUE = 70
"""A native call that never returns can't be ended from within; the supervisor starts a fresh process."""

EXIT_DEVICE_LOST = 71
"""The device can't be used any more in this process; the supervisor starts a fresh one."""

STUCK_S = 300
"""The beating thread itself hasn't run for so long: native code holds the interpreter. The kernel's timer ends it."""

_ON_DEVICE = (Stage.DETECT, Stage.TRANSCRIBE)

_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Flight:
    """An attempt in flight."""

    job: AnalyseJob
    deadline_ms: int | None
    """On the monotonic clock; None once the analysis is over and only its note is to be sent."""
    stage: Stage = Stage.FETCH

    def enter(self, stage: Stage) -> None:
        """Note how far the attempt got."""
        self.stage = stage

    def land(self) -> None:
        """Note that only the attempt's note is left to be sent."""
        self.deadline_ms = None


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
        self._flights: set[Flight] = set()
        self._lock = threading.Lock()
        self._leaving = threading.Lock()
        """Never let go of: whoever comes second waits here for the process to end."""
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
    def of(self, job: AnalyseJob) -> Iterator[Flight]:
        """Beat for an attempt inside the block, which tells the flight how far it got."""
        flight = Flight(job, monotonic_ms() + self._timeout_ms)
        with self._lock:
            self._flights.add(flight)
        try:
            yield flight
        finally:
            with self._lock:
                self._flights.remove(flight)

    def beat(self) -> None:
        """Send a sign of life for each attempt in flight, unless one is overdue."""
        now_ms = monotonic_ms()
        flights = self._now()
        overdue = [flight for flight in flights if flight.deadline_ms is not None and flight.deadline_ms < now_ms]
        if overdue:
            with self._leaving:
                for flight in overdue:
                    _log.error("attempt_overdue", recording_id=flight.job.recording_id, attempt=flight.job.attempt)
                self._leave_behind(overdue, EXIT_OVERDUE)
            return
        for flight in flights:
            self._arm()
            self._publisher.alive(AttemptNote(flight.job.recording_id, flight.job.attempt, self._worker, flight.stage))

    def lose_device(self, error: DeviceLost, *, told_by: Flight) -> None:
        """
        End the process, and give back the attempts that weren't at the device.

        Those that were are left to their leases, which count, for one of them may have brought the device down; which
        one, nothing tells. They travel alone next time, and then it shows.
        """
        with self._leaving:
            blamed = [flight for flight in self._now() if flight.stage in _ON_DEVICE or flight is told_by]
            _log.critical(
                "worker_lost_device",
                worker=self._worker,
                what=error.what,
                why=error.why,
                do=error.advice,
                left_to_lease=[flight.job.recording_id for flight in blamed],
            )
            self._leave_behind(blamed, EXIT_DEVICE_LOST)

    def _now(self) -> list[Flight]:
        with self._lock:
            return list(self._flights)

    def _beat_on(self) -> None:
        self._arm()
        while not self._ended.wait(self._beat_ms / 1_000):
            self._arm()
            self.beat()

    def _arm(self) -> None:
        faulthandler.dump_traceback_later(STUCK_S, exit=True)

    def _leave_behind(self, blamed: Collection[Flight], code: int) -> None:
        """End the process; all but these attempts are given back."""
        for flight in self._now():
            if flight not in blamed and not self._give_back(flight):
                break  # the broker is away: each try costs seconds, and the leases tell as well
        faulthandler.dump_traceback(all_threads=True)
        self._leave(code)

    def _give_back(self, flight: Flight) -> bool:
        note = FailureNote(
            recording_id=flight.job.recording_id,
            attempt=flight.job.attempt,
            kind=FailureKind.RELEASED,
            code="released",
            stage=flight.stage,
            message="the process ends because of another recording",
            worker=self._worker,
        )
        return self._publisher.ended(note, patience_ms=0)
