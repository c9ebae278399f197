"""
A contender in a process of its own: it is given files, analyses them, and answers what that took.

So contenders can take turns on the same files and cores within one run, and none inherits another's threads, caches
or memory. Requests and answers are lines of JSON; whatever else a contender prints goes to its log.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

from bench.calls import CallFile
from bench.machine import peak_resident_mb, resident_mb
from bench.stage import CALLSCOPE, STOCK
from callscope.errors import ConfigurationFault
from callscope.logs import configure_logging
from callscope.settings import Settings, load_settings

HOST = "host"
"""callscope with an engine that answers at once: everything but the network."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a contender has to say of a request."""

    engine: str
    segments: int
    cpu_s: float
    padding: float | None
    """Of everything read so far; None where the contender doesn't tell."""
    resident_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What it took a contender, in one or more processes, to analyse some files."""

    engine: str
    audio_s: float
    wall_s: float
    cpu_s: float
    segments: int
    padding: float | None
    peak_mb: float
    """Of all its processes together."""


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
        log_folder.mkdir(parents=True, exist_ok=True)
        self._processes = [
            self._stack.enter_context(_Process(kind, settings, log_folder / f"{kind}-{number}.log", arguments))
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
        portions: SimpleQueue[list[str]] = SimpleQueue()
        size = len(files) if self.kind == STOCK else len(self._processes)
        for start in range(size):
            if portion := [str(file.path) for file in files[start::size]]:
                portions.put(portion)

        def work(process: _Process) -> list[Answer]:
            answers = []
            while True:
                try:
                    answers.append(process.ask(portions.get_nowait()))
                except Empty:
                    return answers

        began = time.perf_counter()
        with ThreadPoolExecutor(len(self._processes)) as pool:
            answers = list(pool.map(work, self._processes))
        wall_s = time.perf_counter() - began
        every = [answer for own in answers for answer in own]
        return Measured(
            engine=every[0].engine,
            audio_s=sum(file.duration_s for file in files),
            wall_s=wall_s,
            cpu_s=sum(answer.cpu_s for answer in every),
            segments=sum(answer.segments for answer in every),
            padding=every[-1].padding,
            peak_mb=sum(own[-1].peak_mb for own in answers if own),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _Process:
    def __init__(self, kind: str, settings: Settings, log: Path, arguments: Sequence[str]) -> None:
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                [sys.executable, "-m", "bench.contender", kind, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **settings.as_environment()},  # noqa: TID251 - handed on whole; nothing is read here
            )

    def wait_until_ready(self) -> None:
        """Return when it has loaded its model."""
        self._read()

    def ask(self, files: list[str]) -> Answer:
        """Let it analyse files, and return its answer."""
        assert self._process.stdin is not None  # noqa: S101 - made with a pipe
        self._process.stdin.write(json.dumps(files) + "\n")
        self._process.stdin.flush()
        return Answer(**json.loads(self._read()))

    def _read(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - made with a pipe
        line = self._process.stdout.readline()
        if not line:
            last = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
            raise ConfigurationFault(f"a contender ended with {self._process.wait()}", why=" | ".join(last))
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()  # it holds nothing that a signal could spoil
        self._process.communicate()


Analyse = Callable[[Sequence[Path]], Sequence[int]]
"""Analyses files, and returns how many segments each has."""


def _serve(engine: str, analyse: Analyse, padding: Callable[[], float | None]) -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # FunASR prints what it thinks

    def answer(data: object) -> None:
        answers.write(json.dumps(data) + "\n")
        answers.flush()

    answer("ready")
    for line in sys.stdin:
        began = time.process_time()
        segments = analyse([Path(path) for path in json.loads(line)])
        done = Answer(
            engine=engine,
            segments=sum(segments),
            cpu_s=time.process_time() - began,
            padding=padding(),
            resident_mb=resident_mb(os.getpid()),
            peak_mb=peak_resident_mb(os.getpid()),
        )
        answer(asdict(done))


def main() -> None:
    """Run one contender; settings come from the environment."""
    parser = argparse.ArgumentParser(prog="python -m bench.contender")
    parser.add_argument("kind", choices=(CALLSCOPE, STOCK, HOST))
    parser.add_argument("--batch-size-s", type=int, default=300)
    arguments = parser.parse_args()
    settings = load_settings()
    configure_logging(settings)
    # Each kind needs packages that the others don't.
    if arguments.kind == STOCK:
        from bench.stock import ENGINE, StockFunasr  # noqa: PLC0415

        stock = StockFunasr(settings, batch_size_s=arguments.batch_size_s)
        _serve(ENGINE, lambda paths: [len(stock.analyse(path).segments) for path in paths], lambda: None)
        return
    from bench.host import instant_recogniser  # noqa: PLC0415
    from workers.devices import recordings_in_flight  # noqa: PLC0415
    from workers.offline import analyse_file  # noqa: PLC0415
    from workers.recogniser.load import load_recogniser  # noqa: PLC0415

    load = instant_recogniser if arguments.kind == HOST else load_recogniser
    with load(settings) as recogniser, ThreadPoolExecutor(recordings_in_flight(settings)) as pool:
        _serve(
            recogniser.engine,
            lambda paths: list(pool.map(lambda path: len(analyse_file(path, recogniser, settings).segments), paths)),
            lambda: recogniser.statistics()["read"].padding,
        )


if __name__ == "__main__":
    main()
