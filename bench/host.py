"""
Stage "host": everything but the computing, which a GPU would do.

One process of Python gets no faster than this: it tells how many a GPU needs. See `bench.instant`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table

from bench.contender import HOST, Contender
from bench.stage import Bench


@dataclass(frozen=True, slots=True)
class Host:
    """What the stage found out."""

    processes: int
    audio_s: float
    wall_s: float
    cpu_s: float

    @property
    def rtfx(self) -> float:
        """Of all processes together."""
        return self.audio_s / self.wall_s

    @property
    def rtfx_per_core(self) -> float:
        """Seconds of recording a second of processor time."""
        return self.audio_s / self.cpu_s

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            "processes": self.processes,
            "rtfx": round(self.rtfx, 1),
            "rtfx_per_core": round(self.rtfx_per_core, 1),
            "audio_s": round(self.audio_s, 1),
            "wall_s": round(self.wall_s, 2),
            "cpu_s": round(self.cpu_s, 2),
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        table = Table(title="The host alone: all but the network", title_justify="left", header_style="bold")
        for heading in ("processes", "audio s", "wall s", "CPU s", "RTFx", "RTFx a core"):
            table.add_column(heading, justify="right")
        table.add_row(
            str(self.processes),
            f"{self.audio_s:,.0f}",
            f"{self.wall_s:,.1f}",
            f"{self.cpu_s:,.1f}",
            f"{self.rtfx:,.0f}",
            f"{self.rtfx_per_core:,.0f}",
        )
        return [table]


def run(bench: Bench) -> Host:
    """Measure files to results without any network."""
    files = bench.load.take(bench.files)
    bench.progress(f"host: {len(files)} recordings without the network")
    with Contender(HOST, bench.settings, processes=bench.processes, log_folder=bench.folder / "logs") as contender:
        contender.analyse(files[: len(files) // 4 or 1])
        measured = contender.analyse(files)
    result = Host(bench.processes, measured.audio_s, measured.wall_s, measured.cpu_s)
    bench.progress(f"host: {result.rtfx:,.0f}x, {result.rtfx_per_core:,.0f}x a core")
    return result
