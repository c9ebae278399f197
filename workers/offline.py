"""Files analysed right here, by the very code that the workers run: no server, no queue, no rows."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import click
from pydantic import TypeAdapter
from rich.table import Table

from callscope.calls import CallAnalysis, CallMetadata, Hearing, Language, Origin
from callscope.cli import EXIT_FAILED, console, tell
from callscope.errors import CallscopeError, UsageError
from callscope.logs import configure_logging
from callscope.meaning.interpret import Interpreter
from callscope.pipeline import AnalysisOptions, listen
from callscope.ports import Recogniser
from callscope.settings import Settings, load_settings
from callscope.sound.audio import AudioLimits, decode
from workers.devices import recogniser_options, recordings_in_flight
from workers.recogniser import load_recogniser

_ANALYSIS = TypeAdapter(CallAnalysis)


def as_document(analysis: CallAnalysis) -> dict[str, object]:
    """Return an analysis as one flat JSON object: what was heard and what it means side by side."""
    whole = _ANALYSIS.dump_python(analysis, mode="json")
    del whole["hearing"]["waveform"]
    return {"version": whole["version"], **whole["hearing"], **whole["meaning"]}


def hear_file(path: Path, recogniser: Recogniser, settings: Settings, *, language: Language | None = None) -> Hearing:
    """
    Decode one file and hear it: a worker's share of an analysis.

    Raises
    ------
    PermanentFailure
        The file isn't a call that can be analysed; the type says why.
    RecogniserFailed
        The recogniser raised on it.
    """
    audio = decode(path, limits=AudioLimits(max_duration_ms=settings.max_duration_ms))
    options = AnalysisOptions.for_call(settings, audio.facts, language=language)
    return listen(audio, recogniser, options)


def analyse_file(
    path: Path,
    recogniser: Recogniser,
    settings: Settings,
    interpreter: Interpreter,
    *,
    language: Language | None = None,
) -> CallAnalysis:
    """
    Hear one file and derive what it means.

    Raises
    ------
    PermanentFailure
        The file isn't a call that can be analysed; the type says why.
    RecogniserFailed
        The recogniser raised on it.
    """
    return interpreter.interpret(hear_file(path, recogniser, settings, language=language), CallMetadata())


def analyse_files(
    paths: Sequence[Path], recogniser: Recogniser, settings: Settings, *, language: Language | None = None
) -> Generator[tuple[Path, Future[CallAnalysis]]]:
    """Analyse files beside each other; yield each, in their order, once it is done or has failed."""
    interpreter = Interpreter.of(settings)
    threads = ThreadPoolExecutor(min(len(paths), recordings_in_flight(settings)))
    waiting = deque(
        (path, threads.submit(analyse_file, path, recogniser, settings, interpreter, language=language))
        for path in paths
    )
    try:
        while waiting:
            path, future = waiting.popleft()
            future.exception()  # waits
            yield path, future
    finally:
        # After Ctrl-C the recogniser is closed, and with it ends what still runs.
        threads.shutdown(wait=False, cancel_futures=True)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, each on a line.")
@click.option(
    "--language",
    type=click.Choice([tag.value for tag in Language if tag is not Language.NOSPEECH]),
    help="Spoken language, when it is known.",
)
@click.option("--checkpoint", help="demo, a folder, or iic/SenseVoiceSmall.  [default: CALLSCOPE_CHECKPOINT]")
@click.option("--device", help="cpu, cuda:0, ...  [default: CALLSCOPE_DEVICE]")
@recogniser_options
def analyse(files: tuple[Path, ...], *, as_json: bool, language: str | None, **chosen: str | None) -> None:
    """
    Analyse audio FILES right here; needs no server.

    Several files share the device's batches; what is printed is in their order. A file that can't be analysed is told
    on standard error, and the others go on.

    Example: callscope analyse samples/shipping-delay-zh.wav --json | jq .segments
    """
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise UsageError(f"{missing[0]} isn't a file")
    settings = load_settings().model_copy(update={name: value for name, value in chosen.items() if value})
    configure_logging(settings)
    failed = False
    with closing(load_recogniser(settings)) as recogniser:
        for path, found in analyse_files(
            files, recogniser, settings, language=Language(language) if language else None
        ):
            try:
                analysis = found.result()
            except CallscopeError as error:
                failed = True
                tell(type(error)(f"{path}: {error.what}", why=error.why))
                continue
            if as_json:
                document = {"file": str(path), **as_document(analysis)}
                click.echo(json.dumps(document, ensure_ascii=False))
            else:
                _show(path, analysis)
    if failed:
        sys.exit(EXIT_FAILED)


def _show(path: Path, analysis: CallAnalysis) -> None:
    out = console()
    table = Table(title=str(path), title_justify="left", header_style="bold")
    for heading in ("from", "to", "who", "language", "emotion", "event"):
        table.add_column(heading, no_wrap=True)
    table.add_column("text", overflow="fold")
    for segment in analysis.hearing.segments:
        table.add_row(
            f"{segment.start_ms / 1000:.2f}",
            f"{segment.end_ms / 1000:.2f}",
            f"{segment.channel} {segment.role.value}",
            segment.language.value,
            f"{segment.emotion.value} {segment.emotion_distribution[segment.emotion]:.2f}",
            segment.event.value,
            segment.text,
        )
    out.print(table)
    for event in analysis.meaning.events:
        if event.origin is Origin.DERIVED:
            seconds = (event.end_ms - event.start_ms) / 1000
            out.print(f"{event.start_ms / 1000:8.2f}  {event.kind.value.lower()} {seconds:.2f} s, {event.owner.value}")
