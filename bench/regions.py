"""
Stage "regions": the model stage alone. The same regions through callscope's engines and through the rivals.

Every reader is loaded in processes of its own, reads everything once to warm up and to tell its tokens, and then takes
turns with all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from bench.regions_entrants import CONTROLS, RACING, Course, Entrant, find_entrants
from bench.regions_load import cut_regions
from bench.regions_reader import Places, Reading, Way
from bench.regions_report import Agreement, ModelStage, Result, compare
from bench.rivals import Rival, export_models, find_missing
from bench.stage import CALLSCOPE, Bench, Speed
from workers.recogniser import load_recogniser

_TURNS = 3


@dataclass(frozen=True, slots=True)
class _Plan:
    paired_s: float
    """Seconds of speech that everyone reads."""
    whole_s: float
    """Seconds that callscope reads alone: what fills an accelerator would take the others hours."""


_PLANS = {"quick": _Plan(20, 20), "cpu": _Plan(300, 300), "accelerator": _Plan(1_200, 36_000)}


def run(bench: Bench) -> ModelStage:
    """Cut the regions, set everyone up, and let them take turns."""
    missing = {rival: find_missing(rival, device=bench.settings.device) for rival in Rival}
    course = _prepare(bench, exporting=not all(missing[rival] for rival in CONTROLS))
    entrants = dict(find_entrants(course, missing))
    racing = {name: entrant for name, entrant in entrants.items() if isinstance(entrant, Entrant)}
    with ExitStack() as stack:
        bench.progress(f"regions: loading {len(racing)} readers")
        readers = {name: stack.enter_context(entrant.start(course)) for name, entrant in racing.items()}
        # What stock FunASR reads in a batch differs in its last digits from what it reads alone.
        first = {
            name: reader.read(course.paired, batch=1 if name == Rival.STOCK else None, tokens=True)
            for name, reader in readers.items()
        }
        turns = []
        for number in range(1, _TURNS + 1):
            bench.progress(f"regions: turn {number} of {_TURNS}, {course.seconds(course.paired):,.0f} s each")
            turns.append({name: reader.read(course.paired) for name, reader in readers.items()})
        alone = []
        if len(course.paired) < len(course.whole):
            bench.progress(f"regions: callscope alone, {course.seconds(course.whole):,.0f} s")
            alone = [readers[CALLSCOPE].read(course.whole) for _ in range(_TURNS)]
    exact = first[Rival.STOCK].tokens if Rival.STOCK in first else None

    def result(name: str, readings: Sequence[Reading], numbers: Sequence[int]) -> Result:
        agreement = compare(first[name].tokens, exact, skipped=_skipped(name)) if exact else None
        return _result(racing[name], readings, course.seconds(numbers), agreement)

    found = {
        name: result(name, [turn[name] for turn in turns], course.paired) if isinstance(entrant, Entrant) else entrant
        for name, entrant in entrants.items()
    }
    return ModelStage(
        speech_s=course.seconds(course.paired),
        regions=len(course.paired),
        turns=_TURNS,
        readers={name: found[name] for name in (CALLSCOPE, *RACING)},
        engines={name: found[name] for name in found if name not in (CALLSCOPE, *RACING)},
        whole=result(CALLSCOPE, alone, course.whole) if alone else None,
        controls={rival: missing[rival] or _control(rival, course, exact) for rival in CONTROLS} if exact else {},
    )


def _prepare(bench: Bench, *, exporting: bool) -> Course:
    plan = _PLANS["quick" if bench.quick else "cpu" if bench.settings.device == "cpu" else "accelerator"]
    places = Places(bench.folder / "regions", bench.folder / "rivals", bench.folder / "logs")
    bench.progress(f"regions: cutting {plan.whole_s:,.0f} s of speech out of the calls")
    with load_recogniser(bench.settings) as recogniser:
        engine = recogniser.engine
        store = cut_regions(
            bench.load,
            recogniser,
            bench.settings,
            folder=places.regions,
            speech_s=plan.whole_s,
            resampled_s=plan.paired_s,
        )
    if exporting:
        models = export_models(
            Path(bench.settings.checkpoint),
            places.models,
            log=places.logs / "rivals-export.log",
            progress=bench.progress,
        )
        places = Places(places.regions, models, places.logs)
    durations = [region.duration_s for region in store.regions]
    starts = accumulate(durations, initial=0.0)
    paired = [number for number, start_s in zip(range(len(durations)), starts, strict=False) if start_s < plan.paired_s]
    return Course(bench, places, engine, durations, paired)


def _control(rival: Rival, course: Course, exact: Sequence[Sequence[int]]) -> Agreement:
    """Return how near a rival in fp32 comes to stock FunASR on a few regions."""
    control = Entrant(rival, Way(1, course.bench.threads, batch=1), course.bench.settings)
    with control.start(course) as readers:
        reading = readers.read(course.probes, tokens=True)
    reference = dict(zip(course.paired, exact, strict=True))
    return compare(reading.tokens, [reference[number] for number in course.probes], skipped=rival.skipped_tokens)


def _skipped(name: str) -> int:
    return Rival(name).skipped_tokens if name in set(Rival) else 0


def _result(entrant: Entrant, readings: Sequence[Reading], speech_s: float, agreement: Agreement | None) -> Result:
    wall_s, cpu_s = sum(reading.wall_s for reading in readings), sum(reading.cpu_s for reading in readings)
    return Result(
        speed=Speed(readings[-1].engine, len(readings) * speech_s, wall_s, cpu_s),
        way=entrant.way,
        peak_mb=readings[-1].peak_mb,
        padding=readings[-1].padding,
        agreement=agreement,
        probed=entrant.probed,
    )
