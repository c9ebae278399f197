"""Stage "files": file to result from local files, no servers; callscope and stock FunASR take turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from rich.table import Table

from bench.choice import StockSetup, choose_stock, stock_contender
from bench.contender import Contender, Measured
from bench.report import contenders_data, contenders_table, times
from bench.stage import CALLSCOPE, STOCK, Bench, Missing, Speed
from callscope.errors import ConfigurationFault

_TURNS = 3
"""How often each contender has its turn."""
_WARM_UP = 4


@dataclass(frozen=True, slots=True)
class Files:
    """What the stage found out."""

    callscope: Speed
    """On the recordings that stock does too."""
    stock: Speed | Missing
    whole: Mapping[int, Measured]
    """callscope on all recordings of the stage at once, by its number of processes."""
    setup: StockSetup | Missing

    @property
    def best(self) -> Measured:
        """The fastest of `whole`: what callscope does with a queue that never runs dry."""
        return min(self.whole.values(), key=lambda measured: measured.wall_s)

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            **contenders_data({CALLSCOPE: self.callscope, STOCK: self.stock}),
            **times(self.callscope, self.stock),
            "stock_setup": self.setup.as_data(),
            "whole": {str(processes): measured.as_data() for processes, measured in self.whole.items()},
            "rtfx": round(_speed([self.best]).rtfx, 2),
            "padding": round(self.best.padding, 4) if self.best.padding else None,
            "peak_mb": self.best.peak_mb,
            "device_peak_mb": self.best.device_peak_mb,
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        whole = {f"{processes} processes": _speed([measured]) for processes, measured in self.whole.items()}
        return [
            contenders_table("File to result", {CALLSCOPE: self.callscope, STOCK: self.stock}),
            contenders_table(f"File to result, all recordings at once, padding {self.best.padding:.3f}", whole),
        ]


def run(bench: Bench) -> Files:
    """Measure callscope beside stock FunASR on the same files, then callscope on all of them."""
    setup = choose_stock(bench)
    paired, warm_up = bench.load.take(bench.paired_files), bench.load.take(_WARM_UP)
    bench.progress(f"files: loading; then {len(paired)} recordings in {_TURNS} turns")
    measured: dict[str, list[Measured]] = {}
    with ExitStack() as stack:
        contenders = [stack.enter_context(_callscope(bench, bench.processes[0]))]
        if isinstance(setup, StockSetup):
            contenders.append(stack.enter_context(stock_contender(bench, setup)))
        for contender in contenders:
            contender.analyse(warm_up)
        for turn in range(min(_TURNS, len(paired))):
            for contender in contenders:
                measured.setdefault(contender.kind, []).append(_checked(contender.analyse(paired[turn::_TURNS])))
            bench.progress("files: " + ", ".join(f"{kind} {_speed(own).rtfx:,.1f}x" for kind, own in measured.items()))
    whole = {}
    files = bench.load.take(bench.files)
    for processes in bench.processes:
        with _callscope(bench, processes) as contender:
            contender.analyse(warm_up * processes)
            whole[processes] = _checked(contender.analyse(files))
        speed = _speed([whole[processes]])
        bench.progress(f"files: {speed.rtfx:,.1f}x on all {len(files)} at once, {processes} processes")
    return Files(
        callscope=_speed(measured[CALLSCOPE]),
        stock=_speed(measured[STOCK]) if isinstance(setup, StockSetup) else setup,
        whole=whole,
        setup=setup,
    )


def _callscope(bench: Bench, processes: int) -> Contender:
    return Contender(CALLSCOPE, bench.settings, processes=processes, log_folder=bench.folder / "logs")


def _checked(measured: Measured) -> Measured:
    if measured.segments == 0:
        raise ConfigurationFault(f"{measured.engine} found nothing in {measured.audio_s:.0f} s of calls")
    return measured


def _speed(measured: Sequence[Measured]) -> Speed:
    return Speed(
        measured[0].engine,
        audio_s=sum(one.audio_s for one in measured),
        wall_s=sum(one.wall_s for one in measured),
        cpu_s=sum(one.cpu_s for one in measured),
    )
