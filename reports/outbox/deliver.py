"""
The loop that empties the outbox.

One thread talks to the database: it takes messages by a lease, hands each to a thread of its receiver's, and writes
down what came of those that ended. Each receiver has a lane of its own, so that one that is slow or away holds up
nobody but itself, and is asked less often while it is away.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from random import SystemRandom

import structlog

from callscope.errors import (
    CallscopeError,
    ConfigurationFault,
    DatabaseUnavailable,
    InvalidSetting,
    NotDelivered,
    Undeliverable,
)
from callscope.processes import monotonic_ms
from callscope.settings import Settings
from callscope.targets import Receiver, TargetsSource, load_targets
from models import outbox
from models.outbox import Message
from models.session import Engine, Session, transaction
from reports.outbox.send import Sender

RETRY_DELAYS_MS = (
    5_000,
    30_000,
    2 * 60_000,
    10 * 60_000,
    30 * 60_000,
    3_600_000,
    3 * 3_600_000,
    6 * 3_600_000,
    12 * 3_600_000,
)
"""Wait after each failure; after one more the message is dead, a day after its first attempt."""
JITTER = (0.8, 1.2)
"""Each wait is stretched by a factor between these, so that what failed together doesn't come back together."""

SLOTS = 4
"""Messages under way to one receiver at a time."""
LEASE_MS = 180_000
"""Longer than a translation and a request may take together."""
POLL_MS = 500
"""Between two looks into the outbox while there is nothing to do."""

LONGEST_PAUSE_MS = 5_000
_FIRST_PAUSE_MS = 500

_LONGEST_BACKOFF_MS = 30_000
_FIRST_BACKOFF_MS = 1_000
_LOOK_UP_MS = 100
"""A stop signal is heeded this soon."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Tally:
    """What came of messages so far."""

    sent: int = 0
    failed: int = 0
    """To be tried again."""
    dead: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that ended."""

    message: Message
    error: CallscopeError | None
    """None: the receiver took it."""
    retry_delay_ms: int | None
    """Wait before the next attempt; None: there is none."""
    took_ms: int


@dataclass(slots=True)
class _Lane:
    """What one receiver has under way, and how it has been lately."""

    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(SLOTS, "receiver"))
    under_way: int = 0
    pause_ms: int = 0
    """After its last failure; longer with each in a row."""
    resume_at_ms: int = 0
    used_at_ms: int = field(default_factory=monotonic_ms)

    def free(self, now_ms: int) -> int:
        """Return how many messages it may get now."""
        return 0 if now_ms < self.resume_at_ms else SLOTS - self.under_way

    def note(self, attempt: Attempt, now_ms: int) -> None:
        """Learn from an attempt that ended."""
        self.under_way -= 1
        self.used_at_ms = now_ms
        if attempt.error is None:
            self.pause_ms = self.resume_at_ms = 0
        elif not isinstance(attempt.error, Undeliverable):
            self.pause_ms = min(self.pause_ms * 2 or _FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
            self.resume_at_ms = now_ms + self.pause_ms


class Deliverer:
    """
    Sends what is due.

    Parameters
    ----------
    engine : Engine
        The outbox's database.
    senders : SenderSource
        Gives the sender with the newest good targets.
    lease_ms : int > 0
        After so long the messages of a sender that was killed are sent by another.
    """

    def __init__(self, engine: Engine, senders: SenderSource, *, lease_ms: int = LEASE_MS) -> None:
        self._engine = engine
        self._senders = senders
        self._lease_ms = lease_ms
        self._lanes: dict[Receiver, _Lane] = {}
        self._under_way: set[Future[Attempt]] = set()
        self.tally = Tally()

    def run(self, stopping: Callable[[], bool]) -> None:
        """Send until told to stop; outages of the database are waited for. What is under way is brought to its end."""
        backoff_ms = 0
        try:
            while not stopping():
                try:
                    self._round()
                except DatabaseUnavailable as error:
                    backoff_ms = min(backoff_ms * 2 or _FIRST_BACKOFF_MS, _LONGEST_BACKOFF_MS)
                    _log.warning("waiting", code=error.code, what=error.what, why=error.why, again_in_ms=backoff_ms)
                    _sleep(backoff_ms, stopping)
                else:
                    backoff_ms = 0
                    self._wait(stopping)
        finally:
            self._finish()

    def run_once(self, stopping: Callable[[], bool]) -> None:
        """
        Try each message once that is due now.

        Raises
        ------
        DatabaseUnavailable
            At any time.
        """
        with transaction(self._engine) as session:
            by = outbox.now(session)
        try:
            while not stopping() and (self._round(by=by) or self._under_way):
                self._wait(stopping)
        finally:
            self._finish()

    def _round(self, by: datetime | None = None) -> bool:
        """Write down what ended, and take what there is room for, in one transaction; return whether more is due."""
        sender = self._senders.current()
        ended = {future for future in self._under_way if future.done()}
        attempts = [future.result() for future in ended]
        with transaction(self._engine) as session:
            for attempt in attempts:
                _write(session, attempt)
            due = outbox.due_receivers(session, by=by)
            taken = self._take(session, due, by=by)
        # From here on it holds: before, an outage of the database would have lost what the receivers said.
        self._under_way -= ended
        for attempt in attempts:
            self._lanes[attempt.message.receiver].note(attempt, monotonic_ms())
            self._count(attempt)
        for message in taken:
            lane = self._lanes[message.receiver]
            lane.under_way += 1
            self._under_way.add(lane.threads.submit(_attempt, sender, message))
        self._close_idle(due)
        return bool(due)

    def _close_idle(self, due: list[Receiver]) -> None:
        """Forget receivers that nothing is due for; every call may have one of its own that is told of it."""
        now_ms = monotonic_ms()
        idle = {
            receiver
            for receiver, lane in self._lanes.items()
            if not lane.under_way and now_ms - lane.used_at_ms > LONGEST_PAUSE_MS
        }
        for receiver in idle.difference(due):
            self._lanes.pop(receiver).threads.shutdown(wait=False)

    def _take(self, session: Session, due: list[Receiver], *, by: datetime | None) -> list[Message]:
        taken = []
        for receiver in due:
            lane = self._lanes.setdefault(receiver, _Lane())
            # What is taken is sent at once, so that its lease covers the sending and no waiting before it.
            if free := lane.free(monotonic_ms()):
                taken += outbox.take(session, receiver, limit=free, lease_ms=self._lease_ms, by=by)
        return taken

    def _count(self, attempt: Attempt) -> None:
        message, error = attempt.message, attempt.error
        told: dict[str, object] = {
            "id": message.id,
            "message_id": message.message_id,
            "kind": message.receiver.kind.value,
            "target": message.receiver.target,
            "took_ms": attempt.took_ms,
        }
        if error is None:
            self.tally.sent += 1
            _log.info("message_sent", **told)
        elif attempt.retry_delay_ms is None:
            self.tally.dead += 1
            _log.error("message_given_up", **told, code=error.code, what=error.what, why=error.why)
        else:
            self.tally.failed += 1
            told["again_in_ms"] = attempt.retry_delay_ms
            _log.warning("message_not_sent", **told, code=error.code, what=error.what, why=error.why)

    def _wait(self, stopping: Callable[[], bool]) -> None:
        """Wait until an attempt ends, or it is time to look again."""
        if self._under_way:
            wait(self._under_way, timeout=POLL_MS / 1_000, return_when=FIRST_COMPLETED)
        else:
            _sleep(POLL_MS, stopping)

    def _finish(self) -> None:
        """Let what is under way end, and write it down; should the database be away, the leases bring it back."""
        wait(self._under_way)
        for lane in self._lanes.values():
            lane.threads.shutdown()
        attempts = [future.result() for future in self._under_way]
        self._under_way = set()
        try:
            with transaction(self._engine) as session:
                for attempt in attempts:
                    _write(session, attempt)
        except DatabaseUnavailable as error:
            _log.warning("outcomes_lost", messages=len(attempts), code=error.code, why=error.why)
        else:
            for attempt in attempts:
                self._count(attempt)


class SenderSource:
    """
    The sender of a running process: follows changes of the targets' file, and keeps the last good one.

    Parameters
    ----------
    settings : Settings
        Name the file.

    Raises
    ------
    InvalidSetting
        No file is named and there are no callbacks, or what it asks for isn't set.
    TargetsInvalid
        It can't be used.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.targets_file is not None:
            load_targets(settings.targets_file)
        elif settings.callback_secret is None:
            raise InvalidSetting("CALLSCOPE_TARGETS_FILE isn't set", why="it names the receivers")
        self._settings = settings
        self._source = TargetsSource(settings.targets_file)
        self._targets = self._source.current()
        self._sender = Sender(settings, self._targets)

    def current(self) -> Sender:
        """Return the sender with the newest good targets."""
        targets = self._source.current()
        if targets is not self._targets:
            self._targets = targets
            try:
                self._sender = Sender(self._settings, targets)
            except ConfigurationFault as error:
                _log.error("targets_refused", code=error.code, what=error.what, why=error.why)
            else:
                _log.info("targets_read", targets=sorted(targets))
        return self._sender


def _attempt(sender: Sender, message: Message) -> Attempt:
    began_ms = monotonic_ms()
    error: CallscopeError | None = None
    try:
        sender.send(message)
    except CallscopeError as known:
        error = known
    except Exception as unknown:  # noqa: BLE001 - one message must not end the loop for all
        # Its text is left out: it may hold what was said in a call, or a secret.
        where = traceback.extract_tb(unknown.__traceback__)[-1]
        error = NotDelivered("sending broke", why=f"{type(unknown).__name__} in {where.name}, line {where.lineno}")
    return Attempt(message, error, _retry_delay_ms(message, error), monotonic_ms() - began_ms)


def _retry_delay_ms(message: Message, error: CallscopeError | None) -> int | None:
    if error is None or isinstance(error, Undeliverable) or message.attempts >= len(RETRY_DELAYS_MS):
        return None
    return int(RETRY_DELAYS_MS[message.attempts] * SystemRandom().uniform(*JITTER))


def _write(session: Session, attempt: Attempt) -> None:
    if attempt.error is None:
        outbox.mark_sent(session, attempt.message)
        return
    why = f"{attempt.error.code}: {attempt.error.what}"
    why += f" ({attempt.error.why})" if attempt.error.why else ""
    if attempt.retry_delay_ms is None:
        outbox.mark_dead(session, attempt.message, why=why)
    else:
        outbox.mark_failed(session, attempt.message, why=why, delay_ms=attempt.retry_delay_ms)


def _sleep(duration_ms: int, stopping: Callable[[], bool]) -> None:
    deadline_ms = monotonic_ms() + duration_ms
    while not stopping() and (left_ms := deadline_ms - monotonic_ms()) > 0:
        time.sleep(min(left_ms, _LOOK_UP_MS) / 1_000)
