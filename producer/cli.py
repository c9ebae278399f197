"""The producer's commands, and those that only ask the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from callscope.logs import configure_logging
from callscope.processes import stop_signals
from callscope.settings import Settings, load_settings
from models import ledger
from models.session import Engine, connect, transaction
from models.session import upgrade as upgrade_schema
from producer import run


@click.command()
@click.option("--once", is_flag=True, help="Enter what is stable now, send one portion, and end.")
def produce(*, once: bool) -> None:
    """
    Find recordings and keep the queue topped up until stopped.

    Run one; a second one is harmless.

    Example: CALLSCOPE_BUCKET=recordings callscope produce
    """
    settings = load_settings()
    configure_logging(settings)
    with stop_signals() as stopping:
        run.produce(settings, stopping=stopping, once=once)


@click.group()
def dead() -> None:
    """List recordings that were given up, and let them be analysed again."""


@dead.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The latest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a recording, with its attempt log.")
def dead_list(*, limit: int, as_json: bool) -> None:
    """
    List recordings that were given up: where, why, after how many attempts.

    Example: callscope dead list --json | jq -r .key
    """
    with _engine(load_settings()) as engine, transaction(engine) as session:
        recordings = ledger.list_dead(session, limit=limit)
    if as_json:
        for recording in recordings:
            document = TypeAdapter(ledger.DeadRecording).dump_python(recording, mode="json")
            click.echo(json.dumps(document, ensure_ascii=False))
        return
    table = Table(header_style="bold")
    for heading in ("id", "key", "stage", "code", "message", "attempts"):
        table.add_column(heading, overflow="fold")
    for one in recordings:
        table.add_row(str(one.recording_id), one.key, one.stage, one.code, one.message, str(one.attempts))
    Console().print(table)


@dead.command("replay")
@click.argument("recording_ids", nargs=-1, type=int)
@click.option("--all", "every", is_flag=True, help="Every dead recording.")
def dead_replay(recording_ids: tuple[int, ...], *, every: bool) -> None:
    """
    Let dead recordings be analysed again, with all their attempts before them.

    Example: callscope dead replay 17 23
    """
    if every == bool(recording_ids):
        raise click.UsageError("name recordings by their id, or say --all")
    with _engine(load_settings()) as engine, transaction(engine) as session:
        count = ledger.replay(session, recording_ids=None if every else recording_ids)
    click.echo(f"{count} recording(s) wait again")


@click.group()
def db() -> None:
    """Look after the database's schema."""


@db.command("upgrade")
def db_upgrade() -> None:
    """
    Bring the schema to this version, and make the partitions of the months around now.

    Example: CALLSCOPE_DATABASE_URL=postgresql://… callscope db upgrade
    """
    settings = load_settings()
    configure_logging(settings)
    upgrade_schema(settings.require_database_url())
    click.echo("the schema is up to date")


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings.require_database_url())
    try:
        yield engine
    finally:
        engine.dispose()
