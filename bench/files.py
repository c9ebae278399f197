"""Stage "files": file to result from local files, no servers; callscope and stock FunASR take turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from bench.choice import StockSetup, choose_stock, stock_contender
from bench.contender import Contender, Measured
from bench.report import contenders_data, contenders_table, times
from bench.stage import CALLSCOPE, STOCK, Bench, Speed
from callscope.errors import ConfigurationFault

_TURNS = 3
"""How often each contender has its turn."""
_WARM_UP = 4


@dataclass(frozen=True, slots=True)
class Files:
    """What the stage found out."""

    callscope: Speed
    """On the recordings that stock did too."""
    stock: Speed
    whole: Speed
    """callscope on all recordings of the stage at once: what it does with a queue that never runs dry."""
    padding: float
    peak_mb: float
    setup: StockSetup
    processes: int

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        data = contenders_data({CALLSCOPE: self.callscope, STOCK: self.stock})
        whole = {
            **self.whole.as_data(),
            "channel_s": round(2 * self.whole.audio_s, 1),
            "processes": self.processes,
        }
        return {
            **data,
            "whole": whole,
            "stock_setup": self.setup.as_data(),
            **times(self.callscope, self.stock),
            "padding": round(self.padding, 4),
            "peak_mb": round(self.peak_mb, 1),
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        paired = {CALLSCOPE: self.callscope, STOCK: self.stock}
        return [
            contenders_table(f"File to result, padding {self.padding:.3f}", paired),
            contenders_table("File to result, all recordings at once", {CALLSCOPE: self.whole}),
        ]


def run(bench: Bench) -> Files:
    """Measure callscope beside stock FunASR on the same files, then callscope on all of them."""
    setup = choose_stock(bench)
    paired = bench.load.take(bench.paired_files)
    bench.progress(f"files: loading; then {len(paired)} recordings in {_TURNS} turns each")
    with callscope_contender(bench) as ours, stock_contender(bench, setup) as stock:
        warm_up = bench.load.take(_WARM_UP)
        ours.analyse(warm_up)
        stock.analyse(warm_up)
        own, others = [], []
        for turn in range(min(_TURNS, len(paired))):
            files = paired[turn::_TURNS]
            own.append(_checked(ours.analyse(files)))
            others.append(_checked(stock.analyse(files)))
            bench.progress(f"files: callscope {_rtfx(own):,.1f}x, stock FunASR {_rtfx(others):,.1f}x")
        whole = _checked(ours.analyse(bench.load.take(bench.files)))
    bench.progress(f"files: callscope {_rtfx([whole]):,.1f}x on all {bench.files} at once")
    if whole.padding is None:
        raise ConfigurationFault("callscope's contender doesn't tell its padding")
    return Files(
        callscope=_speed(own),
        stock=_speed(others),
        whole=_speed([whole]),
        padding=whole.padding,
        peak_mb=whole.peak_mb,
        setup=setup,
        processes=bench.processes,
    )


def callscope_contender(bench: Bench, kind: str = CALLSCOPE) -> Contender:
    """Return callscope's processes, to be entered."""
    return Contender(kind, bench.settings, processes=bench.processes, log_folder=bench.folder / "logs")


def _checked(measured: Measured) -> Measured:
    if measured.segments == 0:
        raise ConfigurationFault(f"{measured.engine} found nothing in {measured.audio_s:.0f} s of calls")
    return measured


def _rtfx(measured: Sequence[Measured]) -> float:
    return _speed(measured).rtfx


def _speed(measured: Sequence[Measured]) -> Speed:
    return Speed(
        measured[0].engine,
        audio_s=sum(one.audio_s for one in measured),
        wall_s=sum(one.wall_s for one in measured),
        cpu_s=sum(one.cpu_s for one in measured),
    )
