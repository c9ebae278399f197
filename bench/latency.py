"""
Stage "latency": an urgent call of three minutes on a worker that has nothing else to do, and under a deep backlog.

In one process, by the very recogniser that a worker shares among its recordings: what an upload in the page waits for,
but for the queue before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median

from rich.table import Table

from bench.calls import CallFile
from bench.stage import Bench
from callscope.errors import ConfigurationFault
from callscope.meaning.interpret import Interpreter
from callscope.settings import Settings
from workers.devices import recordings_in_flight
from workers.offline import analyse_file
from workers.recogniser.load import load_engine
from workers.recogniser.recogniser import BatchingRecogniser

URGENT_MS = 180_000
_TIMES = 3
_SETTLE_S = 5.0
"""Until the backlog fills every queue."""
_BACKLOG = 64


@dataclass(frozen=True, slots=True)
class Latency:
    """What the stage found out; medians of `_TIMES` calls."""

    engine: str
    call_s: float
    """Length of the urgent call."""
    alone_s: float
    """Its answer when nothing else is to be done: its own compute time."""
    backlog_s: float
    """Its answer while the worker is full."""
    batch_s: float
    """How long one batch of the backlog takes at most: what an urgent call may have to wait for."""

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()}

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        table = Table(title=f"An urgent call of {self.call_s:.0f} s", title_justify="left", header_style="bold")
        for heading in ("engine", "alone, s", "under a backlog, s", "a batch, s"):
            table.add_column(heading)
        table.add_row(self.engine, f"{self.alone_s:.2f}", f"{self.backlog_s:.2f}", f"{self.batch_s:.2f}")
        return [table]


def run(bench: Bench) -> Latency:
    """Measure an urgent call alone, then among as many others as the worker takes."""
    bench.progress("latency: loading")
    urgent = bench.load.of_length(URGENT_MS)
    backlog = bench.load.take(bench.files if bench.quick else _BACKLOG)
    engine = load_engine(bench.settings)
    with BatchingRecogniser(engine) as recogniser:
        _answer(recogniser, urgent, bench.settings)
        alone = [_answer(recogniser, urgent, bench.settings) for _ in range(_TIMES)]
        bench.progress(f"latency: alone {median(alone):.2f} s; now under a backlog")
        with _working_off(backlog, recogniser, bench.settings):
            time.sleep(_SETTLE_S)
            before = recogniser.statistics()["read"]
            crowded = [_answer(recogniser, urgent, bench.settings) for _ in range(_TIMES)]
            after = recogniser.statistics()["read"]
    bench.progress(f"latency: under a backlog {median(crowded):.2f} s")
    batches = after.batches - before.batches
    if batches == 0:
        raise ConfigurationFault("the latency stage's backlog was never read")
    return Latency(
        engine=engine.name,
        call_s=urgent.duration_s,
        alone_s=median(alone),
        backlog_s=median(crowded),
        # The lanes work side by side; batches differ in size, and one that is full takes longest.
        batch_s=engine.lanes * sum(crowded) * after.batch_frames / (after.padded_frames - before.padded_frames),
    )


def _answer(recogniser: BatchingRecogniser, file: CallFile, settings: Settings) -> float:
    began = time.perf_counter()
    analyse_file(file.path, recogniser.bound(urgent=True), settings, Interpreter.of(settings))
    return time.perf_counter() - began


@contextmanager
def _working_off(files: list[CallFile], recogniser: BatchingRecogniser, settings: Settings) -> Iterator[None]:
    """Keep as many recordings in flight as a worker does, until the block ends."""
    over = threading.Event()

    interpreter = Interpreter.of(settings)

    def work(first: int) -> None:
        number = first
        while not over.is_set():
            analyse_file(files[number % len(files)].path, recogniser, settings, interpreter)
            number += 1

    threads = [threading.Thread(target=work, args=(first,)) for first in range(recordings_in_flight(settings))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
