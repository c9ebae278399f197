"""
A contender in a process of its own: it is given files, analyses them, and answers what that took.

So contenders take turns on the same files and cores within one run.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch

from bench.calls import CHANNELS, CallFile
from bench.child import Child, serve, share_out
from bench.instant import instant_recogniser
from bench.machine import peak_resident_mb
from bench.stage import CALLSCOPE, STOCK, Speed
from callscope.logs import configure_logging
from callscope.meaning.interpret import Interpreter
from callscope.settings import Settings, load_settings
from workers.devices import recordings_in_flight
from workers.offline import analyse_file, hear_file
from workers.recogniser import load_recogniser
from workers.recogniser.recogniser import BatchingRecogniser

HOST = "host"
"""callscope with an engine that answers at once: everything but the network."""

_BYTES_PER_MB = 1024**2


@dataclass(frozen=True, slots=True)
class Answer:
    """What a contender has to say of a request."""

    engine: str
    segments: int
    cpu_s: float
    padding: float | None
    """Of everything read so far; None where the contender doesn't tell."""
    peak_mb: float
    device_peak_mb: float | None
    """Of the device's memory; None on a CPU."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What it took a contender, in one or more processes, to analyse some files."""

    engine: str
    audio_s: float
    """A stereo recording counts once."""
    wall_s: float
    cpu_s: float
    segments: int
    padding: float | None
    peak_mb: float
    """Of all its processes together."""
    device_peak_mb: float | None

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        speed = Speed(self.engine, self.audio_s, self.wall_s, self.cpu_s)
        return {
            **speed.as_data(),
            "channel_s": round(CHANNELS * self.audio_s, 1),
            "padding": round(self.padding, 4) if self.padding else None,
            "peak_mb": round(self.peak_mb, 1),
            "device_peak_mb": self.device_peak_mb,
        }


class Contender:
    """
    Processes of one contender on one machine; they end with the `with` block.

    Parameters
    ----------
    kind : str
        `CALLSCOPE`, `STOCK` or `HOST`.
    settings : Settings
        Handed to every process.
    processes : int > 0
        Side by side.
    log_folder : Path
        Gets what they print.
    arguments : sequence of str
        Further words for the process.
    """

    def __init__(
        self,
        kind: str,
        settings: Settings,
        *,
        log_folder: Path,
        processes: int = 1,
        arguments: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self._stack = ExitStack()
        self._processes = [
            self._stack.enter_context(
                Child(("bench.contender", kind, *arguments), settings=settings, log=log_folder / f"{kind}-{number}.log")
            )
            for number in range(processes)
        ]
        for process in self._processes:
            process.wait_until_ready()

    def analyse(self, files: Sequence[CallFile]) -> Measured:
        """
        Analyse files.

        A process of callscope gets its share at once and overlaps the recordings by itself; stock FunASR takes them
        one by one, whichever process is free.
        """
        size = len(files) if self.kind == STOCK else min(len(self._processes), len(files))
        wall_s, told = share_out(
            self._processes, [[str(file.path) for file in files[start::size]] for start in range(size)]
        )
        answers = [[Answer(**answer) for answer in own] for own in told]
        every = [answer for own in answers for answer in own]
        return Measured(
            engine=every[0].engine,
            audio_s=sum(file.duration_s for file in files),
            wall_s=wall_s,
            cpu_s=sum(answer.cpu_s for answer in every),
            segments=sum(answer.segments for answer in every),
            padding=every[-1].padding,
            peak_mb=round(sum(own[-1].peak_mb for own in answers if own), 1),
            device_peak_mb=_sum(own[-1].device_peak_mb for own in answers if own),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _sum(figures: Iterable[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None


def _device_peak_mb() -> float | None:
    """Return the most memory of the GPU that this process held; None where it uses none."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return None
    return round(torch.cuda.max_memory_reserved() / _BYTES_PER_MB, 1)


Analyse = Callable[[Sequence[Path]], Sequence[int]]
"""Analyses files, and returns how many segments each has."""


def _answering(engine: str, analyse: Analyse, padding: Callable[[], float | None]) -> Callable[[list[str]], object]:
    """Return what answers a request."""

    def answer(files: list[str]) -> object:
        began = time.process_time()
        segments = analyse([Path(file) for file in files])
        return asdict(
            Answer(
                engine=engine,
                segments=sum(segments),
                cpu_s=time.process_time() - began,
                padding=padding(),
                peak_mb=peak_resident_mb(os.getpid()),
                device_peak_mb=_device_peak_mb(),
            )
        )

    return answer


def _load_stock(settings: Settings, *, batch_size_s: int) -> Callable[[list[str]], object]:
    from bench.stock import ENGINE, StockFunasr  # noqa: PLC0415 - callscope's own process needs no FunASR

    stock = StockFunasr(settings, batch_size_s=batch_size_s)
    return _answering(ENGINE, lambda paths: [len(stock.analyse(path).segments) for path in paths], lambda: None)


def _load_callscope(settings: Settings) -> Callable[[list[str]], object]:
    recogniser, interpreter = load_recogniser(settings), Interpreter.of(settings)
    return _side_by_side(
        settings,
        recogniser,
        lambda path: len(analyse_file(path, recogniser, settings, interpreter).hearing.segments),
    )


def _load_host(settings: Settings) -> Callable[[list[str]], object]:
    """Do what a worker does; deriving is the writers' part."""
    recogniser = instant_recogniser(settings)
    return _side_by_side(settings, recogniser, lambda path: len(hear_file(path, recogniser, settings).segments))


def _side_by_side(
    settings: Settings, recogniser: BatchingRecogniser, analyse: Callable[[Path], int]
) -> Callable[[list[str]], object]:
    pool = ThreadPoolExecutor(recordings_in_flight(settings))
    return _answering(
        recogniser.engine,
        lambda paths: list(pool.map(analyse, paths)),
        lambda: recogniser.statistics()["read"].padding,
    )


def main() -> None:
    """Run one contender until it is ended; settings come from the environment."""
    parser = argparse.ArgumentParser(prog="python -m bench.contender")
    parser.add_argument("kind", choices=(CALLSCOPE, STOCK, HOST))
    parser.add_argument("--batch-size-s", type=int)
    arguments = parser.parse_args()
    settings = load_settings()
    configure_logging(settings)
    match arguments.kind:
        case "callscope":
            serve(lambda: _load_callscope(settings))
        case "host":
            serve(lambda: _load_host(settings))
        case _:
            serve(lambda: _load_stock(settings, batch_size_s=arguments.batch_size_s))


if __name__ == "__main__":
    main()
