"""The `bench` command: run the stages, print the tables, write the document."""

from __future__ import annotations

import importlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from bench.calls import CHANNELS, PROFILES, Load
from bench.checkpoint import PUBLISHED, QUICK, RECIPE, bench_checkpoint
from bench.machine import Hardware, find_command, find_hardware, find_revision, find_versions
from bench.report import document
from bench.stage import Bench, StageResult
from callscope.cli import console
from callscope.errors import UsageError
from callscope.logs import configure_logging
from callscope.settings import Settings, load_settings
from workers.devices import recogniser_options

RESULTS = Path(__file__).resolve().parent / "results"

STAGES: Mapping[str, str] = {
    "regions": "bench.regions",
    "accuracy": "bench.accuracy",
    "host": "bench.host",
    "files": "bench.files",
    "latency": "bench.latency",
    "end-to-end": "bench.cluster",
    "meaning": "bench.meaning",
    "reports": "bench.reports",
    "pages": "bench.pages",
    "crowd": "bench.crowd",
}
"""In the order in which they run; each module has a function `run`."""

SPEED = tuple(stage for stage in STAGES if stage not in {"meaning", "reports", "pages", "crowd"})
"""What a run does when nobody says; the others are about what is stored, and who looks at it."""

_SHAPES = {"published": PUBLISHED, "tiny": QUICK}
_SEED = 1
_SHOWN_CALLS = 100


@click.command()
@click.option(
    "--stages", default=",".join(SPEED), show_default=True, help="Which stages; also meaning, reports, pages, crowd."
)
@click.option("--recordings", help="End to end: so many beside stock; then each alone.  [default: by profile]")
@click.option("--device", help="cpu, or cuda:0.  [default: CALLSCOPE_DEVICE]")
@recogniser_options
@click.option("--threads", type=click.IntRange(min=1), help="Cores for each contender.  [default: all]")
@click.option("--processes", default="1", show_default=True, help="callscope's on the device; 1,2,4: each is tried.")
@click.option("--profile", type=click.Choice(list(PROFILES)), help="Size of the load.  [default: by device]")
@click.option("--shape", type=click.Choice(list(_SHAPES)), default="published", show_default=True, help="Checkpoint.")
@click.option("--output", type=click.Path(path_type=Path), help="JSON file.  [default: bench/results/latest.json]")
@click.option("--json", "as_json", is_flag=True, help="Print the document instead of tables.")
@click.option("--quick", is_flag=True, help="Short for --profile quick, which writes no file unless told to.")
def bench(
    *,
    stages: str,
    recordings: str | None,
    device: str | None,
    engine: str | None,
    dtype: str | None,
    threads: int | None,
    processes: str,
    profile: str | None,
    shape: str,
    output: Path | None,
    as_json: bool,
    quick: bool,
) -> None:
    """
    Measure callscope beside stock FunASR and other runtimes, on a load of calls that the bench makes itself.

    Example: callscope bench --stages regions,files --threads 1
    """
    given = {"device": device, "engine": engine, "dtype": dtype}
    settings = load_settings().model_copy(update={name: value for name, value in given.items() if value})
    configure_logging(settings)
    chosen = _parse_stages(stages)
    profile = "quick" if quick else profile or ("cpu" if settings.device == "cpu" else "gpu")
    quick, plan = profile == "quick", PROFILES[profile]
    began = time.monotonic()
    told = Console(stderr=True)

    def progress(step: str) -> None:
        told.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {step}", highlight=False)

    folder = (settings.state_folder / "bench").resolve()
    progress(f"checkpoint of the {shape} shape")
    checkpoint = bench_checkpoint(folder / f"checkpoint-{RECIPE}-{shape}", _SHAPES[shape])
    work = Bench(
        settings=settings.model_copy(
            update={
                "checkpoint": str(checkpoint),
                "vad_checkpoint": str(checkpoint / "vad"),
                "cpu_threads": threads or settings.cpu_threads or len(os.sched_getaffinity(0)),
            }
        ),
        load=Load(folder / "calls", mean_ms=plan.mean_ms, seed=_SEED),
        folder=folder,
        quick=quick,
        progress=progress,
        recordings=_parse_counts("--recordings", recordings) if recordings else plan.recordings,
        paired_files=plan.paired_files,
        files=plan.files,
        processes=_parse_counts("--processes", processes),
    )
    hardware = find_hardware()
    header = _header(work, hardware, shape=shape)
    output = output or (None if quick else RESULTS / _file_name(settings, hardware))
    results: dict[str, StageResult] = {}
    told_document: dict[str, object] = {}
    for stage in chosen:
        results[stage.replace("-", "_")] = _load(stage)(work)
        told_document = document(header | {"took_s": round(time.monotonic() - began)}, results)
        if output:  # after each stage, for a later one may fail
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(json.dumps(told_document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(told_document, ensure_ascii=False))
    else:
        out = console()
        for result in results.values():
            for table in result.tables():
                out.print(table)
    if output:
        progress(f"written to {output}")


def _load(stage: str) -> Callable[[Bench], StageResult]:
    run: Callable[[Bench], StageResult] = importlib.import_module(STAGES[stage]).run
    return run


def _parse_stages(text: str) -> list[str]:
    """Return the stages that are named, in the order in which they run."""
    named = {name.strip() for name in text.split(",")}
    if unknown := named - STAGES.keys():
        raise UsageError(f"there is no stage {', '.join(sorted(unknown))}", why=f"there are {', '.join(STAGES)}")
    return [stage for stage in STAGES if stage in named]


def _parse_counts(option: str, text: str) -> tuple[int, ...]:
    counts = text.split(",")
    if not all(count.strip().isdigit() and int(count) for count in counts):
        raise UsageError(f"{option} {text!r} isn't a list of numbers", why="it looks like 100,1000")
    return tuple(map(int, counts))


def _file_name(settings: Settings, hardware: Hardware) -> str:
    """Return where the document goes: a GPU's stands beside the CPU's, under the GPU's name."""
    if settings.device == "cpu":
        return "latest.json"
    name = hardware.gpus[0].partition(",")[0] if hardware.gpus else settings.device
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".json"


def _header(work: Bench, hardware: Hardware, *, shape: str) -> dict[str, object]:
    settings = work.settings
    calls = work.load.plan(_SHOWN_CALLS)
    duration_ms = sum(call.duration_ms for call in calls)
    speech_ms = sum(call.speech_share(channel) * call.duration_ms for call in calls for channel in range(CHANNELS))
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": find_revision(),
        "command": find_command(),
        "hardware": hardware.as_data(),
        "versions": find_versions(),
        "settings": {
            "shape": shape,
            "device": settings.device,
            "engine": settings.engine,
            "dtype": settings.dtype,
            "threads": work.threads,
            "processes": work.processes,
            "quick": work.quick,
        },
        "load": {
            "seed": work.load.seed,
            "mean_s": round(duration_ms / len(calls) / 1000, 1),
            "longest_s": max(call.duration_ms for call in calls) / 1000,
            "speech_share": round(speech_ms / duration_ms / CHANNELS, 3),
            "of_calls": len(calls),
        },
    }
