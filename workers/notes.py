"""How a GPU worker tells the writers: small tasks on the results queue, sent again while the broker is away."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from callscope.jobs import (
    FAILED_TASK,
    HEARTBEAT_TASK,
    RESULTS_QUEUE,
    STARTED_TASK,
    STORE_TASK,
    AttemptNote,
    FailureNote,
    ResultNote,
    pack,
)
from callscope.processes import monotonic_ms

PATIENCE_MS = 600_000
"""A note is given up after so long; then the lease in the ledger tells what the note could not."""

_FIRST_PAUSE_MS = 250
_LONGEST_PAUSE_MS = 10_000
_LOOK_UP_MS = 100

_log = structlog.get_logger(__name__)

Note = AttemptNote | FailureNote | ResultNote


class NotePublisher:
    """
    Sends notes to the writers. Safe to call from several threads.

    Parameters
    ----------
    app : Celery
        Knows the broker.
    stopping : callable
        Whether the process was told to stop; a note then gets one more try and no patience.
    """

    def __init__(self, app: Celery, *, stopping: Callable[[], bool]) -> None:
        self._app = app
        self._stopping = stopping

    def started(self, note: AttemptNote) -> bool:
        """Tell that an attempt has begun."""
        return self._deliver(STARTED_TASK, note, patience_ms=PATIENCE_MS)

    def alive(self, note: AttemptNote) -> bool:
        """Tell that an attempt is alive; the next sign of life makes up for one that can't be sent."""
        return self._deliver(HEARTBEAT_TASK, note, patience_ms=0)

    def ended(self, note: FailureNote | ResultNote, *, patience_ms: int = PATIENCE_MS) -> bool:
        """Tell how an attempt ended."""
        task = STORE_TASK if isinstance(note, ResultNote) else FAILED_TASK
        return self._deliver(task, note, patience_ms=patience_ms)

    def _deliver(self, task: str, note: Note, *, patience_ms: int) -> bool:
        """Send a note; False when it could not be sent in time, and was given up."""
        packed = pack(note)
        deadline_ms = monotonic_ms() + patience_ms
        pause_ms = _FIRST_PAUSE_MS
        while (fault := self._send(task, note, packed)) is not None:
            is_last = self._stopping() or monotonic_ms() + pause_ms > deadline_ms
            _log.warning(
                "note_not_sent",
                task=task,
                recording_id=note.recording_id,
                attempt=note.attempt,
                why=str(fault),
                given_up=is_last,
            )
            if is_last:
                return False
            self._pause(pause_ms)
            pause_ms = min(pause_ms * 2, _LONGEST_PAUSE_MS)
        return True

    def _send(self, task: str, note: Note, packed: str) -> Exception | None:
        try:
            self._app.send_task(
                task,
                args=(note.recording_id, packed),
                # What Flower and logs show: never what was said in a call.
                argsrepr=f"({note.recording_id}, …)",
                queue=RESULTS_QUEUE,
                retry=False,
            )
        except (OperationalError, redis.RedisError, OSError) as fault:
            return fault
        return None

    def _pause(self, pause_ms: int) -> None:
        until_ms = monotonic_ms() + pause_ms
        while not self._stopping() and monotonic_ms() < until_ms:
            time.sleep(_LOOK_UP_MS / 1_000)
