"""How stock FunASR is set up: the fastest of a few ways on this machine, so that nobody compares with a straw man."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.util import find_spec

from typing_extensions import override

from bench.contender import Contender
from bench.stage import STOCK, Bench, Missing

BATCH_SIZES_S = (60, 300)
"""FunASR's default is the second; on a CPU it takes one segment after the other whatever is asked for."""

_PROBES = 3
"""Calls to find it out with, after one to warm up."""
_MOST_PROCESSES = 4
"""Each holds a whole model; FunASR gains little from more threads, so this is enough to show what is best."""


@dataclass(frozen=True, slots=True)
class StockSetup:
    """A way to run stock FunASR."""

    processes: int
    threads: int
    """Of each process; together the cores that callscope has."""
    batch_size_s: int
    """Means nothing on a CPU, where FunASR reads one segment after the other."""
    probed: tuple[tuple[str, float], ...] = ()
    """Every way that was tried, and its RTFx."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """As its processes are told."""
        return ("--batch-size-s", str(self.batch_size_s))

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        return {**asdict(self), "probed": dict(self.probed)}

    @override
    def __str__(self) -> str:
        return f"{self.processes} x {self.threads} threads, batch_size_s {self.batch_size_s}"


def candidates(bench: Bench) -> list[StockSetup]:
    """Return the ways worth trying."""
    if bench.settings.device != "cpu":
        return [StockSetup(1, bench.threads, size) for size in BATCH_SIZES_S]
    ways = [StockSetup(1, bench.threads, BATCH_SIZES_S[-1])]
    processes = min(bench.threads, _MOST_PROCESSES)
    if processes > 1:
        ways.append(StockSetup(processes, bench.threads // processes, BATCH_SIZES_S[-1]))
    return ways


@lru_cache(maxsize=1)
def choose_stock(bench: Bench) -> StockSetup | Missing:
    """Return the fastest of the `candidates` on a few calls, where FunASR is installed; found out once a run."""
    if find_spec("funasr") is None:
        bench.progress("stock FunASR isn't installed here: pip install funasr")
        return Missing("funasr")
    ways = candidates(bench)
    if len(ways) == 1:
        return ways[0]
    bench.progress(f"stock FunASR: looking for the fastest of {len(ways)} ways to run it")
    warm_up, *files = bench.load.take(2 if bench.quick else 1 + _PROBES)
    rtfx = {}
    for way in ways:
        with stock_contender(bench, way) as contender:
            contender.analyse([warm_up] * way.processes)
            measured = contender.analyse(files)
            rtfx[way] = measured.audio_s / measured.wall_s
        bench.progress(f"stock FunASR: {way}: {rtfx[way]:,.1f}x")
    best = max(ways, key=rtfx.__getitem__)
    probed = tuple((str(way), round(rtfx[way], 2)) for way in ways)
    return StockSetup(best.processes, best.threads, best.batch_size_s, probed)


def stock_contender(bench: Bench, setup: StockSetup) -> Contender:
    """Return stock FunASR's processes, to be entered."""
    return Contender(
        STOCK,
        bench.settings.model_copy(update={"cpu_threads": setup.threads}),
        processes=setup.processes,
        log_folder=bench.folder / "logs",
        arguments=setup.arguments,
    )
