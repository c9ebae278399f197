"""The `report` commands: each asks the database once, and shows, writes or mails what it found."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import click

from callscope.calls import Language
from callscope.cli import TABLE_WIDTH, console
from callscope.errors import UsageError
from callscope.logs import configure_logging
from callscope.meaning.rules.book import load_rulebook
from callscope.moments import days_before
from callscope.settings import Settings, load_settings
from callscope.targets import load_targets
from models.figures import MIN_SILENCE_MS
from models.reports import Grouping, Scope, has_calls, send_brief, stored_dates, today
from models.session import Session, connected, require_schema, transaction
from reports.builtin import agents, anger, brief, render, soothing, words
from reports.builtin.document import Document, Section
from reports.builtin.show import percent

DEFAULT_DAYS = 30

_DATE = click.DateTime(["%Y-%m-%d"])

_Command = Callable[..., None]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which calls a report is wanted of."""

    first: datetime | None
    last: datetime | None
    queue: str | None
    agent_id: str | None

    def scope(self, session: Session) -> Scope:
        """Return them with both dates; the database's clock says which day it is."""
        last = self.last.date() if self.last else today(session)
        first = self.first.date() if self.first else days_before(last, DEFAULT_DAYS - 1)
        if first > last:
            raise UsageError(
                f"the period ends on {last}, before it begins on {first}", why="--from is the earlier date"
            )
        return Scope(first, last, self.queue, self.agent_id)


@dataclass(frozen=True, slots=True)
class _Output:
    """In which form a report is wanted, and where."""

    as_json: bool
    as_csv: bool
    section: str | None
    html: str | None
    parquet: Path | None
    output: Path | None

    def check(self) -> None:
        """Refuse what excludes each other."""
        named = self.html is not None or self.parquet is not None
        if sum((self.as_json, self.as_csv, self.html is not None, self.parquet is not None)) > 1:
            raise UsageError(
                "--json, --csv, --html and --parquet exclude each other", why="a report is put out in one form"
            )
        if named and self.output is not None:
            raise UsageError(
                "--output and --html or --parquet exclude each other", why="each of them names its file itself"
            )
        if self.section is not None and not (self.as_csv or self.parquet):
            raise UsageError("--section goes with --csv or --parquet", why="every other form holds all tables")


def _of_calls(command: _Command) -> _Command:
    """Add the options that say whose calls."""
    return _options(
        command,
        click.option("--queue", help="Only calls of this queue."),
        click.option("--agent", "agent_id", help="Only calls of this agent."),
    )


def _of_period(command: _Command) -> _Command:
    """Add the options that say which calls, and hand them on as `asked`."""

    @functools.wraps(command)
    def called(
        *, first: datetime | None, last: datetime | None, queue: str | None, agent_id: str | None, **others: object
    ) -> None:
        command(asked=_Asked(first, last, queue, agent_id), **others)

    return _options(
        _of_calls(called),
        click.option(
            "--from",
            "first",
            type=_DATE,
            metavar="DATE",
            help=f"First UTC date.  [default: {DEFAULT_DAYS - 1} days before --to]",
        ),
        click.option("--to", "last", type=_DATE, metavar="DATE", help="Last UTC date.  [default: today]"),
    )


def _with_output(command: _Command) -> _Command:
    """Add the options that say in which form, and hand them on as `output`."""

    @functools.wraps(command)
    def called(
        *,
        as_json: bool,
        as_csv: bool,
        section: str | None,
        html: str | None,
        parquet: Path | None,
        output: Path | None,
        **others: object,
    ) -> None:
        command(output=_Output(as_json, as_csv, section, html, parquet, output), **others)

    return _options(
        called,
        click.option("--json", "as_json", is_flag=True, help="The whole report as one JSON object."),
        click.option("--csv", "as_csv", is_flag=True, help="One table as CSV."),
        click.option("--section", help="Which table --csv and --parquet hold.  [default: the first]"),
        click.option("--html", metavar="FILE|-", help="A page that can be mailed; -: on standard output."),
        click.option("--parquet", type=click.Path(path_type=Path, dir_okay=False), help="One table as a Parquet file."),
        click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write into this file instead."),
    )


def _options(command: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    """Add options in the order in which --help lists them."""
    for option in reversed(options):
        command = option(command)
    return command


_limited = click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many rows of a list."
)


@click.group()
def report() -> None:
    """
    Answer the questions of a quality manager over the stored calls.

    The same figures are views in the database, by the day: report_anger_after_silence and so on.
    """


@report.command(anger.NAME)
@_of_period
@click.option(
    "--by",
    type=click.Choice([grouping.value for grouping in Grouping]),
    default=Grouping.QUEUE.value,
    show_default=True,
    help="What the groups are.",
)
@click.option(
    "--min-silence-ms",
    type=click.IntRange(min=1),
    help=f"Shorter silences don't count.  [default: {MIN_SILENCE_MS}]",
)
@_limited
@_with_output
def anger_after_silence(
    *,
    asked: _Asked,
    by: str,
    min_silence_ms: int | None,
    limit: int,
    output: _Output,
) -> None:
    """
    Tell how much of the customers' anger follows a silence of the agent's, and where to hear it.

    Example: callscope report anger-after-silence --by agent --from 2026-11-01 --to 2026-11-30
    """
    settings = load_settings()
    card = load_rulebook(settings.rules_folder).soothing
    stored_ms = max(settings.min_silence_ms, card.agent_silence_at_least_ms)
    if min_silence_ms is not None and min_silence_ms < stored_ms:
        raise UsageError(
            f"--min-silence-ms {min_silence_ms} is less than what is stored",
            why=f"by CALLSCOPE_MIN_SILENCE_MS and the soothing card, silences under {stored_ms} ms are none",
        )
    least_ms = min_silence_ms or max(MIN_SILENCE_MS, stored_ms)

    def compose(session: Session) -> Document:
        scope = asked.scope(session)
        return anger.compose(
            session, scope, by=Grouping(by), min_silence_ms=least_ms, limit=limit, page_url=settings.page_url
        )

    _run(settings, compose, output)


@report.command(soothing.NAME)
@_of_period
@click.option(
    "--benchmark",
    type=click.FloatRange(0, 1),
    help="Share that should be soothed.  [default: the soothing card's]",
)
@click.option(
    "--min-decided",
    type=click.IntRange(min=1),
    default=soothing.MIN_DECIDED,
    show_default=True,
    help="Fewer decided bursts of an agent are few data.",
)
@_limited
@_with_output
def soothing_scorecard(
    *,
    asked: _Asked,
    benchmark: float | None,
    min_decided: int,
    limit: int,
    output: _Output,
) -> None:
    """
    Tell how each agent takes anger and sadness, against a benchmark, and where to look.

    Example: callscope report soothing --queue refunds --benchmark 0.7 --html soothing.html
    """
    settings = load_settings()
    held_to = load_rulebook(settings.rules_folder).soothing.benchmark if benchmark is None else benchmark

    def compose(session: Session) -> Document:
        scope = asked.scope(session)
        return soothing.compose(
            session,
            scope,
            benchmark=held_to,
            min_decided=min_decided,
            limit=limit,
            page_url=settings.page_url,
        )

    _run(settings, compose, output)


@report.command(brief.NAME)
@click.option("--day", type=_DATE, metavar="DATE", help="UTC date.  [default: yesterday]")
@_of_calls
@click.option("--mail", metavar="TARGET", help="Also mail it to this configured receiver, once a day.")
@_with_output
def daily_brief(
    *, day: datetime | None, queue: str | None, agent_id: str | None, mail: str | None, output: _Output
) -> None:
    """
    Tell of one day: calls, anger, hot words, findings, recordings that were given up.

    With --mail the page is written into the outbox, in the transaction that read it; the same day, queue and agent
    for the same receiver a second time writes nothing.

    Example: callscope report brief --day 2026-11-24 --mail managers
    """
    settings = load_settings()
    if mail:
        _require_mail(settings, mail)
    told: list[str] = []

    def compose(session: Session) -> Document:
        chosen = day.date() if day else today(session) - timedelta(1)
        document = brief.compose(session, chosen, queue=queue, agent_id=agent_id, page_url=settings.page_url)
        if mail:
            told.append(_mail(session, document, mail))
        return document

    _run(settings, compose, output)
    for line in told:
        click.echo(line, err=True)


def _require_mail(settings: Settings, target: str) -> None:
    """Refuse a receiver whom nothing would ever reach."""
    targets = load_targets(settings.targets_file) if settings.targets_file else {}
    by_mail = [name for name, one in targets.items() if one.mail]
    if target not in by_mail:
        named = ", ".join(by_mail) or "nobody"
        raise UsageError(f"nobody named {target} is told by mail", why=f"CALLSCOPE_TARGETS_FILE names {named}")


def _mail(session: Session, document: Document, target: str) -> str:
    """Write a brief into the outbox; return what to say of it."""
    scope, totals = document.scope, document.totals
    about = "/".join(part for part in (scope.first.isoformat(), scope.queue, scope.agent_id) if part)
    share = totals["anger_share"]
    angry = f", anger in {percent(share)}" if isinstance(share, float) else ""
    is_new = send_brief(
        session,
        target=target,
        key=f"{scope.first.isoformat()} queue={scope.queue or ''} agent={scope.agent_id or ''}",
        data={
            "subject": f"Daily brief of {about}: {totals['calls']:,} calls{angry}",
            "text": render.as_text(document),
            "html": render.as_html(document),
        },
    )
    return f"mail to {target} is in the outbox" if is_new else f"mail to {target} of this day was written before"


@report.command(words.NAME)
@_of_period
@click.option(
    "--language",
    type=click.Choice([language.value for language in Language if language is not Language.NOSPEECH]),
    help="Only words of this language.",
)
@click.option(
    "--order", type=click.Choice(["mentions", "anger"]), default="mentions", show_default=True, help="What comes first."
)
@_limited
@_with_output
def hot_words(
    *,
    asked: _Asked,
    language: str | None,
    order: str,
    limit: int,
    output: _Output,
) -> None:
    """
    Tell which words are said most, which in anger, and how that changed.

    Example: callscope report hot-words --language zh --order anger --limit 20 --csv
    """
    settings = load_settings()

    def compose(session: Session) -> Document:
        scope = asked.scope(session)
        return words.compose(
            session,
            scope,
            language=language,
            by_anger=order == "anger",
            limit=limit,
            page_url=settings.page_url,
        )

    _run(settings, compose, output)


@report.command(agents.NAME)
@_of_period
@_limited
@_with_output
def agents_compared(
    *,
    asked: _Asked,
    limit: int,
    output: _Output,
) -> None:
    """
    Tell how each agent speaks and how their customers feel.

    Example: callscope report agents --from 2026-11-01 --limit 500 --csv --output agents.csv
    """
    settings = load_settings()

    def compose(session: Session) -> Document:
        scope = asked.scope(session)
        return agents.compose(session, scope, limit=limit, page_url=settings.page_url)

    _run(settings, compose, output)


def _run(settings: Settings, compose: Callable[[Session], Document], output: _Output) -> None:
    """Ask, and put out what was asked for; wrong options are told before the database is asked."""
    output.check()
    configure_logging(settings)
    with connected(settings.require_database_url()) as engine:
        require_schema(engine)
        with transaction(engine) as session:
            document = _told_if_empty(session, compose(session))
    _put_out(document, output)


def _told_if_empty(session: Session, document: Document) -> Document:
    """Return the report; where no call is in its scope, it says so, and where there are some."""
    scope = document.scope
    if has_calls(session, scope):
        return document
    of = "".join(f" of {what} {name}" for what, name in (("queue", scope.queue), ("agent", scope.agent_id)) if name)
    sentence = f"No call{of} from {scope.first} to {scope.last} has an analysis"
    stored = stored_dates(session)
    where = f"calls are stored from {stored[0]} to {stored[1]}" if stored else "no call is stored at all"
    return replace(document, summary=(f"{sentence}; {where}.", *document.summary))


def _put_out(document: Document, output: _Output) -> None:
    if output.html is not None:
        _write(render.as_html(document), None if output.html == "-" else Path(output.html))
    elif output.parquet is not None:
        _write(render.as_parquet(document, _section(document, output.section)), output.parquet)
    elif output.as_json:
        _write(render.as_json(document) + "\n", output.output)
    elif output.as_csv:
        _write(render.as_csv(document, _section(document, output.section)), output.output)
    elif output.output is not None:
        _write(render.console_text(document, width=TABLE_WIDTH), output.output)
    else:
        console().print(render.as_screen(document))


def _section(document: Document, name: str | None) -> Section:
    named = {section.name: section for section in document.sections}
    if name is None:
        return document.sections[0]
    if name not in named:
        raise UsageError(f"the report has no table {name!r}", why=f"it has {', '.join(named)}")
    return named[name]


def _write(content: str | bytes, path: Path | None) -> None:
    if path is None:
        click.echo(content, nl=False)
        return
    try:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise UsageError(f"{path} can't be written", why=error.strerror or str(error)) from error
