"""The `callscope` command: a table of the rooms' commands, each loaded when it is called."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass

import click
from rich.console import Console
from rich.text import Text
from typing_extensions import override

from callscope.errors import CallscopeError, UsageError

EXIT_FAILED = 1
EXIT_WRONG_USAGE = 2

TABLE_WIDTH = 150


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """Where a command lives, and what the overview says of it (without importing its room)."""

    where: str
    """``module:attribute`` of a click command."""
    summary: str


COMMANDS = {
    "demo": CommandEntry("standalone.cli:demo", "Run the sample calls through the whole cluster, and show the rows."),
    "up": CommandEntry("standalone.cli:up", "Run the cluster on this machine until stopped."),
    "doctor": CommandEntry("standalone.cli:doctor", "Check settings, servers, checkpoint and device."),
    "analyse": CommandEntry("workers.offline:analyse", "Analyse audio files right here; needs no server."),
    "produce": CommandEntry("producer.cli:produce", "Find recordings and keep the queue topped up."),
    "work": CommandEntry("workers.cli:work", "Run the analysis workers, one process a device."),
    "write": CommandEntry("workers.cli:write", "Run the result writers."),
    "db": CommandEntry("producer.cli:db", "Upgrade the database schema."),
    "reanalyse": CommandEntry("workers.reanalyse:reanalyse", "Derive stored calls anew, after rules have changed."),
    "audit": CommandEntry("producer.cli:audit", "Prove that nothing was lost and nothing is doubled."),
    "dead": CommandEntry("producer.cli:dead", "List dead recordings and replay them."),
    "report": CommandEntry(
        "reports.builtin.cli:report", "Anger after silence, soothing, the brief, hot words, agents."
    ),
    "rules": CommandEntry("callscope.meaning.rules.cli:rules", "Check rules, list them, describe their form."),
    "export": CommandEntry(
        "reports.export.cli:export", "Write tables or one call to files: CSV, Parquet, vCon, subtitles."
    ),
    "compare": CommandEntry("reports.compare:compare_command", "Say what changed between two analysis versions."),
    "serve": CommandEntry("api.cli:serve", "Serve the pages and the HTTP API."),
    "keys": CommandEntry("api.cli:keys", "Make, list and revoke keys of the API."),
    "notify": CommandEntry("reports.outbox.cli:notify", "Send webhooks and mail from the outbox."),
    "outbox": CommandEntry("reports.outbox.cli:outbox", "List messages to others, replay dead ones, try a receiver."),
    "evaluate": CommandEntry("workers.evaluate:evaluate_manifest", "Measure the recogniser on a labelled manifest."),
    "bench": CommandEntry("bench.cli:bench", "Measure callscope beside stock FunASR and others."),
}


class RoomCommands(click.Group):
    """A group whose commands are imported when they are run, so that `--help` costs no torch."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.where.partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise UsageError(
                f"`callscope {cmd_name}` needs a package that isn't installed here: {error.name}",
                why="every role has an extra of its own, so that an image holds only what it runs",
            ) from error
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.command(cls=RoomCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="callscope")
def callscope() -> None:
    """
    Listen to every call: text, speaker, emotion and sound events as rows in Postgres.

    Settings are CALLSCOPE_* variables; `callscope doctor` lists them.
    """


def main() -> None:
    """Run the command line; a named error is told in three parts: what, why, what to do."""
    try:
        callscope(prog_name="callscope")
    except CallscopeError as error:
        tell(error)
        sys.exit(EXIT_WRONG_USAGE if isinstance(error, UsageError) else EXIT_FAILED)


def console() -> Console:
    """Return the standard output; a pipe or a file has no width of its own, and tables need some."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=TABLE_WIDTH)


def tell(error: CallscopeError) -> None:
    """Print a named error on standard error: what happened, why, and what to do."""
    out = Console(stderr=True, soft_wrap=True)
    out.print(Text.assemble((f"{error.code}: ", "bold red"), error.what))
    if error.why:
        out.print(Text.assemble(("why: ", "bold"), error.why))
    out.print(Text.assemble(("do:  ", "bold"), error.advice))
