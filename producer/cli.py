"""The producer's commands, and those that only ask the ledger."""

from __future__ import annotations

import json
import sys
from datetime import datetime

import click
from pydantic import TypeAdapter
from rich.table import Table

from callscope.cli import EXIT_FAILED, console
from callscope.logs import configure_logging
from callscope.processes import stop_signals
from callscope.settings import load_settings
from callscope.storage import open_storage
from models import call_index, ledger
from models.audit import AuditReport
from models.session import connected, transaction
from models.session import upgrade as upgrade_schema
from producer import run

SHOWN_OFFENDERS = 10
INDEXED_AT_ONCE = 200


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
    with connected(load_settings().require_database_url()) as engine, transaction(engine) as session:
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
    console().print(table)


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
    with connected(load_settings().require_database_url()) as engine, transaction(engine) as session:
        count = ledger.replay(session, recording_ids=None if every else recording_ids)
    click.echo(f"{count} recording(s) wait again")


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only calls of this UTC date and later.")
@click.option("--json", "as_json", is_flag=True, help="The whole report as one JSON object.")
def audit(*, since: datetime | None, as_json: bool) -> None:
    """
    Prove that nothing was lost and nothing is doubled (P1 to P3), on the live system; exit 1 when it isn't so.

    Example: callscope audit --since 2026-11-01 --json | jq .missing
    """
    settings = load_settings()
    configure_logging(settings)
    with connected(settings.require_database_url()) as engine:
        report = run.audit(settings, open_storage(settings), engine, since=since.date() if since else None)
    if as_json:
        document = TypeAdapter(AuditReport).dump_python(report, mode="json")
        click.echo(json.dumps({"clean": report.clean, **document}, ensure_ascii=False))
    else:
        _show(report)
    sys.exit(0 if report.clean else EXIT_FAILED)


def _show(report: AuditReport) -> None:
    table = Table(header_style="bold")
    for heading in ("promise", "holds", "broken by"):
        table.add_column(heading, overflow="fold")
    for promise, offenders in (
        ("P1 every listed recording is in the ledger", [ref.key for ref in report.missing]),
        ("P1 none is stuck on its way", report.stuck),
        ("P1 every finished one has its result", report.without_result),
        ("P1, P3 every dead or skipped one has a reason", report.without_reason),
        ("P2 rows are those of one whole result", report.incomplete),
        ("P2 one result for each analysis version", report.doubled),
        ("P3 no more attempts than allowed", report.beyond_attempts),
    ):
        shown = ", ".join(str(one) for one in offenders[:SHOWN_OFFENDERS])
        more = f" and {len(offenders) - SHOWN_OFFENDERS} more" if len(offenders) > SHOWN_OFFENDERS else ""
        table.add_row(promise, "no" if offenders else "yes", shown + more, style="red" if offenders else None)
    out = console()
    out.print(table)
    counted = ", ".join(f"{count} {state.value}" for state, count in report.states.items() if count)
    out.print(f"{report.listed_count} listed, {report.analysis_count} analyses; recordings: {counted or 'none'}")


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
    url = settings.require_database_url()
    upgrade_schema(url)
    click.echo("the schema is up to date")
    with connected(url) as engine, transaction(engine) as session:
        if not call_index.is_complete(session):
            click.echo("some calls are missing from the list's filters: run `callscope db index`")


@db.command("index")
def db_index() -> None:
    """
    Let the list's filters and its search find the calls that were stored before there were any.

    New calls need no command. It may be stopped, and goes on where it ended.

    Example: callscope db index
    """
    settings = load_settings()
    configure_logging(settings)
    after_id: int | None = 0
    with connected(settings.require_database_url()) as engine:
        while after_id is not None:
            with transaction(engine) as session:
                after_id = call_index.fill(session, after_id=after_id, limit=INDEXED_AT_ONCE)
    click.echo("every call can be found")
