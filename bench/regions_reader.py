"""
Those who read regions, in processes of their own: callscope in one of its engines, or a rival set up in one way.

A rival is given batches of regions of like lengths, the longest first, whichever of its processes is free; callscope is
asked for all regions at once, by as many threads as a worker has recordings in flight, and makes its batches itself.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from typing_extensions import override

from bench.child import Child, serve, share_out
from bench.machine import peak_resident_mb
from bench.regions_load import RegionStore
from bench.rivals import Rival, load_rival
from bench.stage import CALLSCOPE
from callscope.logs import configure_logging
from callscope.settings import Settings, load_settings
from workers.devices import recordings_in_flight

_Answer = Callable[[Sequence[int]], list[list[int]]]
"""Reads the regions of these numbers."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a reader is set up."""

    processes: int
    threads: int
    """Of each process."""
    batch: int | None = None
    """Regions in a batch; None: callscope's own choice."""

    @override
    def __str__(self) -> str:
        batches = "its own batches" if self.batch is None else f"batches of {self.batch}"
        return f"{self.processes} x {self.threads} threads, {batches}"


@dataclass(frozen=True, slots=True)
class Places:
    """Where readers find and leave things."""

    regions: Path
    """Folder of a `RegionStore`."""
    models: Path
    """Folder of the rivals' models."""
    logs: Path


@dataclass(frozen=True, slots=True)
class Reading:
    """What it took a reader to read regions once."""

    engine: str
    wall_s: float
    cpu_s: float
    """Processor time of its processes."""
    peak_mb: float
    """Most that its processes held up to now, all together."""
    padding: float | None
    """Of all that was read up to now; None where the reader doesn't tell."""
    tokens: tuple[tuple[int, ...], ...]
    """Of each region; empty unless asked for."""


class Readers:
    """
    The processes of one reader; they live as long as the `with` block.

    Parameters
    ----------
    kind : str
        `CALLSCOPE`, or a `Rival`.
    way : Way
        Its processes, threads and batches.
    settings : Settings
        Checkpoint, device, and callscope's engine and dtype.
    places : Places
        Folders.
    """

    def __init__(self, kind: str, way: Way, settings: Settings, places: Places) -> None:
        self.kind, self.way = kind, way
        self._settings = settings.model_copy(update={"cpu_threads": way.threads})
        self._places = places
        self._store = RegionStore(places.regions)
        self._stack = ExitStack()
        self._children: list[Child] = []

    def read(self, numbers: Sequence[int], *, batch: int | None = None, tokens: bool = False) -> Reading:
        """
        Read regions once.

        Parameters
        ----------
        numbers : sequence of int
            Which, by their place in the store.
        batch : int, optional
            Another batch than the way's.
        tokens : bool
            Whether the token ids are wanted: telling them takes time.
        """
        batches = make_batches(self._lengths(numbers), batch or self.way.batch)
        wall_s, by_child = share_out(
            self._children, [{"numbers": [numbers[index] for index in one], "tokens": tokens} for one in batches]
        )
        answers = [answer for own in by_child for answer in own]
        found = {number: tuple(ids) for answer in answers for number, ids in answer["tokens"]}
        return Reading(
            engine=answers[0]["engine"],
            wall_s=wall_s,
            cpu_s=sum(answer["cpu_s"] for answer in answers),
            peak_mb=sum(own[-1]["peak_mb"] for own in by_child if own),
            padding=answers[-1]["padding"],
            tokens=tuple(found[number] for number in numbers) if tokens else (),
        )

    def _lengths(self, numbers: Sequence[int]) -> list[float]:
        return [self._store.regions[number].duration_s for number in numbers]

    def __enter__(self) -> Self:
        engine = f"-{self._settings.engine}-{self._settings.dtype}" if self.kind == CALLSCOPE else ""
        words = ["bench.regions_reader", self.kind, str(self._places.regions), str(self._places.models)]
        with ExitStack() as stack:
            self._children = [
                stack.enter_context(
                    Child(words, settings=self._settings, log=self._places.logs / f"{self.kind}{engine}-{number}.log")
                )
                for number in range(self.way.processes)
            ]
            for child in self._children:
                child.wait_until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def make_batches(lengths: Sequence[float], size: int | None) -> list[list[int]]:
    """
    Return the places of all items in batches, like lengths together, the longest first.

    Parameters
    ----------
    lengths : sequence of float
        Of each item.
    size : int > 0, optional
        Items in a batch; None: all in one, in their own order.
    """
    if size is None:
        return [list(range(len(lengths)))]
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    return [order[start : start + size] for start in range(0, len(order), size)]


def main() -> None:
    """Run one reader; settings come from the environment."""
    parser = argparse.ArgumentParser(prog="python -m bench.regions_reader")
    parser.add_argument("kind", choices=(CALLSCOPE, *Rival))
    parser.add_argument("regions", type=Path)
    parser.add_argument("models", type=Path)
    arguments = parser.parse_args()
    settings = load_settings()
    configure_logging(settings)
    store = RegionStore(arguments.regions)
    if arguments.kind == CALLSCOPE:
        serve(lambda: _load_callscope(store, settings))
    else:
        serve(lambda: _load_rival(Rival(arguments.kind), arguments.models, store, settings))


def _load_rival(rival: Rival, models: Path, store: RegionStore, settings: Settings) -> Callable[[Any], object]:
    reader = load_rival(rival, models, settings)
    waves = store.waves()
    return _answering(
        reader.engine, lambda numbers: reader.read([waves[number] for number in numbers]), padding=lambda: None
    )


def _load_callscope(store: RegionStore, settings: Settings) -> Callable[[Any], object]:
    from workers.recogniser import load_recogniser  # noqa: PLC0415 - the rivals' processes do without torch

    recogniser = load_recogniser(settings)
    clips = store.clips(settings)
    pool = ThreadPoolExecutor(recordings_in_flight(settings))

    def read(numbers: Sequence[int]) -> list[list[int]]:
        calls: dict[str, list[int]] = defaultdict(list)
        for number in numbers:
            calls[store.regions[number].file].append(number)
        done = pool.map(lambda own: recogniser.transcribe([clips[number] for number in own]), calls.values())
        ids = {
            number: list(transcript.token_ids)
            for own, transcripts in zip(calls.values(), done, strict=True)
            for number, transcript in zip(own, transcripts, strict=True)
        }
        return [ids[number] for number in numbers]

    return _answering(recogniser.engine, read, padding=lambda: recogniser.statistics()["read"].padding)


def _answering(engine: str, read: _Answer, *, padding: Callable[[], float | None]) -> Callable[[Any], object]:
    def answer(request: dict[str, Any]) -> object:
        began = time.process_time()
        ids = read(request["numbers"])
        return {
            "engine": engine,
            "cpu_s": time.process_time() - began,
            "peak_mb": peak_resident_mb(os.getpid()),
            "padding": padding(),
            "tokens": list(zip(request["numbers"], ids, strict=True)) if request["tokens"] else [],
        }

    return answer


if __name__ == "__main__":
    main()
