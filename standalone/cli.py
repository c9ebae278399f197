"""The commands of one machine."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.syntax import Syntax

from callscope.cli import EXIT_FAILED, TABLE_WIDTH, console
from callscope.logs import configure_logging
from callscope.processes import stop_signals
from callscope.settings import Settings, load_settings
from models.session import connected
from standalone import demo as samples_demo
from standalone.doctor import examine, shown_settings
from standalone.machine import Machine, run_machine
from standalone.report import calls_table, legend, progress_table, rows_table
from standalone.servers.postgres import find_psql
from workers.devices import parse_devices

_CHECK_EVERY_S = 0.2


@click.command()
@click.option("--store", type=click.Choice(["folder", "s3"]), help="Kind of object store.  [default: CALLSCOPE_STORE]")
@click.option("--devices", help="cpu, or cuda:0,cuda:1: one worker each.  [default: CALLSCOPE_DEVICE]")
def up(store: str | None, devices: str | None) -> None:
    """
    Run the cluster on this machine until stopped; its data stays under .callscope/.

    Example: callscope up --store s3
    """
    settings = _with_store(load_settings(), store)
    configure_logging(settings)
    told = Console(stderr=True)
    with (
        stop_signals() as stopping,
        run_machine(settings, devices=_devices(settings, devices), on_step=told.print, pages=True) as machine,
    ):
        _tell_where(told, machine)
        while not stopping():
            for ended in machine.check():
                told.print(f"{ended.name} ended with {ended.code}; it starts again in {ended.restart_in_ms} ms")
            time.sleep(_CHECK_EVERY_S)


@click.command()
@click.option("--store", type=click.Choice(["folder", "s3"]), help="Kind of object store.  [default: CALLSCOPE_STORE]")
@click.option("--devices", help="cpu, or cuda:0,cuda:1: one worker each.  [default: CALLSCOPE_DEVICE]")
@click.option("--keep", is_flag=True, help="Leave the cluster running until stopped.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as data.")
@click.option("--picture", type=click.Path(path_type=Path), help="Also draw the table of calls into this SVG file.")
def demo(store: str | None, devices: str | None, *, keep: bool, as_json: bool, picture: Path | None) -> None:
    """
    Run the sample calls through the whole cluster, and show the rows they became.

    Example: callscope demo --store s3 --keep
    """
    began = time.monotonic()
    settings = samples_demo.demo_settings(_with_store(load_settings(), store))
    configure_logging(settings)
    samples_demo.forget_last_demo(settings)
    samples = samples_demo.read_samples()
    progress_console = Console(stderr=as_json)

    def on_step(step: str) -> None:
        progress_console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {step}", highlight=False)

    with (
        stop_signals() as stopping,
        run_machine(settings, devices=_devices(settings, devices), on_step=on_step, pages=keep) as machine,
        connected(machine.settings.require_database_url()) as engine,
    ):
        samples_demo.upload(machine.settings, samples)
        on_step(f"dropped {len(samples)} recordings into the bucket")
        with Live(console=progress_console, auto_refresh=False) as live:
            samples_demo.follow(
                machine, engine, samples, on_progress=lambda rows: live.update(progress_table(rows), refresh=True)
            )
        progress_console.print()
        outcome = samples_demo.look_up(engine, machine.settings, samples)
        wall_s = round(time.monotonic() - began, 1)
        if picture:
            picture.write_text(_draw(outcome), encoding="utf-8")
        if as_json:
            click.echo(json.dumps(_as_data(outcome, wall_s), ensure_ascii=False))
        else:
            _show(console(), outcome)
            _tell_where(progress_console, machine)
        if keep:
            progress_console.print("running until Ctrl-C; drop more recordings on the page, or into the bucket")
            while not stopping():
                machine.check()
                time.sleep(_CHECK_EVERY_S)
    if not outcome.went_well:
        sys.exit(EXIT_FAILED)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print settings and checks as data.")
def doctor(*, as_json: bool) -> None:
    """
    Check settings, servers, checkpoint and device; exit 1 when something is missing.

    Example: CALLSCOPE_DEVICE=cuda:0 callscope doctor
    """
    settings = load_settings()
    configure_logging(settings)
    checks = examine(settings)
    shown = shown_settings(settings)
    if as_json:
        document = {
            "settings": {name: value for name, value, _ in shown},
            "checks": [{"name": check.name, "ok": check.ok, "told": check.told} for check in checks],
        }
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        out = console()
        out.print(rows_table("Settings", ("variable", "value", "meaning"), shown))
        rows = [("ok" if check.ok else "MISSING", check.name, check.told) for check in checks]
        out.print(rows_table("Checks", ("", "what", "found"), rows))
    if not all(check.ok for check in checks):
        sys.exit(EXIT_FAILED)


def _with_store(settings: Settings, store: str | None) -> Settings:
    return settings.model_copy(update={"store": store}) if store else settings


def _devices(settings: Settings, devices: str | None) -> tuple[str, ...]:
    return parse_devices(devices or settings.device)


def _tell_where(out: Console, machine: Machine) -> None:
    """Say where the rows, the bucket and the monitor are."""
    settings = machine.settings
    where = f"{settings.store_folder / settings.bucket}/" if settings.store == "folder" else settings.s3_endpoint
    facts = [("rows", f'{find_psql()} "{_for_psql(settings)}"'), ("bucket", f"{settings.bucket} in {where}")]
    if pages := machine.pages:
        facts.insert(0, ("pages", pages.url))
        if pages.key:
            facts.insert(1, ("key", f"{pages.key}   kept in {pages.key_file}"))
    if flower := machine.cluster.flower:
        facts.append(("Flower", f"{flower.url}   login {flower.user}, password {flower.password}"))
    facts.append(("ask it", f". {machine.running_file}; callscope audit"))
    facts.append(("logs", f"{settings.state_folder / 'logs'}/"))
    for name, fact in facts:
        out.print(f"[bold]{name:8}[/]{fact}", highlight=False, soft_wrap=True)


def _for_psql(settings: Settings) -> str:
    return settings.require_database_url().replace("postgresql+psycopg2://", "postgresql://", 1)


def _draw(outcome: samples_demo.Outcome) -> str:
    canvas = Console(record=True, width=TABLE_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    canvas.print(calls_table(outcome.calls))
    canvas.print(legend())
    # Rich asks a CDN for a font; any fixed-width one does.
    return re.sub(r"@font-face \{[^}]*\}", "", canvas.export_svg(title="callscope demo"))


def _show(out: Console, outcome: samples_demo.Outcome) -> None:
    out.print(calls_table(outcome.calls))
    out.print(legend())
    score = outcome.score
    out.print(
        f"against the references: CER {score.cer:.1%}, languages {score.languages.share:.0%}, "
        f"emotions {score.emotions.share:.0%}, roles {score.roles.share:.0%}, sounds {score.events.share:.0%}, "
        f"silences {score.silences.share:.0%}, crosstalk {score.crosstalks.share:.0%}\n",
        highlight=False,
    )
    for answer in outcome.answers:
        out.print(Syntax(answer.sql.strip(), "sql", background_color="default", word_wrap=True))
        out.print(rows_table(answer.question, answer.headings, answer.rows))
    out.print("The model is a small one, trained on synthetic speech: it is here to be tried, not for people's calls.")


def _as_data(outcome: samples_demo.Outcome, wall_s: float) -> dict[str, object]:
    recordings = [
        {
            "key": call.key,
            "state": call.state,
            "duration_ms": call.duration_ms,
            "segments": len(call.segments),
            "emotions": Counter(segment.emotion.value for segment in call.segments if segment.is_speech),
            "events": Counter(event.kind.value for event in call.events),
            "languages": [language.value for language in call.languages],
            "cer": call.cer,
        }
        for call in outcome.calls
    ]
    return {"wall_s": wall_s, "cer": outcome.score.cer, "recordings": recordings}
