"""
How a stage of the benchmark plugs in.

A stage is a function ``run(bench: Bench) -> StageResult``; `bench.cli` knows the table of them. What it returns tells
its part of the JSON document and its tables by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.table import Table

from bench.calls import Load
from callscope.settings import Settings

STOCK = "stock_funasr"
"""Name of stock FunASR among the contenders."""
CALLSCOPE = "callscope"


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What every stage is given."""

    settings: Settings
    """Of callscope: checkpoint, vad_checkpoint, device, engine and dtype of this run; `cpu_threads` is resolved."""
    load: Load
    """Calls without end: a stage takes as many from the front as it can afford."""
    folder: Path
    """Where a stage may keep what it needs again: exported models, caches."""
    quick: bool
    """A run for the tests: the smallest load that still shows everything."""
    recordings: tuple[int, ...]
    """End to end: how many beside stock FunASR; then each of them by callscope alone."""
    paired_files: int
    """File to result: how many recordings beside stock FunASR."""
    files: int
    """File to result: how many recordings by callscope alone, all at once."""
    processes: tuple[int, ...]
    """Of callscope's worker on the device: the usual number first, then others to be tried."""
    progress: Callable[[str], None]
    """Told what begins, in words for a person."""

    @property
    def threads(self) -> int:
        """Cores that each contender gets on a CPU."""
        return self.settings.cpu_threads


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast one contender did a stage."""

    engine: str
    """What ran, such as ``onnx-int8`` or ``funasr-fp32``."""
    audio_s: float
    """Seconds of sound: a stereo recording counts once; in the model stage, of the regions."""
    wall_s: float
    cpu_s: float | None = None
    """Processor time of the contender's own processes: on a machine that others use too, the fairer measure."""

    @property
    def rtfx(self) -> float:
        """Seconds of sound a second."""
        return self.audio_s / self.wall_s

    @property
    def rtfx_per_core(self) -> float | None:
        """Seconds of sound a second of processor time."""
        return self.audio_s / self.cpu_s if self.cpu_s else None

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        data: dict[str, object] = {
            "engine": self.engine,
            "rtfx": round(self.rtfx, 2),
            "audio_s": round(self.audio_s, 1),
            "wall_s": round(self.wall_s, 2),
        }
        if self.cpu_s is not None and self.rtfx_per_core is not None:
            data |= {"cpu_s": round(self.cpu_s, 2), "rtfx_per_core": round(self.rtfx_per_core, 2)}
        return data


@dataclass(frozen=True, slots=True)
class Missing:
    """A contender that isn't installed here."""

    package: str
    """As pip names it."""
    why: str = "not installed"

    def as_data(self) -> dict[str, object]:
        """Return the JSON form; `rtfx` is there and null, so that nobody takes a gap for an oversight."""
        return {"rtfx": None, "missing": self.package, "why": self.why, "install": f"pip install {self.package}"}


Contenders = Mapping[str, Speed | Missing]
"""By name: `CALLSCOPE` first, then the others."""


class StageResult(Protocol):
    """What a stage found out."""

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
