"""A labelled manifest through the very code that the workers run, and how near the result comes to the labels."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

from callscope.calls import CallMetadata
from callscope.cli import EXIT_FAILED, console
from callscope.errors import CallscopeError, DeviceLost, Outage, UsageError
from callscope.evaluation.manifest import BadRow, CallLabels, Row, read_manifest
from callscope.evaluation.observe import Observation, Region, observe_call, observe_clip
from callscope.evaluation.outcome import Evaluation, Setup, evaluate
from callscope.evaluation.page import render_page
from callscope.evaluation.screen import show
from callscope.logs import configure_logging
from callscope.meaning.interpret import Interpreter
from callscope.pipeline import AnalysisOptions, listen
from callscope.ports import Clip, Recogniser
from callscope.settings import Settings, load_settings
from callscope.sound.audio import Audio, AudioLimits, decode
from callscope.timeline import Interval
from workers.devices import recogniser_options, recordings_in_flight
from workers.recogniser import load_recogniser

LONGEST_CLIP_MS = 30_000
"""That the recogniser reads in one go."""

_EVALUATION = TypeAdapter(Evaluation)


def observe_row(
    row: Row, recogniser: Recogniser, settings: Settings, interpreter: Interpreter, *, whole_clips: bool
) -> Observation:
    """
    Hear one row's recording and compare it with its labels.

    Raises
    ------
    PermanentFailure
        The file isn't a recording; the type says why.
    UsageError
        The labels don't fit the file.
    RecogniserFailed
        The recogniser raised on it.
    """
    audio = decode(row.audio, limits=AudioLimits(max_duration_ms=settings.max_duration_ms))
    duration_ms = audio.facts.duration_ms
    options = AnalysisOptions.for_call(settings, audio.facts)
    if isinstance(row.labels, CallLabels):
        if row.labels.channels > len(audio.channels):
            raise UsageError(
                f"labels name channel {row.labels.channels - 1}, and the recording has {len(audio.channels)}",
                why="channels count from 0; those that carry the same sound are one",
            )
        hearing = listen(audio, recogniser, options)
        regions = [Region.of_segment(segment) for segment in hearing.segments]
        meaning = interpreter.interpret(hearing, CallMetadata()).meaning
        return observe_call(row.labels, regions, meaning.events, duration_ms=duration_ms)
    if whole_clips:
        return observe_clip(row.labels, _read_whole(audio, recogniser), duration_ms=duration_ms)
    # Nothing of a clip's figures rests on pitch, which takes as long as all else.
    segments = listen(audio, recogniser, replace(options, pitch=False)).segments
    return observe_clip(row.labels, [Region.of_segment(segment) for segment in segments], duration_ms=duration_ms)


def observe_rows(
    rows: Sequence[Row], recogniser: Recogniser, settings: Settings, *, whole_clips: bool
) -> Generator[tuple[Row, Future[Observation]]]:
    """Compare rows beside each other; yield each, in their order, once it is done or has failed."""
    interpreter = Interpreter.of(settings)
    threads = ThreadPoolExecutor(recordings_in_flight(settings))
    try:
        waiting = [
            (row, threads.submit(observe_row, row, recogniser, settings, interpreter, whole_clips=whole_clips))
            for row in rows
        ]
        for row, future in waiting:
            future.exception()  # waits
            yield row, future
    finally:
        # After Ctrl-C the recogniser is closed, and with it ends what still runs.
        threads.shutdown(wait=False, cancel_futures=True)


@click.command("evaluate")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--precision", type=click.FloatRange(0, 1, min_open=True), default=0.9, show_default=True, help="Of ANGRY."
)
@click.option("--whole-clips", is_flag=True, help="Read each clip as one region, without looking for speech in it.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many rows, from the first.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with plots to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option("--checkpoint", help="demo, a folder, or iic/SenseVoiceSmall.  [default: CALLSCOPE_CHECKPOINT]")
@click.option("--device", help="cpu, cuda:0, ...  [default: CALLSCOPE_DEVICE]")
@recogniser_options
def evaluate_manifest(
    manifest: Path,
    *,
    precision: float,
    whole_clips: bool,
    limit: int | None,
    html: Path | None,
    as_json: bool,
    **chosen: str | None,
) -> None:
    """
    Measure the recogniser on a MANIFEST of labelled clips and calls (see docs/evaluation.md).

    Error rates by language, emotions with their confusion and calibration, events, the bounds of silences and
    crosstalks, and the threshold on ANGRY that gives a wanted precision. A row that can't be read is told at the end,
    and the rest is evaluated.

    Example: callscope evaluate samples/manifest.jsonl --precision 0.9 --html evaluation.html
    """
    if html and not html.parent.is_dir():
        raise UsageError(f"there is no folder {html.parent} to write {html.name} to")
    settings = load_settings().model_copy(update={name: value for name, value in chosen.items() if value})
    configure_logging(settings)
    rows, bad = read_manifest(manifest, limit=limit)
    observations = []
    told = Console(stderr=True)
    with closing(load_recogniser(settings)) as recogniser, Progress(console=told, transient=True) as progress:
        step = progress.add_task(manifest.name, total=len(rows))
        for row, found in observe_rows(rows, recogniser, settings, whole_clips=whole_clips):
            try:
                observations.append(found.result())
            except (DeviceLost, Outage):
                raise
            except CallscopeError as error:
                bad.append(BadRow.of(row.line, error))
            progress.advance(step)
    outcome = evaluate(
        Setup(manifest.name, recogniser.checkpoint, recogniser.engine, recogniser.device, whole_clips=whole_clips),
        observations,
        sorted(bad, key=lambda row: row.line),
        wanted_precision=precision,
    )
    if html:
        html.write_text(render_page(outcome), encoding="utf-8")
    if as_json:
        click.echo(_EVALUATION.dump_json(outcome).decode())
    else:
        console().print(show(outcome))
    for fault in outcome.bad_rows:
        why = f" ({fault.why})" if fault.why else ""
        told.print(Text(f"{manifest.name}, line {fault.line}: {fault.code}: {fault.what}{why}"), soft_wrap=True)
    if outcome.bad_rows:
        sys.exit(EXIT_FAILED)


def _read_whole(audio: Audio, recogniser: Recogniser) -> list[Region]:
    duration_ms = audio.facts.duration_ms
    if duration_ms > LONGEST_CLIP_MS:
        raise UsageError(
            f"the clip lasts {duration_ms / 1_000:.1f} s",
            why="the recogniser reads 30 s in one go: leave out --whole-clips",
        )
    whole = Interval(0, duration_ms)
    transcripts = recogniser.transcribe([Clip(channel, whole) for channel in audio.channels])
    return [Region.of_transcript(number, whole, transcript) for number, transcript in enumerate(transcripts)]
