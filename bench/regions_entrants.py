"""Who takes part in the model stage, and each rival in whichever way is fastest on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.engines import find_engines
from bench.regions_reader import Places, Readers, Way
from bench.rivals import Rival
from bench.stage import CALLSCOPE, Bench, Missing
from callscope.settings import Settings

RACING = (Rival.SHERPA_ONNX_INT8, Rival.FUNASR_ONNX_INT8, Rival.STOCK)
CONTROLS = (Rival.SHERPA_ONNX_FP32, Rival.FUNASR_ONNX_FP32)
"""They show that a rival's model and front end are right; nobody waits for their speed."""
BATCHES = (1, 4, 8, 16)
"""Regions in a rival's batch that are tried, in this order."""

_MOST_PROCESSES = 4
"""Of a rival; each holds a whole model."""
_PROBES = 16
_TRIALS = 2
"""Of each way; the faster counts, for what disturbs a process only ever slows it down."""


@dataclass(frozen=True, slots=True)
class Course:
    """What the readers have before them."""

    bench: Bench
    places: Places
    engine: str
    """callscope's, as the settings have it."""
    durations: Sequence[float]
    """Seconds of each region."""
    paired: Sequence[int]
    """Regions that everyone reads."""

    @property
    def whole(self) -> Sequence[int]:
        """All regions."""
        return range(len(self.durations))

    @property
    def probes(self) -> Sequence[int]:
        """A few regions, of all lengths."""
        by_length = sorted(self.paired, key=self.durations.__getitem__)
        return by_length[:: max(1, len(by_length) // _PROBES)]

    def seconds(self, numbers: Sequence[int]) -> float:
        """Return how much speech is in regions."""
        return sum(self.durations[number] for number in numbers)


@dataclass(frozen=True, slots=True)
class Entrant:
    """One who takes part."""

    kind: str
    """`CALLSCOPE`, or a `Rival`."""
    way: Way
    settings: Settings
    probed: Mapping[str, float] = field(default_factory=dict)
    """Every way that was tried, and its RTFx."""

    def start(self, course: Course) -> Readers:
        """Return its processes, to be entered."""
        return Readers(self.kind, self.way, self.settings, course.places)


def find_entrants(course: Course, missing: Mapping[Rival, Missing | None]) -> Iterator[tuple[str, Entrant | Missing]]:
    """Yield callscope, its further engines and those who race it, by name."""
    settings, threads = course.bench.settings, course.bench.threads
    yield CALLSCOPE, Entrant(CALLSCOPE, Way(1, threads), settings)
    for name, own in find_engines(settings):
        if name != course.engine:
            yield name, own if isinstance(own, Missing) else Entrant(CALLSCOPE, Way(1, threads), own)
    for rival in RACING:
        yield rival, missing[rival] or _set_up(rival, course)


def _set_up(rival: Rival, course: Course) -> Entrant:
    """Return a rival as it is fastest: batches grow for as long as that makes it faster."""
    settings = course.bench.settings
    probes, seconds = course.probes, course.seconds(course.probes)
    rtfx: dict[Way, float] = {}
    for processes, threads in _shares(course.bench):
        with Entrant(rival, Way(processes, threads), settings).start(course) as readers:
            readers.read(probes, batch=1)
            fastest = 0.0
            for batch in BATCHES:
                reached = seconds / min(readers.read(probes, batch=batch).wall_s for _ in range(_TRIALS))
                rtfx[Way(processes, threads, batch)] = reached
                if reached < fastest:
                    break
                fastest = reached
    best = max(rtfx, key=rtfx.__getitem__)
    course.bench.progress(f"regions: {rival} is fastest as {best}: {rtfx[best]:,.1f}x")
    return Entrant(rival, best, settings, {str(way): round(reached, 2) for way, reached in rtfx.items()})


def _shares(bench: Bench) -> list[tuple[int, int]]:
    """Return in which ways processes can share the cores: one that has them all, or several."""
    several = min(bench.threads, _MOST_PROCESSES)
    if bench.settings.device != "cpu" or several == 1:
        return [(1, bench.threads)]
    return [(1, bench.threads), (several, bench.threads // several)]
