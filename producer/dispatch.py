"""Top the queues up from the ledger, and take attempts for lost whose workers fell silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from callscope.errors import BrokerUnavailable
from callscope.processes import monotonic_ms
from callscope.settings import Settings
from models import ledger
from models.session import Engine, Session, transaction
from producer.jobs import JobQueue, QueueLengths

URGENT_WINDOW = 8
"""Urgent jobs kept in their queue; their rows come back soon enough to fill it again as workers take them."""

NOTES_PER_JOB = 4
"""Notes that may wait for each job of the window; more means that the writers don't keep up."""

IN_TRANSIT = 4
"""Jobs that a worker may just have acknowledged while their "started" notes aren't sent yet."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """What one round did."""

    sent: int
    lost: int
    """Attempts whose lease ran out."""
    waiting: int
    """Jobs in the queues before."""


class Silence(Enum):
    """What a lease that ran out says about its worker."""

    SAYS_NOTHING = auto()
    """Its notes could not arrive for a while within the lease."""
    FOLLOWS_OUTAGE = auto()
    """Notes flow again for a whole lease, and its worker has not spoken since: the attempt is given back."""
    MEANS_LOSS = auto()


class NoteFlow:
    """
    Says what silence means.

    A lease is kept alive by notes, which need the broker, the writers and Postgres. While one of them was away no
    note could arrive, and an expired lease says nothing about the worker: an outage would burn an attempt of every
    recording in flight. So leases count only when notes have flowed for a whole lease without a break, and those that
    ran out in the break are forgiven. A break that this process didn't see, before its start, is none: else a
    recording that takes the whole machine down would have attempts without end.

    Parameters
    ----------
    lease_ms : int > 0
        Workers send a sign of life every third of it.
    now_ms : callable
        A monotonic clock in milliseconds.
    """

    def __init__(self, lease_ms: int, *, now_ms: Callable[[], int] = monotonic_ms) -> None:
        self._lease_ms = lease_ms
        self._now_ms = now_ms
        self._flows_since_ms: int | None = None
        self._drained_at_ms = now_ms()
        self._broken = False

    def interrupt(self) -> None:
        """Note that the broker or Postgres doesn't answer."""
        self._flows_since_ms = None
        self._broken = True

    def observe(self, notes_waiting: int) -> Silence:
        """Note how many notes wait; return what a lease says that has run out by now."""
        now_ms = self._now_ms()
        if notes_waiting == 0:
            self._drained_at_ms = now_ms
            if self._flows_since_ms is None:
                self._flows_since_ms = now_ms
        elif now_ms - self._drained_at_ms > self._lease_ms // 3:
            # A note that waits so long may be the sign of life that is missed.
            self.interrupt()
        if self._flows_since_ms is None or now_ms - self._flows_since_ms < self._lease_ms:
            return Silence.SAYS_NOTHING
        broken, self._broken = self._broken, False
        return Silence.FOLLOWS_OUTAGE if broken else Silence.MEANS_LOSS


class Dispatcher:
    """
    Moves work from the ledger to the queue, in small portions.

    Parameters
    ----------
    settings : Settings
        Window, deadlines, attempts.
    engine : Engine
        The ledger's database.
    queue : JobQueue
        Where the jobs go.
    now_ms : callable
        A monotonic clock in milliseconds.
    """

    def __init__(
        self, settings: Settings, engine: Engine, queue: JobQueue, *, now_ms: Callable[[], int] = monotonic_ms
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._queue = queue
        self._flow = NoteFlow(settings.lease_ms, now_ms=now_ms)

    def dispatch(self) -> DispatchReport:
        """
        Expire leases, then fill the windows: urgent recordings, and the oldest of the others.

        Raises
        ------
        BrokerUnavailable, DatabaseUnavailable
            Rows that were taken and not published wait for their sent deadline.
        """
        try:
            return self._dispatch()
        except Exception:
            self._flow.interrupt()
            raise

    def _dispatch(self) -> DispatchReport:
        lengths = self._queue.lengths()
        with transaction(self._engine) as session:
            lost = self._expire_leases(session, self._flow.observe(lengths.notes))
            taken = self._take(session, lengths)
        if lost:
            _log.warning("attempts_lost", count=lost)
        # After the commit: a job whose row isn't marked as sent would be sent twice.
        for sent, one in enumerate(taken):
            try:
                self._queue.publish(one)
            except BrokerUnavailable:
                _log.warning("jobs_left_to_deadline", count=len(taken) - sent)
                raise
        return DispatchReport(sent=len(taken), lost=lost, waiting=lengths.jobs + lengths.urgent)

    def _expire_leases(self, session: Session, silence: Silence) -> int:
        if silence is Silence.SAYS_NOTHING:
            return 0
        return ledger.expire_leases(
            session,
            max_attempts=self._settings.max_attempts,
            retry_delay_ms=self._settings.retry_delay_ms,
            after_outage=silence is Silence.FOLLOWS_OUTAGE,
        )

    def _take(self, session: Session, lengths: QueueLengths) -> list[ledger.Taken]:
        """Return the jobs that there is room for, the urgent ones first; none while the writers don't keep up."""
        if lengths.notes > self._settings.window * NOTES_PER_JOB:
            return []
        deadline_ms = self._settings.sent_deadline_ms
        # A worker takes an urgent job only when it starts it at once, so one that is late and not in its queue is lost,
        # or its "started" note waits; what the backlog has on its way says nothing about it.
        urgent = ledger.take(
            session,
            urgent=True,
            limit=URGENT_WINDOW - lengths.urgent,
            sent_deadline_ms=deadline_ms,
            waiting=lengths.urgent,
        )
        return urgent + ledger.take(
            session,
            limit=self._settings.window - lengths.jobs,
            sent_deadline_ms=deadline_ms,
            waiting=_on_their_way(lengths),
        )


def _on_their_way(lengths: QueueLengths) -> int:
    """Return how many jobs may be late and not lost: whatever the broker holds may be one, or its "started" note."""
    held = lengths.jobs + lengths.notes + lengths.in_hands
    return held + IN_TRANSIT if held else 0
