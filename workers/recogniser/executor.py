"""
One queue in front of a device: many threads submit single items, a few lanes run them in batches of like length.

What a free lane does next is decided by one rule (`Executor._choose`):

1. Urgent items go first, whatever else waits, and at once.
2. Otherwise a pool is due when it holds enough for a batch; or nothing has joined it for `QUIET_MS`, so that a burst
   is whole; or its oldest item has waited for `flush_ms`. Of the due pools the one that was due first is served.
3. A batch is built around the oldest item of its pool, of its neighbours in length.
4. No batch takes more than one lane's share of what waits, so that what is short of a batch for each keeps all busy.

So nothing starves: urgent ones aside, every batch that runs before an item's own was built around one that came before
it, or less than `flush_ms` after. Taking the fullest batch instead, or one kind of work before the other, was simulated
for 32 to 128 recordings in flight: throughput stays within 4 %, and the slowest recordings wait for longer. A device
with little to do doesn't gain from waiting for company either; the quiet time only keeps a burst's first item from
travelling alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from operator import itemgetter
from threading import Condition, Lock, Thread, current_thread
from typing import Any, Generic, Protocol, Self, TypeVar

import structlog

from callscope.errors import CallscopeError, DeviceLost, Outage, OutOfDeviceMemory, RecogniserFailed
from callscope.processes import monotonic_ms
from workers.recogniser.pool import Pool, Ticket

QUIET_MS = 20
"""A pool that nothing has joined for so long isn't about to fill: longer than a thread that submits is ever paused."""

_log = structlog.get_logger(__name__)


class Sized(Protocol):
    """What can be submitted."""

    @property
    def frames(self) -> int:
        """Length of the item: what it costs."""


ItemT = TypeVar("ItemT", bound=Sized)
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[ItemT, ResultT]):
    """One kind of work; only items of the same kind share a batch."""

    name: str
    run: Callable[[Sequence[ItemT]], Sequence[ResultT]]
    """Takes a batch, shortest item first, and returns one result for each, in order."""
    batch_frames: int
    """Most frames of a batch, each item counted as long as the longest."""
    capacity_frames: int
    """Backlog that may wait; who submits more is held up."""
    max_padding: float = 1.07
    """Most frames of a batch, counted as above, over its useful ones."""


@dataclass(frozen=True, slots=True)
class KindStatistics:
    """What was done of one kind since the executor began."""

    batch_frames: int
    """Most frames of a batch now: less than the kind's when the device ran out of memory."""
    batches: int = 0
    """That ran to their end."""
    items: int = 0
    """In those batches."""
    useful_frames: int = 0
    padded_frames: int = 0
    """With every item counted as long as the longest of its batch."""
    failures: int = 0
    """Items that failed standing alone."""

    @property
    def padding(self) -> float:
        """Frames computed over frames wanted; 1 is ideal."""
        return self.padded_frames / self.useful_frames if self.useful_frames else 1.0


class _Work:
    """All that is under way of one kind; guarded by the executor's lock."""

    def __init__(self, kind: Kind[Any, Any], lock: Lock) -> None:
        self.kind = kind
        self.backlog = Pool()
        self.urgent = Pool()
        self.room = Condition(lock)
        self.statistics = KindStatistics(kind.batch_frames)

    def has_room(self) -> bool:
        return self.backlog.frames < self.kind.capacity_frames

    def due_ms(self, flush_ms: int) -> int:
        """Return when a batch of the backlog, which isn't empty, shall run at the latest."""
        oldest_ms = self.backlog.oldest.arrived_ms
        if self.backlog.frames >= self.statistics.batch_frames:
            return oldest_ms
        return min(oldest_ms + flush_ms, self.backlog.latest_ms + QUIET_MS)


class Executor:
    """
    Runs items of several kinds in batches, on threads of its own.

    A batch that fails is halved until the item at fault stands alone and fails alone. One that the device has no memory
    for lowers its kind's batches for good. A device that is lost, or a lane that breaks, fails everything.

    Parameters
    ----------
    kinds : sequence of Kind
        All that will be submitted.
    lanes : int > 0
        How many batches run beside each other.
    lane : callable
        Returns what each lane's thread enters once, around all that it runs.
    flush_ms : int >= 0
        An item waits for company so long at most, in milliseconds.
    """

    def __init__(
        self,
        kinds: Sequence[Kind[Any, Any]],
        *,
        lanes: int,
        lane: Callable[[], AbstractContextManager[None]],
        flush_ms: int = 200,
    ) -> None:
        self._lane = lane
        self._flush_ms = flush_ms
        self._lock = Lock()
        self._free = Condition(self._lock)
        self._works = {kind: _Work(kind, self._lock) for kind in kinds}
        self._numbers = count()
        self._running: dict[Thread, list[Ticket]] = {}
        self._refusal: DeviceLost | Outage | None = None
        # Daemons: a process whose main thread has crashed shall end.
        self._lanes = [Thread(target=self._serve, name=f"lane-{index}", daemon=True) for index in range(lanes)]
        for thread in self._lanes:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(
        self, kind: Kind[ItemT, ResultT], item: ItemT, *, urgent: bool = False, timeout_ms: int | None = None
    ) -> Future[ResultT]:
        """
        Take an item in; while the backlog is full, only once there is room.

        Parameters
        ----------
        kind : Kind
            One of those that the executor was made for.
        item : Sized
            Kept until its batch has run, or its future was cancelled.
        urgent : bool
            Overtakes what isn't, and never waits for room.
        timeout_ms : int, optional
            Wait for room so long at most, in milliseconds.

        Raises
        ------
        TimeoutError
            There was no room in time; the item wasn't taken.
        DeviceLost
            The device failed, maybe while this waited for room.
        Outage
            The executor was closed, maybe while this waited for room.
        """
        work = self._works[kind]
        pool = work.urgent if urgent else work.backlog
        future: Future[ResultT] = Future()
        frames = item.frames
        with self._lock:
            if not urgent:
                timeout_s = None if timeout_ms is None else timeout_ms / 1000
                work.room.wait_for(lambda: work.has_room() or self._refusal is not None, timeout_s)
            if self._refusal is not None:
                raise self._refusal
            if not urgent and not work.has_room():
                raise TimeoutError
            number = next(self._numbers)
            pool.add(Ticket(item, frames, number, monotonic_ms(), future))
            # A lane sleeps until told, or until the hour that the pool's first item set.
            if len(pool) == 1 or pool.frames >= work.statistics.batch_frames:
                self._free.notify()
            # Whoever makes room wakes one waiter, and each waiter the next, so that as many wake as there is room for.
            if not urgent and work.has_room():
                work.room.notify()
        future.add_done_callback(partial(self._forget, work, pool, frames, number))
        return future

    def statistics(self) -> Mapping[str, KindStatistics]:
        """Return what was done so far, by the kind's name."""
        with self._lock:
            return {kind.name: work.statistics for kind, work in self._works.items()}

    def close(self) -> None:
        """Refuse new items, cancel those that wait, and return when the batches under way have ended."""
        with self._lock:
            self._refuse(Outage("the recogniser is closed"))
            waiting = self._clear()
        for ticket in waiting:
            ticket.future.cancel()
            ticket.future.set_running_or_notify_cancel()
        for thread in self._lanes:
            if thread is not current_thread():
                thread.join()

    def _forget(self, work: _Work, pool: Pool, frames: int, number: int, future: Future[Any]) -> None:
        """Remove a cancelled item at once: it would hold its sound, and room. A future never refers to its item."""
        if not future.cancelled():
            return
        with self._lock:
            waited = pool.discard(frames, number)
            work.room.notify()
        if waited:
            future.set_running_or_notify_cancel()

    # --- lanes ------------------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            with self._lane():
                while self._step():
                    pass
        except BaseException as error:  # noqa: BLE001 - whatever ends a lane must end everyone's waiting
            _log.exception("lane_ended")
            self._lose(DeviceLost("a lane of the recogniser ended", why=_describe(error)))

    def _step(self) -> bool:
        """Run one batch and let go of it before the next is awaited; return False when there will be none."""
        job = self._next()
        if job is None:
            return False
        self._run(*job)
        return True

    def _next(self) -> tuple[_Work, list[Ticket]] | None:
        """Return a batch once one shall run; None when none ever will."""
        with self._lock:
            self._running.pop(current_thread(), None)
            while self._refusal is None:
                choice = self._choose()
                if choice is None:
                    self._free.wait()
                    continue
                due_ms, work, pool = choice
                if (left_ms := due_ms - monotonic_ms()) > 0:
                    self._free.wait(left_ms / 1000)
                    continue
                share = -(-pool.frames // len(self._lanes))
                limit = min(work.statistics.batch_frames, share)
                taken = pool.take(limit_frames=limit, max_padding=work.kind.max_padding)
                work.room.notify()
                if any(other.urgent or other.backlog for other in self._works.values()):
                    self._free.notify()
                if batch := [ticket for ticket in taken if ticket.future.set_running_or_notify_cancel()]:
                    self._running[current_thread()] = batch
                    return work, batch
        return None

    def _choose(self) -> tuple[int, _Work, Pool] | None:
        """Return what shall run next and when, by the rule at the top of this file; None when nothing waits."""
        works = self._works.values()
        urgent = [(work.urgent.oldest.arrived_ms, work, work.urgent) for work in works if work.urgent]
        backlog = [(work.due_ms(self._flush_ms), work, work.backlog) for work in works if work.backlog]
        return min(urgent or backlog, key=itemgetter(0), default=None)

    def _run(self, work: _Work, batch: Sequence[Ticket]) -> None:
        """Run a batch and settle its futures, one way or the other."""
        error = self._attempt(work, batch)
        match error:
            case None:
                return
            case DeviceLost():
                self._lose(error)
                return
            case _ if len(batch) == 1:
                with self._lock:
                    work.statistics = replace(work.statistics, failures=work.statistics.failures + 1)
                _settle(batch[0].future, error=error)
                return
            case OutOfDeviceMemory():
                self._lower(work, batch)
        middle = len(batch) // 2
        self._run(work, batch[:middle])
        self._run(work, batch[middle:])

    def _attempt(self, work: _Work, batch: Sequence[Ticket]) -> Exception | None:
        """Run a batch and hand out its results; return what it raised, without its traceback."""
        try:
            results = work.kind.run([ticket.item for ticket in batch])
            if len(results) != len(batch):
                raise RecogniserFailed(f"{work.kind.name}: {len(results)} results for {len(batch)} items")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001 - whatever an engine raises is its batch's, never the lane's
            if len(batch) == 1:
                is_named = isinstance(error, CallscopeError)
                _log.warning("item_failed", work=work.kind.name, error=_describe(error), exc_info=not is_named)
            _part(error)
            return error
        with self._lock:
            done = work.statistics
            work.statistics = replace(
                done,
                batches=done.batches + 1,
                items=done.items + len(batch),
                useful_frames=done.useful_frames + sum(ticket.frames for ticket in batch),
                padded_frames=done.padded_frames + _padded(batch),
            )
        for ticket, result in zip(batch, results, strict=True):
            _settle(ticket.future, result)
        return None

    def _lower(self, work: _Work, batch: Sequence[Ticket]) -> None:
        """Make batches smaller for good: half of the one that the device had no memory for."""
        with self._lock:
            before = work.statistics.batch_frames
            after = min(before, _padded(batch) // 2)
            work.statistics = replace(work.statistics, batch_frames=after)
        if after < before:
            _log.warning("batch_frames_lowered", work=work.kind.name, before=before, after=after)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _lose(self, error: DeviceLost) -> None:
        """Fail everything that waits or runs, refuse what comes, and log it once."""
        with self._lock:
            first = self._refusal is None
            self._refuse(error)
            waiting = self._clear()
            running = [ticket for batch in self._running.values() for ticket in batch]
        for ticket in waiting:
            if ticket.future.set_running_or_notify_cancel():
                _settle(ticket.future, error=error)
        for ticket in running:
            _settle(ticket.future, error=error)
        if first:
            _log.error("device_lost", error=error.what, why=error.why, items=len(waiting) + len(running))

    def _refuse(self, error: DeviceLost | Outage) -> None:
        """Take nothing more, and wake everyone who waits to be told; the lock is held."""
        self._refusal = self._refusal or error
        self._free.notify_all()
        for work in self._works.values():
            work.room.notify_all()

    def _clear(self) -> list[Ticket]:
        return [
            ticket for work in self._works.values() for pool in (work.urgent, work.backlog) for ticket in pool.clear()
        ]


def _settle(future: Future[Any], result: object = None, *, error: Exception | None = None) -> None:
    """End a future that runs, unless the loss of the device has ended it already."""
    with suppress(InvalidStateError):
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _padded(batch: Sequence[Ticket]) -> int:
    return len(batch) * batch[-1].frames


def _part(error: BaseException | None) -> None:
    """Part an error from its batch: its traceback holds sound, and memory of a device that may have become full."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
