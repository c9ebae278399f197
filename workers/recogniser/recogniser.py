"""The recogniser behind the port: what callers ask for, cut into items, batched with everyone else's, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from itertools import islice
from threading import Event, Lock
from typing import Self

import numpy as np
from typing_extensions import override

from callscope.calls import Language, Transcript
from callscope.errors import CallscopeError, DeviceLost, Outage, RecogniserFailed
from callscope.ports import Channel, Clip, Recogniser, Scores
from callscope.processes import monotonic_ms
from workers.recogniser.engine import Engine, Passage, Reading, Stretch
from workers.recogniser.executor import Executor, ItemT, Kind, KindStatistics, ResultT

LOOK_UP_MS = 200
"""A caller that waits asks so often whether it still should."""

_BACKLOG_BATCHES = 32
"""Batches' worth that may wait: one for each class of lengths that can share a batch, so that each finds its likes."""


class _View(Recogniser):
    """A recogniser for one purpose; all views of an engine share its executor."""

    def __init__(
        self,
        engine: Engine,
        executor: Executor,
        detecting: Kind[Stretch, Scores],
        reading: Kind[Passage, Reading],
        *,
        urgent: bool,
        look_up: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._detecting = detecting
        self._reading = reading
        self._urgent = urgent
        self._look_up = look_up

    @property
    @override
    def checkpoint(self) -> str:
        return self._engine.checkpoint

    @property
    @override
    def engine(self) -> str:
        return self._engine.name

    @property
    @override
    def device(self) -> str:
        return self._engine.device

    @override
    def speech_scores(self, channels: Sequence[Channel]) -> list[Scores]:
        """
        Return the speech scores of each channel, in order; a channel under one frame gives none.

        Raises
        ------
        RecogniserFailed
            The engine raised; the message says on which channel.
        DeviceLost
            The device failed; every call from now on raises this.
        Outage
            The recogniser was closed meanwhile.
        """
        stretches = [self._engine.stretches(channel) for channel in channels]
        owners = [index for index, own in enumerate(stretches) for _ in own]
        scores = iter(
            self._run_all(
                self._detecting,
                (stretch for own in stretches for stretch in own),
                lambda number: f"the speech detector failed on channel {owners[number]}",
            )
        )
        return [np.concatenate([np.empty(0, np.float32), *islice(scores, len(own))]) for own in stretches]

    @override
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        """
        Read each clip; results are in the order of the clips.

        Parameters
        ----------
        clips : sequence of Clip
            Of any channels. One under 25 ms is filled up with silence to one frame.
        language : Language, optional
            Spoken language when it is known; None lets the model decide.

        Raises
        ------
        RecogniserFailed
            A clip can't be read; the message says which. The others of this call are given up.
        DeviceLost
            The device failed; every call from now on raises this.
        Outage
            The recogniser was closed meanwhile.
        """
        passages = [self._engine.passage(clip, language) for clip in clips]
        readings = self._run_all(self._reading, passages, lambda number: _describe(number, clips[number]))
        # Text is made by the caller: it costs Python's time, which the lanes have none of.
        return [self._engine.spell(reading, passage) for reading, passage in zip(readings, passages, strict=True)]

    def _run_all(
        self, kind: Kind[ItemT, ResultT], items: Iterable[ItemT], describe: Callable[[int], str]
    ) -> list[ResultT]:
        """Return the result of each item; the first failure, or what `look_up` raises, cancels the rest."""
        errand = _Errand(self._look_up)
        futures: list[Future[ResultT]] = []
        try:
            for item in items:
                if not (future := self._submit(kind, item, errand)):
                    break
                futures.append(future)
                errand.count_up(future)
            errand.wait()
            for number, future in enumerate(futures):
                if error := _error_of(future):
                    raise _tell(error, describe(number)) from error
            return [future.result() for future in futures]
        finally:
            while futures:
                futures.pop().cancel()

    def _submit(self, kind: Kind[ItemT, ResultT], item: ItemT, errand: _Errand) -> Future[ResultT] | None:
        """Submit once there is room; return None when another item of the call has failed."""
        while not errand.has_failed:
            errand.look_up_if_due()
            # The time that is left until the next look-up, so that waiting for room again and again can't put it off.
            with suppress(TimeoutError):
                return self._executor.submit(kind, item, urgent=self._urgent, timeout_ms=errand.left_ms)
        return None


class BatchingRecogniser(_View):
    """
    The recogniser that a process shares: however many threads call it, their items travel in the same batches.

    Parameters
    ----------
    engine : Engine
        Loaded.
    """

    def __init__(self, engine: Engine) -> None:
        detecting = Kind("detect", engine.detect, engine.stretch_frames, _BACKLOG_BATCHES * engine.stretch_frames)
        reading = Kind("read", engine.read, engine.batch_frames, _BACKLOG_BATCHES * engine.batch_frames)
        executor = Executor([detecting, reading], lanes=engine.lanes, lane=engine.lane)
        super().__init__(engine, executor, detecting, reading, urgent=False, look_up=lambda: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def bound(self, *, urgent: bool = False, look_up: Callable[[], None] = lambda: None) -> Recogniser:
        """
        Return a view for one recording.

        Parameters
        ----------
        urgent : bool
            Somebody waits for it: its items overtake those that aren't.
        look_up : callable
            Called about every `LOOK_UP_MS` by the thread that waits; what it raises gives up the call.
        """
        return _View(self._engine, self._executor, self._detecting, self._reading, urgent=urgent, look_up=look_up)

    def statistics(self) -> Mapping[str, KindStatistics]:
        """Return what was done so far, of ``detect`` and ``read``."""
        return self._executor.statistics()

    def close(self) -> None:
        """Refuse new calls, give up those that wait, and return when the batches under way have ended."""
        self._executor.close()


class _Errand:
    """Items of one call that are out with the lanes. The caller waits for all, or for the first that fails."""

    def __init__(self, look_up: Callable[[], None]) -> None:
        self._look_up = look_up
        self._due_ms = monotonic_ms() + LOOK_UP_MS
        self._lock = Lock()
        self._over = Event()
        self._out = 1
        """The caller itself counts until it has submitted all."""
        self.has_failed = False

    @property
    def left_ms(self) -> int:
        """Time until the next look-up."""
        return max(0, self._due_ms - monotonic_ms())

    def look_up_if_due(self) -> None:
        """Look up, unless this was done a moment ago."""
        if not self.left_ms:
            self._look_up()
            self._due_ms = monotonic_ms() + LOOK_UP_MS

    def count_up(self, future: Future[ResultT]) -> None:
        """Count an item that was submitted."""
        with self._lock:
            self._out += 1
        future.add_done_callback(lambda future: self._count_down(failed=_error_of(future) is not None))

    def wait(self) -> None:
        """Return when all items are done or one has failed; raise what `look_up` raises."""
        self._count_down(failed=False)
        while not self._over.wait(self.left_ms / 1000):
            self.look_up_if_due()

    def _count_down(self, *, failed: bool) -> None:
        with self._lock:
            self._out -= 1
            self.has_failed |= failed
            if failed or not self._out:
                self._over.set()


def _error_of(future: Future[ResultT]) -> BaseException | None:
    """Return how a future failed; None when it did not, or hasn't ended."""
    if not future.done():
        return None
    return CancelledError() if future.cancelled() else future.exception()


def _tell(error: BaseException, what: str) -> CallscopeError:
    """Return the error that a caller sees, naming what it happened on."""
    match error:
        case DeviceLost():
            return DeviceLost(error.what, why=error.why)
        case RecogniserFailed():
            return type(error)(what, why=": ".join(filter(None, (error.what, error.why))))
        case CancelledError():
            return Outage("the recogniser was closed before it could answer")
        case _:
            return RecogniserFailed(what, why=f"{type(error).__name__}: {error}")


def _describe(number: int, clip: Clip) -> str:
    bounds = clip.interval
    return f"the recogniser failed on clip {number}, {bounds.start_ms} to {bounds.end_ms} ms of its channel"
