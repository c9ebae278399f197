"""Old calls derived anew from what is stored of them, after rules have changed: without the sound, without a GPU."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import click
import structlog
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from callscope.calls import CallAnalysis, Finding
from callscope.cli import EXIT_FAILED, console
from callscope.errors import InvalidResult
from callscope.logs import configure_logging
from callscope.meaning.interpret import Interpreter
from callscope.settings import Settings, load_settings
from callscope.targets import Receiver, TargetsSource, addressed
from models import reading, results
from models.reading import AnalysisKey, StoredHearing
from models.session import Engine, Session, connected, require_schema, transaction

BATCH = 200
"""Calls read and written in one transaction each: some 30 MB, and a commit costs little of it."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Changes:
    """What a run changed."""

    rules: str = ""
    """Version of the rules that were asked."""
    calls: int = 0
    """Looked at."""
    unchanged: int = 0
    """Had this analysis version already."""
    derived: int = 0
    skipped: int = 0
    """Erased or analysed again meanwhile."""
    failed: list[int] = field(default_factory=list)
    """Recordings of which nothing could be derived; they keep what they had."""
    before: Counter[str] = field(default_factory=Counter)
    """Findings of each rule, in the calls that were derived anew."""
    after: Counter[str] = field(default_factory=Counter)
    calls_with_other_findings: int = 0

    def note(self, old: Iterable[Finding], new: Sequence[Finding]) -> None:
        """Count a call that was derived anew."""
        was = Counter((finding.rule, finding.start_ms, finding.end_ms) for finding in old)
        now = Counter((finding.rule, finding.start_ms, finding.end_ms) for finding in new)
        self.before.update(rule for rule, _, _ in was.elements())
        self.after.update(rule for rule, _, _ in now.elements())
        self.derived += 1
        self.calls_with_other_findings += was != now

    def table(self) -> Table:
        """Return what a person is shown."""
        table = Table(title=f"Findings by {self.rules}", title_justify="left", header_style="bold")
        table.add_column("rule")
        for heading in ("before", "now", "change"):
            table.add_column(heading, justify="right")
        for rule in sorted(self.before.keys() | self.after.keys()):
            change = self.after[rule] - self.before[rule]
            table.add_row(rule, f"{self.before[rule]:,}", f"{self.after[rule]:,}", f"{change:+,}" if change else "")
        return table


def reanalyse_calls(
    engine: Engine,
    interpreter: Interpreter,
    *,
    since: date | None = None,
    receivers: Collection[Receiver] = (),
    keep_values: bool = False,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Changes:
    """
    Derive the current analysis of every stored call anew; the old ones stay beside the new.

    Parameters
    ----------
    engine : Engine
        Of the database.
    interpreter : Interpreter
        With the rules that are asked.
    since : date, optional
        Only calls of this UTC date and later.
    receivers : collection of Receiver
        Who is told by the actions of rules, as of a new call; nobody else, and nobody by default.
    keep_values : bool
        Whether entities are stored in clear too.
    on_batch : callable
        Told how many more calls were looked at.
    """
    changes = Changes(rules=interpreter.rulebook.version)
    with transaction(engine) as session:
        until_id = reading.newest_analysis_id(session)
        results.write_rule_set(session, interpreter.rulebook)
    after_id = 0
    while True:
        with transaction(engine) as session:
            batch = reading.read_hearings(session, after_id, BATCH, since=since, until_id=until_id)
            if not batch:
                return changes
            stale = [heard for heard in batch if interpreter.version(heard.hearing) != heard.version]
            findings = reading.read_findings(session, [AnalysisKey(h.call_date, h.analysis_id) for h in stale])
            changes.calls += len(batch)
            changes.unchanged += len(batch) - len(stale)
            for heard in sorted(stale, key=lambda heard: heard.recording_id):  # all that lock many lock in this order
                analysis = _derive(heard, interpreter, changes)
                if analysis is None:
                    continue
                if not _store(session, heard, analysis, changes, keep_values=keep_values):
                    continue
                changes.note(findings.get(heard.analysis_id, ()), analysis.meaning.findings)
                if receivers:
                    notices = addressed(interpreter.notices(analysis, heard.metadata), receivers)
                    results.write_notices(session, notices, recording_id=heard.recording_id)
        after_id = batch[-1].analysis_id
        on_batch(len(batch))


def _derive(heard: StoredHearing, interpreter: Interpreter, changes: Changes) -> CallAnalysis | None:
    try:
        return interpreter.interpret(heard.hearing, heard.metadata)
    except Exception as error:  # noqa: BLE001 - one call's fault must not keep the others from being derived
        _log.warning("not_derived", recording_id=heard.recording_id, why=f"{type(error).__name__}: {error}")
        changes.failed.append(heard.recording_id)
        return None


def _store(
    session: Session, heard: StoredHearing, analysis: CallAnalysis, changes: Changes, *, keep_values: bool
) -> bool:
    try:
        with session.begin_nested():  # a result that the tables refuse takes only itself back
            stored = results.store_again(session, heard, analysis, keep_values=keep_values)
    except InvalidResult as error:
        _log.warning("result_refused", recording_id=heard.recording_id, why=error.why)
        changes.failed.append(heard.recording_id)
        return False
    changes.skipped += not stored
    return stored


@click.command()
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Only calls of this UTC date and later.  [default: all]"
)
@click.option("--notify", is_flag=True, help="Carry out the rules' actions too, as for new calls.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def reanalyse(*, since: datetime | None, notify: bool, as_json: bool) -> None:
    """
    Derive stored calls anew, after rules have changed; needs no sound and no GPU.

    Everything that is derived is derived again: events, turns, entities, findings, scores. The result is a new analysis
    beside the old ones, and the one that views and reports speak of. `callscope compare` shows what changed where.

    Example: callscope rules check && callscope reanalyse --since 2026-11-01
    """
    settings = load_settings()
    configure_logging(settings)
    with connected(settings.require_database_url()) as engine:
        require_schema(engine)
        changes = _run(engine, settings, since=since.date() if since else None, notify=notify)
    if as_json:
        click.echo(TypeAdapter(Changes).dump_json(changes).decode())
    else:
        out = console()
        out.print(changes.table())
        out.print(
            f"{changes.calls:,} calls: {changes.derived:,} derived anew, {changes.unchanged:,} as they were, "
            f"{changes.skipped:,} skipped, {len(changes.failed):,} failed. "
            f"{changes.calls_with_other_findings:,} calls have other findings than before."
        )
    if changes.failed:
        sys.exit(EXIT_FAILED)


def _run(engine: Engine, settings: Settings, *, since: date | None, notify: bool) -> Changes:
    with transaction(engine) as session:
        total = reading.count_current(session, since=since)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("deriving", total=total)
        return reanalyse_calls(
            engine,
            Interpreter.of(settings),
            since=since,
            receivers=TargetsSource(settings.targets_file).receivers() if notify else (),
            keep_values=settings.entity_values == "clear",
            on_batch=lambda count: progress.advance(bar, count),
        )
