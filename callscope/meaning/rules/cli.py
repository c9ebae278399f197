"""The commands about rules; they need no server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.table import Table

from callscope.cli import EXIT_FAILED, console
from callscope.meaning.rules.book import check_rules, load_rulebook
from callscope.meaning.rules.schema import Rule, RuleFile
from callscope.settings import load_settings

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def rules() -> None:
    """Check rules, list them, describe their form."""


@rules.command()
@click.argument("folder", type=_FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a mistake.")
def check(folder: Path | None, *, as_json: bool) -> None:
    """
    Tell every mistake in a folder of rules; exit 1 when there is one.

    Without FOLDER: the configured one, or the rules that come with callscope.

    Example: callscope rules check ./rules
    """
    rulebook, mistakes = check_rules(folder or load_settings().rules_folder)
    for mistake in mistakes:
        if as_json:
            fields = {name: getattr(mistake, name) for name in ("file", "line", "what", "why", "advice")}
            click.echo(json.dumps(fields, ensure_ascii=False))
        else:
            click.echo(f"{mistake.file}, line {mistake.line}: {mistake.what}")
            click.echo(f"    why: {mistake.why}")
            click.echo(f"    do:  {mistake.advice}")
    if mistakes:
        sys.exit(EXIT_FAILED)
    if not as_json:
        active = sum(rule.enabled for rule in rulebook.rules)
        off = len(rulebook.rules) - active
        cards = 1 + len(rulebook.scorecards)
        click.echo(f"{rulebook.version}: {active} rules ({off} switched off), {cards} scorecards")


@rules.command("list")
@click.argument("folder", type=_FOLDER, required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a rule, with all its fields.")
def list_rules(folder: Path | None, *, as_json: bool) -> None:
    """
    List the rules of a folder: how grave, what for, who is told.

    Example: callscope rules list --json | jq -r .name
    """
    rulebook = load_rulebook(folder or load_settings().rules_folder)
    if as_json:
        for data in rulebook.as_data()["rules"]:
            click.echo(json.dumps(data, ensure_ascii=False))
        return
    table = Table(title=rulebook.version, header_style="bold")
    for heading in ("rule", "severity", "score", "about", "outranks", "told to"):
        table.add_column(heading, overflow="fold")
    for rule in rulebook.rules:
        name = rule.name if rule.enabled else f"{rule.name} (off)"
        table.add_row(
            name, rule.severity.value, f"{rule.score:g}", rule.about, "\n".join(rule.outranks), _receivers(rule)
        )
    console().print(table)


@rules.command()
def schema() -> None:
    """
    Print the JSON Schema of a file of rules, for editors.

    Example: callscope rules schema > rules.schema.json
    """
    click.echo(json.dumps(RuleFile.model_json_schema(), ensure_ascii=False, indent=2))


def _receivers(rule: Rule) -> str:
    return "\n".join(
        f"webhook {action.webhook}" if action.webhook is not None else f"mail {action.mail}" for action in rule.actions
    )
