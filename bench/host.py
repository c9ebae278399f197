"""
Stage "host": everything but the computing, which a GPU would do.

One process of Python gets no faster than this: it tells how many a GPU needs. See `bench.instant`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from bench.contender import HOST, Contender, Measured
from bench.report import contenders_table
from bench.stage import Bench, Speed


@dataclass(frozen=True, slots=True)
class Host:
    """What the stage found out."""

    measured: Mapping[int, Measured]
    """By number of processes."""

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {str(processes): _speed(measured).as_data() for processes, measured in self.measured.items()}

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        speeds = {f"{processes} processes": _speed(measured) for processes, measured in self.measured.items()}
        return [contenders_table("The host alone: all but the network", speeds)]


def run(bench: Bench) -> Host:
    """Measure files to results without any network."""
    files = bench.load.take(bench.files)
    measured = {}
    for processes in bench.processes:
        with Contender(HOST, bench.settings, processes=processes, log_folder=bench.folder / "logs") as contender:
            contender.analyse(files[: max(processes, len(files) // 4)])
            measured[processes] = contender.analyse(files)
        speed = _speed(measured[processes])
        bench.progress(f"host: {processes} processes {speed.rtfx:,.0f}x, {speed.rtfx_per_core:,.0f}x a core")
    return Host(measured)


def _speed(measured: Measured) -> Speed:
    return Speed(measured.engine, measured.audio_s, measured.wall_s, measured.cpu_s)
