"""Every future ends, nobody waits in vain, and what one item does is felt by no other."""

from __future__ import annotations

import gc
import random
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext

import pytest

from callscope.errors import DeviceLost, Outage, OutOfDeviceMemory, RecogniserFailed
from workers.recogniser import executor as executor_module
from workers.recogniser.executor import QUIET_MS, Executor, Kind, KindStatistics, _Work
from workers.recogniser.pool import Ticket

pytestmark = pytest.mark.unit

PATIENCE_S = 30
"""Long past anything that works: a test that waits for so long has found a hang."""

ENDLESS = 10**9


class Item:
    """So many frames, and whether a batch with it fails."""

    def __init__(self, frames: int, *, is_bad: bool = False) -> None:
        self.frames = frames
        self.is_bad = is_bad


def answer(item: Item) -> tuple[int, int]:
    return id(item), item.frames


class Desk:
    """Runs batches as a device would: remembers them, may be held up, and may have little memory."""

    def __init__(self, *, memory_frames: int = ENDLESS, is_held: bool = False) -> None:
        self.batches: list[list[Item]] = []
        self.memory_frames = memory_frames
        self.error: Exception | None = None
        self.entered = threading.Semaphore(0)
        """Released by each batch that begins."""
        self._is_held = is_held
        self._gate = threading.Semaphore(0)
        self._lock = threading.Lock()

    def run(self, batch: Sequence[Item]) -> list[tuple[int, int]]:
        with self._lock:
            self.batches.append(list(batch))
        self.entered.release()
        if self._is_held:
            assert self._gate.acquire(timeout=PATIENCE_S)
        if self.error:
            raise self.error
        if len(batch) * batch[-1].frames > self.memory_frames:
            raise OutOfDeviceMemory("full")
        if bad := [item for item in batch if item.is_bad]:
            raise RecogniserFailed(f"{len(bad)} are bad", why=str(bad[0].frames))
        return [answer(item) for item in batch]

    def let(self, batches: int) -> None:
        """Let so many batches end."""
        self._gate.release(batches)

    def open(self) -> None:
        """Hold up nothing any more."""
        self._is_held = False
        self._gate.release(1_000)

    def await_batches(self, count: int) -> None:
        """Return when so many more batches have begun."""
        for _ in range(count):
            assert self.entered.acquire(timeout=PATIENCE_S)


def kind_of(desk: Desk, *, batch_frames: int = 100, capacity_frames: int = ENDLESS) -> Kind[Item, tuple[int, int]]:
    return Kind("desk", desk.run, batch_frames, capacity_frames)


@contextmanager
def executor_of(*kinds: Kind[Item, tuple[int, int]], lanes: int = 1, flush_ms: int = 200) -> Iterator[Executor]:
    with Executor(kinds, lanes=lanes, lane=nullcontext, flush_ms=flush_ms) as executor:
        yield executor


def lognormal(source: random.Random) -> int:
    """Return a length like that of speech between pauses: 0.3 to 30 s in frames of 60 ms, most of them near 4 s."""
    return min(max(int(source.lognormvariate(4.2, 0.8)), 9), 500)


# --- batches --------------------------------------------------------------------------------------------------------


def test_every_item_gets_its_own_result() -> None:
    desk = Desk()
    kind = kind_of(desk)
    items = [Item(frames) for frames in (30, 5, 30, 90, 250, 29)]
    with executor_of(kind) as executor:
        futures = [executor.submit(kind, item) for item in items]
        assert [future.result(PATIENCE_S) for future in futures] == [answer(item) for item in items]
    for batch in desk.batches:
        assert [item.frames for item in batch] == sorted(item.frames for item in batch)


def test_kinds_never_share_a_batch() -> None:
    desks = Desk(), Desk()
    kinds = [Kind(name, desk.run, 100, ENDLESS) for name, desk in zip(("first", "second"), desks, strict=True)]
    with executor_of(*kinds, lanes=2) as executor:
        futures = [executor.submit(kind, Item(10)) for _ in range(50) for kind in kinds]
        for future in futures:
            future.result(PATIENCE_S)
        assert [executor.statistics()[name].items for name in ("first", "second")] == [50, 50]
    assert [sum(map(len, desk.batches)) for desk in desks] == [50, 50]


def test_a_mixed_load_travels_in_full_batches_with_little_padding() -> None:
    source = random.Random(3)  # noqa: S311 - repeatable
    desk = Desk(is_held=True)
    kind = kind_of(desk, batch_frames=2_000)
    with executor_of(kind, lanes=2) as executor:
        held = [executor.submit(kind, Item(2_000)) for _ in range(2)]
        desk.await_batches(2)
        lengths = [lognormal(source) for _ in range(5_000)]
        futures = [executor.submit(kind, Item(frames)) for frames in lengths]
        desk.open()
        for future in held + futures:
            future.result(PATIENCE_S)
        done = executor.statistics()["desk"]
    assert (done.items, done.useful_frames) == (5_002, 4_000 + sum(lengths))
    assert 1 < done.padding <= 1.07
    for batch in desk.batches:
        padded = len(batch) * batch[-1].frames
        assert len(batch) == 1 or padded <= min(2_000, 1.07 * sum(item.frames for item in batch))
    deep = desk.batches[2:52]
    assert sum(item.frames for batch in deep for item in batch) / len(deep) > 0.85 * 2_000


def test_what_is_short_of_a_batch_for_each_lane_is_shared() -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk, batch_frames=1_000)
    with executor_of(kind, lanes=2) as executor:
        futures = [executor.submit(kind, Item(1_000)) for _ in range(2)]
        desk.await_batches(2)
        futures += [executor.submit(kind, Item(10)) for _ in range(40)]
        desk.let(2)
        desk.await_batches(2)
        assert [len(batch) for batch in desk.batches] == [1, 1, 20, 10]
        desk.open()
        for future in futures:
            future.result(PATIENCE_S)


def test_a_full_batch_waits_for_no_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor_module, "QUIET_MS", ENDLESS)
    kind = kind_of(Desk(), batch_frames=100)
    with executor_of(kind, flush_ms=ENDLESS) as executor:
        futures = [executor.submit(kind, Item(10)) for _ in range(9)]
        with pytest.raises(TimeoutError):
            futures[0].result(0.1)
        futures.append(executor.submit(kind, Item(10)))
        for future in futures:
            future.result(PATIENCE_S)


@pytest.mark.parametrize(
    ("arrivals_ms", "due_ms"),
    [
        ([1_000], 1_000 + QUIET_MS),
        ([1_000, 1_015], 1_015 + QUIET_MS),
        ([1_000, *range(1_010, 1_200, 10)], 1_200),
        ([1_000] * 10, 1_000),
        ([1_000, *[1_005] * 9], 1_000),
    ],
    ids=["alone", "while others come", "not for ever", "enough at once", "enough by and by"],
)
def test_when_a_batch_stops_waiting_for_company(arrivals_ms: list[int], due_ms: int) -> None:
    work = _Work(kind_of(Desk(), batch_frames=10 if len(set(arrivals_ms)) < 3 else ENDLESS), threading.Lock())
    for number, arrived_ms in enumerate(arrivals_ms):
        work.backlog.add(Ticket(None, 1, number, arrived_ms, Future()))
    assert work.due_ms(200) == due_ms


# --- order ----------------------------------------------------------------------------------------------------------


def test_an_odd_length_is_not_passed_over() -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk)
    with executor_of(kind, flush_ms=0) as executor:
        futures = [executor.submit(kind, Item(100))]
        desk.await_batches(1)
        futures += [executor.submit(kind, Item(10)) for _ in range(10)]
        futures.append(executor.submit(kind, Item(73)))
        futures += [executor.submit(kind, Item(10)) for _ in range(200)]
        desk.open()
        for future in futures:
            future.result(PATIENCE_S)
    assert [item.frames for item in desk.batches[2]] == [73]


def test_endless_work_of_one_kind_starves_no_other() -> None:
    quiet, busy = Desk(), Desk()
    rare = Kind("rare", quiet.run, 1_000, ENDLESS)
    done = threading.Event()

    def run(batch: Sequence[Item]) -> list[tuple[int, int]]:
        if not done.is_set():
            for _ in batch:
                executor.submit(common, Item(10))
        return busy.run(batch)

    common = Kind("common", run, 100, ENDLESS)
    with executor_of(common, rare, lanes=2) as executor:
        for _ in range(100):
            executor.submit(common, Item(10))
        busy.await_batches(10)
        odd = Item(7)
        assert executor.submit(rare, odd).result(PATIENCE_S) == answer(odd)
        long = Item(99)
        assert executor.submit(common, long).result(PATIENCE_S) == answer(long)
        done.set()


def test_urgent_items_overtake_a_deep_backlog_and_are_shared_by_the_lanes() -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk)
    with executor_of(kind, lanes=2) as executor:
        backlog = [executor.submit(kind, Item(100)) for _ in range(500)]
        desk.await_batches(2)
        urgent = [Item(10) for _ in range(8)]
        futures = [executor.submit(kind, item, urgent=True) for item in urgent]
        desk.let(2)
        desk.await_batches(2)
        # The two batches that ran are the only ones they waited for: one for each lane.
        assert [len(batch) for batch in desk.batches] == [1, 1, 4, 2]
        assert all(item in urgent for batch in desk.batches[2:] for item in batch)
        desk.open()
        assert [future.result(PATIENCE_S) for future in futures] == [answer(item) for item in urgent]
        assert {item for batch in desk.batches[:7] for item in batch} >= set(urgent)
        for future in backlog:
            future.result(PATIENCE_S)


# --- bounds ---------------------------------------------------------------------------------------------------------


def test_a_full_backlog_holds_up_whoever_adds_to_it() -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk, capacity_frames=30)
    with executor_of(kind) as executor, ThreadPoolExecutor(16) as threads:
        running = executor.submit(kind, Item(100))
        desk.await_batches(1)
        waiting = [executor.submit(kind, Item(10)) for _ in range(3)]
        with pytest.raises(TimeoutError):
            executor.submit(kind, Item(10), timeout_ms=0)
        urgent = executor.submit(kind, Item(10), urgent=True)
        submitting = [threads.submit(executor.submit, kind, Item(10)) for _ in range(16)]
        assert not any(submission.done() for submission in submitting)
        desk.open()
        late = [submission.result(PATIENCE_S) for submission in submitting]
        for future in (running, urgent, *waiting, *late):
            future.result(PATIENCE_S)


def test_as_many_are_let_in_as_there_is_room_for() -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk, capacity_frames=30)
    with executor_of(kind) as executor, ThreadPoolExecutor(3) as threads:
        executor.submit(kind, Item(100))
        desk.await_batches(1)
        for _ in range(3):
            executor.submit(kind, Item(10))
        submitting = [threads.submit(executor.submit, kind, Item(10)) for _ in range(3)]
        with pytest.raises(TimeoutError):
            executor.submit(kind, Item(10), timeout_ms=100)
        desk.let(1)
        desk.await_batches(1)
        # One batch made room for three, and no other has begun.
        late = [submission.result(PATIENCE_S) for submission in submitting]
        assert len(desk.batches) == 2
        desk.open()
        for future in late:
            future.result(PATIENCE_S)


def test_an_item_larger_than_the_bound_is_taken_when_nothing_else_waits() -> None:
    kind = kind_of(Desk(), capacity_frames=30)
    with executor_of(kind) as executor:
        assert [executor.submit(kind, Item(500)).result(PATIENCE_S)[1] for _ in range(2)] == [500, 500]


# --- cancellation ---------------------------------------------------------------------------------------------------


def test_a_cancelled_item_never_runs_and_makes_room_at_once() -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk, capacity_frames=30)
    with executor_of(kind) as executor, ThreadPoolExecutor(1) as threads:
        running = executor.submit(kind, Item(100))
        desk.await_batches(1)
        waiting = [executor.submit(kind, Item(10)) for _ in range(3)]
        submitting = threads.submit(executor.submit, kind, Item(11))
        assert waiting[1].cancel()
        late = submitting.result(PATIENCE_S)
        assert not wait([waiting[1]], PATIENCE_S).not_done
        assert not running.cancel()
        desk.open()
        assert [future.result(PATIENCE_S)[1] for future in (running, waiting[0], waiting[2], late)] == [100, 10, 10, 11]
        with pytest.raises(CancelledError):
            waiting[1].result(PATIENCE_S)
    assert sum(map(len, desk.batches)) == 4


@pytest.mark.parametrize("fate", ["done", "cancelled", "failed"])
def test_an_item_is_let_go_when_it_is_over(fate: str) -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk)
    gc.disable()
    try:
        with executor_of(kind) as executor:
            executor.submit(kind, Item(100))
            desk.await_batches(1)
            item = Item(10, is_bad=fate == "failed")
            gone = weakref.ref(item)
            future = executor.submit(kind, item)
            del item
            assert gone() is not None
            if fate == "cancelled":
                assert future.cancel()
                assert gone() is None
            desk.open()
            if fate != "cancelled":
                assert (future.exception(PATIENCE_S) is None) == (fate == "done")
            desk.batches.clear()
            # The lane lets go of its batch a moment after the result is there; no other batch follows.
            deadline = time.monotonic() + PATIENCE_S
            while gone() and time.monotonic() < deadline:
                time.sleep(0.001)
            assert gone() is None
    finally:
        gc.enable()


# --- failures -------------------------------------------------------------------------------------------------------


def test_a_bad_item_fails_alone() -> None:
    desk = Desk()
    kind = kind_of(desk, batch_frames=1_000)
    items = [Item(10 + number % 3, is_bad=number in {3, 17, 18}) for number in range(40)]
    with executor_of(kind) as executor:
        futures = [executor.submit(kind, item) for item in items]
        for item, future in zip(items, futures, strict=True):
            if item.is_bad:
                assert isinstance(future.exception(PATIENCE_S), RecogniserFailed)
            else:
                assert future.result(PATIENCE_S) == answer(item)
        assert executor.statistics()["desk"].failures == 3


@pytest.mark.parametrize("error", [ZeroDivisionError("by nought"), MemoryError(), TimeoutError()], ids=repr)
def test_whatever_a_batch_raises_is_its_items_error(error: Exception) -> None:
    def run(_: Sequence[Item]) -> list[tuple[int, int]]:
        raise error

    kind = Kind("desk", run, 100, ENDLESS)
    with executor_of(kind) as executor:
        for future in [executor.submit(kind, Item(10)) for _ in range(5)]:
            assert future.exception(PATIENCE_S) is error


def test_a_batch_with_results_missing_is_no_result() -> None:
    def run(batch: Sequence[Item]) -> list[tuple[int, int]]:
        return [answer(item) for item in batch[1:]]

    kind = Kind("desk", run, 100, ENDLESS)
    with executor_of(kind) as executor:
        for future in [executor.submit(kind, Item(10)) for _ in range(3)]:
            assert "0 results for 1 items" in str(future.exception(PATIENCE_S))


def test_a_device_short_of_memory_gets_smaller_batches_for_good() -> None:
    desk = Desk(memory_frames=600)
    kind = kind_of(desk, batch_frames=4_000)
    items = [Item(10) for _ in range(400)]
    with executor_of(kind) as executor:
        futures = [executor.submit(kind, item) for item in items]
        assert [future.result(PATIENCE_S) for future in futures] == [answer(item) for item in items]
        assert 300 <= executor.statistics()["desk"].batch_frames <= 600
        desk.batches.clear()
        for future in [executor.submit(kind, Item(10)) for _ in range(400)]:
            future.result(PATIENCE_S)
        assert max(map(len, desk.batches)) * 10 <= 600
        assert isinstance(executor.submit(kind, Item(700)).exception(PATIENCE_S), OutOfDeviceMemory)
        assert executor.statistics()["desk"].batch_frames >= 300


def test_a_failure_holds_nothing_of_its_batch() -> None:
    class Sound:
        pass

    held: list[weakref.ref[Sound]] = []

    def run(_: Sequence[Item]) -> list[tuple[int, int]]:
        assert all(sound() is None for sound in held)
        sound = Sound()
        held.append(weakref.ref(sound))
        try:
            raise ValueError  # noqa: TRY301 - a cause of its own
        except ValueError as error:
            raise RecogniserFailed("on purpose") from error

    kind = Kind("desk", run, 100, ENDLESS)
    with executor_of(kind) as executor:
        futures = [executor.submit(kind, Item(10)) for _ in range(8)]
        assert {str(future.exception(PATIENCE_S)) for future in futures} == {"on purpose"}
    assert len(held) == 15


# --- the end --------------------------------------------------------------------------------------------------------


def test_a_lost_device_fails_everything() -> None:
    desk = Desk(is_held=True)
    error = DeviceLost("an illegal memory access")
    reached, trigger = threading.Event(), threading.Event()

    def fail(_: Sequence[Item]) -> list[tuple[int, int]]:
        reached.set()
        assert trigger.wait(PATIENCE_S)
        raise error

    healthy, failing = kind_of(desk, capacity_frames=100), Kind("failing", fail, 100, ENDLESS)
    with executor_of(healthy, failing, lanes=2) as executor, ThreadPoolExecutor(4) as threads:
        running = executor.submit(healthy, Item(100))
        desk.await_batches(1)
        doomed = executor.submit(failing, Item(100))
        assert reached.wait(PATIENCE_S)
        cancelled, *waiting = [executor.submit(healthy, Item(25), urgent=number < 2) for number in range(6)]
        submitting = [threads.submit(executor.submit, healthy, Item(1)) for _ in range(4)]
        assert cancelled.cancel()
        trigger.set()
        # The other lane's batch is still held up: its future doesn't wait for it.
        assert {future.exception(PATIENCE_S) for future in (running, doomed, *waiting)} == {error}
        assert {submission.exception(PATIENCE_S) for submission in submitting} == {error}
        for kind in (healthy, failing):
            with pytest.raises(DeviceLost):
                executor.submit(kind, Item(1), urgent=True)
        desk.error = DeviceLost("the same, seen by another lane")
        desk.open()


@pytest.mark.parametrize("place", ["enter", "run"])
def test_a_lane_that_breaks_leaves_nobody_waiting(place: str) -> None:
    @contextmanager
    def lane() -> Iterator[None]:
        if place == "enter":
            raise OSError("no such stream")
        yield

    def run(_: Sequence[Item]) -> list[tuple[int, int]]:
        raise SystemExit

    kind = Kind("desk", run, 100, ENDLESS)
    with Executor([kind], lanes=1, lane=lane) as executor, pytest.raises(DeviceLost, match="lane"):
        executor.submit(kind, Item(100)).result(PATIENCE_S)


def test_closing_cancels_what_waits_and_lets_what_runs_end() -> None:
    desk = Desk(is_held=True)
    kind = kind_of(desk, capacity_frames=200)
    threads_before = threading.active_count()
    with executor_of(kind, lanes=2) as executor, ThreadPoolExecutor(2) as threads:
        running = [executor.submit(kind, Item(100)) for _ in range(2)]
        desk.await_batches(2)
        waiting = [executor.submit(kind, Item(100)) for _ in range(2)]
        submitting = threads.submit(executor.submit, kind, Item(100))
        closing = threads.submit(executor.close)
        assert not wait(waiting, PATIENCE_S).not_done
        assert all(future.cancelled() for future in waiting)
        assert isinstance(submitting.exception(PATIENCE_S), Outage)
        assert not closing.done()
        desk.open()
        closing.result(PATIENCE_S)
        assert [future.result(0)[1] for future in running] == [100, 100]
        with pytest.raises(Outage, match="closed"):
            executor.submit(kind, Item(1))
    assert threading.active_count() == threads_before


def test_statistics_begin_at_nothing() -> None:
    kind = kind_of(Desk())
    with executor_of(kind) as executor:
        assert executor.statistics() == {"desk": KindStatistics(batch_frames=100)}
        assert executor.statistics()["desk"].padding == 1


# --- all at once ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_64_threads_with_failures_and_cancellations_all_get_what_a_single_run_gives(seed: int) -> None:
    desk = Desk(memory_frames=1_500)
    kinds = [Kind(name, desk.run, 4_000, 8_000) for name in ("first", "second")]
    begin = threading.Barrier(64)

    def call(number: int) -> list[tuple[Item, Future[tuple[int, int]], bool]]:
        source = random.Random(f"{seed} {number}")  # noqa: S311 - repeatable
        sent = []
        begin.wait(PATIENCE_S)
        for _ in range(60):
            item = Item(lognormal(source), is_bad=source.random() < 0.02)
            future = executor.submit(source.choice(kinds), item, urgent=number % 16 == 0)
            sent.append((item, future, source.random() < 0.1 and future.cancel()))
        return sent

    with executor_of(*kinds, lanes=3) as executor, ThreadPoolExecutor(64) as threads:
        sent = [entry for calls in threads.map(call, range(64), timeout=PATIENCE_S) for entry in calls]
        for item, future, is_cancelled in sent:
            if is_cancelled:
                assert future.cancelled()
            elif item.is_bad:
                assert isinstance(future.exception(PATIENCE_S), RecogniserFailed)
            else:
                assert future.result(PATIENCE_S) == answer(item)
        done = executor.statistics()
    cancelled = {item for item, _, is_cancelled in sent if is_cancelled}
    bad = {item for item, _, _ in sent if item.is_bad} - cancelled
    assert cancelled
    assert bad
    assert not cancelled & {item for batch in desk.batches for item in batch}
    assert sum(kind.failures for kind in done.values()) == len(bad)
    assert sum(kind.items for kind in done.values()) == 64 * 60 - len(bad) - len(cancelled)
    assert sum(kind.padded_frames for kind in done.values()) <= 1.07 * sum(kind.useful_frames for kind in done.values())
