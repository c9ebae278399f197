"""`callscope export`: tables to CSV, Parquet and JSON; a call to subtitles, vCon and JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from callscope.calls import AnalysedCall
from callscope.cli import EXIT_FAILED
from callscope.comparison import find_version
from callscope.errors import NotStored
from callscope.exports.document import to_document
from callscope.exports.masking import masked
from callscope.exports.subtitles import to_srt, to_webvtt
from callscope.exports.vcon import to_vcon
from callscope.settings import load_settings
from callscope.sound.audio import AudioLimits
from callscope.storage import open_storage
from callscope.storage.landing import landing
from models import extracts
from models.comparison import list_versions
from models.extracts import Extract, Row, Selection
from models.reading import read_named_call
from models.session import connected, transaction
from reports.export.files import WRITERS
from reports.export.labels import export_labels


def _as_json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


_CALL_FORMATS: Mapping[str, Callable[[AnalysedCall], str]] = {
    "srt": to_srt,
    "vtt": to_webvtt,
    "vcon": lambda call: _as_json(to_vcon(call)),
    "json": lambda call: _as_json(to_document(call)),
}

_DAY = click.DateTime(["%Y-%m-%d"])
_output = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; it appears whole or not at all.  [default: standard output]",
)
_clear = click.option(
    "--clear", is_flag=True, help="Order, card and other numbers too, where they were stored in clear, and in texts."
)


@click.group()
def export() -> None:
    """
    Write stored calls to files: a table of many calls, or one call whole.

    Tables speak of the current analysis of each recording.
    """


def _table_command(name: str) -> click.Command:
    """Return the command that exports one table."""

    @click.command(name)
    @click.option("--format", "form", type=click.Choice(list(WRITERS)), default="csv", show_default=True)
    @click.option("--from", "first", type=_DAY, help="Only calls of this UTC date and later.")
    @click.option("--to", "last", type=_DAY, help="Only calls of this UTC date and earlier.")
    @click.option("--queue", help="Only calls that came through this queue.")
    @click.option("--agent", "agent_id", help="Only calls that this agent took.")
    @_clear
    @_output
    def command(
        *,
        form: str,
        first: datetime | None,
        last: datetime | None,
        queue: str | None,
        agent_id: str | None,
        clear: bool,
        output: Path | None,
    ) -> None:
        if form == "parquet" and output is None:
            raise click.UsageError("a Parquet file is no text: say where it goes with -o FILE")
        selection = Selection(first.date() if first else None, last.date() if last else None, queue, agent_id)
        extract = extracts.extract(name)
        with (
            connected(load_settings().require_database_url()) as engine,
            transaction(engine) as session,
            _opened(output) as file,
        ):
            portions = extracts.stream(session, name, selection, clear=clear)
            WRITERS[form](file, extract, _told(portions, extract, is_file=output is not None))

    command.help = (
        f"Write {extracts.about(name)}.\n\n"
        f"Example: callscope export {name} --from 2026-11-01 --format parquet -o {name}.parquet"
    )
    command.short_help = extracts.about(name).capitalize() + "."
    return command


for _name in extracts.NAMES:
    export.add_command(_table_command(_name))


@export.command("call")
@click.argument("name", metavar="ID")
@click.option("--format", "form", type=click.Choice(list(_CALL_FORMATS)), default="json", show_default=True)
@click.option("--version", "version_name", help="Analysis version, or a part of its name.  [default: the current one]")
@_clear
@_output
def export_call(*, name: str, form: str, version_name: str | None, clear: bool, output: Path | None) -> None:
    """
    Write one call: subtitles (srt, vtt with voices and emotions), an IETF vCon, or all that is known as JSON.

    ID is the number of the call in the telephony system, else the recording's key, else its number in callscope.

    Example: callscope export call 20261109-0042 --format vtt -o call.vtt
    """
    settings = load_settings()
    with connected(settings.require_database_url()) as engine, transaction(engine) as session:
        version = None
        if version_name is not None:
            version = find_version(version_name, [stored.version for stored in list_versions(session)])
        call = read_named_call(session, name, bucket=settings.bucket, version=version)
    if call is None:
        raise NotStored(
            f"there is no analysis of a call named {name}",
            why=f"none is stored under {version.name}" if version else "no recording of that name has a result",
        )
    text = _CALL_FORMATS[form](call if clear else masked(call))
    with _opened(output) as file:
        file.write(text.encode())


@export.command("labels")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def export_labels_command(folder: Path) -> None:
    """
    Write what people corrected into FOLDER: a clip each, and the manifest.jsonl that `callscope evaluate` reads.

    A recording that isn't in the store any more is told on standard error, and the others go on.

    Example: callscope export labels labels/ && callscope evaluate labels/manifest.jsonl
    """
    settings = load_settings()
    with connected(settings.require_database_url()) as engine:
        limits = AudioLimits(max_duration_ms=settings.max_duration_ms)
        labels = export_labels(engine, open_storage(settings), folder, limits=limits)
    out = Console(stderr=True, soft_wrap=True)
    for lost in labels.lost:
        out.print(f"{lost.key}: {lost.why}", highlight=False)
    out.print(f"{labels.clips:,} clips in {folder / 'manifest.jsonl'}", highlight=False)
    if labels.lost:
        sys.exit(EXIT_FAILED)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with landing(output) as file:
            yield file


def _told(portions: Iterator[list[Row]], extract: Extract, *, is_file: bool) -> Iterator[Sequence[Row]]:
    """Pass the rows on and count them on the terminal; where they go to the terminal, they are their own progress."""
    out, count = Console(stderr=True, quiet=not is_file), 0
    with out.status(f"{extract.name}: reading") as status:
        for portion in portions:
            yield portion
            count += len(portion)
            status.update(f"{extract.name}: {count:,} rows")
    out.print(f"{extract.name}: {count:,} rows")
