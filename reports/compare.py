"""`callscope compare`: what another checkpoint, pipeline or rule set makes of the same calls."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from callscope.calls import AnalysisVersion, Emotion
from callscope.cli import console
from callscope.comparison import Changes, Comparison, EmotionChange, ScoreChange, compare, find_version
from callscope.settings import load_settings
from models.comparison import ComparedCall, StoredVersion, list_versions, read_pairs
from models.session import Engine, connected, transaction

CALLS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class CallChange:
    """What changed in one call."""

    recording_id: int
    key: str
    call_id: str | None
    call_date: date
    change: Comparison


@dataclass(slots=True)
class Summary:
    """What changed in all calls together, and where most."""

    old: AnalysisVersion
    new: AnalysisVersion
    calls: int = 0
    """That have both analyses."""
    changed_calls: int = 0
    total: Comparison = field(default_factory=Comparison)
    most_changed: list[CallChange] = field(default_factory=list)


def compare_versions(
    engine: Engine,
    old: AnalysisVersion,
    new: AnalysisVersion,
    *,
    limit: int,
    since: date | None,
    on_call: Callable[[int], None],
) -> Summary:
    """
    Compare every call that has both analyses.

    Parameters
    ----------
    engine : Engine
        Of the database; a transaction a batch, so that a long comparison holds nothing up.
    old, new : AnalysisVersion
        What is compared.
    limit : int >= 0
        So many of the most changed calls are kept; everything else of a call is forgotten once it is added up.
    since : date, optional
        Only calls of this UTC date and later.
    on_call : callable
        Told how many calls were compared so far.
    """
    summary = Summary(old, new)
    heap: list[tuple[float, int, CallChange]] = []
    for call in _pairs(engine, old, new, since):
        change = compare(call.old, call.new)
        summary.calls += 1
        summary.total += change
        if is_changed(change):
            summary.changed_calls += 1
            one = CallChange(call.recording_id, call.key, call.call_id, call.call_date, change)
            # The number breaks ties: the earlier recording goes first.
            heapq.heappush(heap, (change.share, -call.recording_id, one))
            if len(heap) > limit:
                heapq.heappop(heap)
        on_call(summary.calls)
    summary.most_changed = [one for _, _, one in sorted(heap, key=lambda entry: entry[:2], reverse=True)]
    return summary


def _pairs(engine: Engine, old: AnalysisVersion, new: AnalysisVersion, since: date | None) -> Iterator[ComparedCall]:
    after_id = 0
    while True:
        with transaction(engine) as session:
            batch = read_pairs(session, old, new, after_id=after_id, limit=CALLS_AT_ONCE, since=since)
        if not batch:
            return
        yield from batch
        after_id = batch[-1].recording_id


def is_changed(change: Comparison) -> bool:
    """Return whether anything is different, bounds of kept events and stretches of speech included."""
    kept = [*change.events.values(), *change.findings.values()]
    return (
        change.share > 0
        or any(old != new for (old, new), ms in change.emotions.confusion_ms.items() if ms)
        or any(one.overlap < one.kept for one in kept)
    )


@click.command("compare")
@click.argument("old", required=False)
@click.argument("new", required=False)
@click.option("--list", "list_only", is_flag=True, help="Show the analysis versions that are stored.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only calls of this UTC date and later.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="Show so many of the most changed calls."
)
@click.option("--json", "as_json", is_flag=True, help="All of it as one JSON object.")
def compare_command(
    *, old: str | None, new: str | None, list_only: bool, since: datetime | None, limit: int, as_json: bool
) -> None:
    """
    Say what changed from one analysis version to another, over the calls that have both.

    A version is CHECKPOINT/PIPELINE/RULES, or a part of it that only one version has. `--list` shows them.

    Example: callscope compare shop-5d41402a shop-7c9e6679 --since 2026-11-01
    """
    if list_only == bool(old and new):
        raise click.UsageError("name two versions, or ask for --list")
    with connected(load_settings().require_database_url()) as engine:
        with transaction(engine) as session:
            stored = list_versions(session)
        if not (old and new):
            _show_versions(stored, as_json=as_json)
            return
        versions = [one.version for one in stored]
        with Console(stderr=True).status("comparing") as status:
            summary = compare_versions(
                engine,
                find_version(old, versions),
                find_version(new, versions),
                limit=limit,
                since=since.date() if since else None,
                on_call=lambda count: status.update(f"{count:,} calls compared"),
            )
    if as_json:
        click.echo(json.dumps(to_document(summary), ensure_ascii=False))
    else:
        out = console()
        for table in _tables(summary):
            out.print(table)


# --- JSON -----------------------------------------------------------------------------------------------------------


def to_document(summary: Summary) -> dict[str, Any]:
    """Return the comparison as JSON's own types."""
    return {
        "old": asdict(summary.old),
        "new": asdict(summary.new),
        "calls": summary.calls,
        "changed_calls": summary.changed_calls,
        "total": _document(summary.total),
        "most_changed": [
            {
                "recording_id": one.recording_id,
                "key": one.key,
                "call_id": one.call_id,
                "call_date": one.call_date.isoformat(),
                **_document(one.change),
            }
            for one in summary.most_changed
        ],
    }


def _document(change: Comparison) -> dict[str, Any]:
    return {
        "changed_share": change.share,
        "text": {**asdict(change.text), "cer": change.text.cer},
        "emotions": {
            "both_ms": change.emotions.both_ms,
            "changed_ms": change.emotions.changed_ms,
            "changed_share": change.emotions.share,
            "confusion": [
                {"old": old and old.value, "new": new and new.value, "ms": ms}
                for (old, new), ms in _by_time(change.emotions)
            ],
        },
        "events": {kind.value: _changes(one) for kind, one in sorted(change.events.items())},
        "findings": {rule: _changes(one) for rule, one in sorted(change.findings.items())},
        "scores": {
            card: {**asdict(one), "mean_difference": one.mean_difference} for card, one in sorted(change.scores.items())
        },
    }


def _changes(one: Changes) -> dict[str, Any]:
    return {"gained": one.gained, "lost": one.lost, "kept": one.kept, "mean_overlap": one.mean_overlap}


def _by_time(emotions: EmotionChange) -> list[tuple[tuple[Emotion | None, Emotion | None], int]]:
    """Return the pairs of labels, the longest first."""
    return sorted(
        emotions.confusion_ms.items(), key=lambda item: (-item[1], str(item[0][0] or ""), str(item[0][1] or ""))
    )


# --- the terminal ---------------------------------------------------------------------------------------------------


def _show_versions(stored: Iterable[StoredVersion], *, as_json: bool) -> None:
    if as_json:
        documents = [
            {
                "name": one.version.name,
                **asdict(one.version),
                "analyses": one.analyses,
                "current": one.current,
                "first_call": one.first_call.isoformat(),
                "last_call": one.last_call.isoformat(),
                "first_stored_at": one.first_stored_at.isoformat(),
                "last_stored_at": one.last_stored_at.isoformat(),
            }
            for one in stored
        ]
        click.echo(json.dumps(documents, ensure_ascii=False))
        return
    table = _table("Analysis versions", "version", "#analyses", "#current", "calls of", "stored")
    for one in stored:
        table.add_row(
            one.version.name,
            f"{one.analyses:,}",
            f"{one.current:,}",
            _span(one.first_call, one.last_call),
            _span(one.first_stored_at.date(), one.last_stored_at.date()),
        )
    console().print(table)


def _tables(summary: Summary) -> Iterator[Table]:
    total = summary.total
    overview = _table("What changed", "what", "#value")
    overview.add_row("old", summary.old.name)
    overview.add_row("new", summary.new.name)
    overview.add_row("calls that have both", f"{summary.calls:,}")
    overview.add_row("of these changed", f"{summary.changed_calls:,}")
    overview.add_row("text: characters edited (CER)", f"{total.text.edits:,} ({total.text.cer:.2%})")
    overview.add_row("emotions: time under another label", f"{_minutes(total.emotions.changed_ms)} min")
    overview.add_row("  share of the time in which both hear speech", f"{total.emotions.share:.2%}")
    yield overview
    if total.emotions.changed_ms:
        emotions = _table("Emotions, by time", "old", "new", "#minutes")
        for (old, new), ms in _by_time(total.emotions):
            if old is not new:
                emotions.add_row(old.value if old else "no speech", new.value if new else "no speech", _minutes(ms))
        yield emotions
    if total.events:
        yield _changes_table("Events", "kind", {kind.value: one for kind, one in total.events.items()})
    if total.findings:
        yield _changes_table("Findings", "rule", total.findings)
    if total.scores:
        yield _scores_table(total.scores)
    if summary.most_changed:
        yield _calls_table(summary.most_changed)


def _changes_table(title: str, heading: str, changes: Mapping[str, Changes]) -> Table:
    table = _table(title, heading, "#gained", "#lost", "#kept", "#mean overlap")
    for name, one in sorted(changes.items(), key=lambda item: (-item[1].gained - item[1].lost, item[0])):
        table.add_row(name, f"{one.gained:,}", f"{one.lost:,}", f"{one.kept:,}", f"{one.mean_overlap:.1%}")
    return table


def _scores_table(scores: Mapping[str, ScoreChange]) -> Table:
    table = _table("Scores", "scorecard", "#only old", "#only new", "#both", "#mean change")
    for card, one in sorted(scores.items()):
        table.add_row(card, f"{one.lost:,}", f"{one.gained:,}", f"{one.both:,}", f"{one.mean_difference:+.2f}")
    return table


def _calls_table(calls: Iterable[CallChange]) -> Table:
    table = _table("The most changed calls", "call", "date", "#change", "#CER", "#emotions", "events", "findings")
    for one in calls:
        table.add_row(
            one.call_id or one.key,
            one.call_date.isoformat(),
            f"{one.change.share:.1%}",
            f"{one.change.text.cer:.1%}",
            f"{one.change.emotions.share:.1%}",
            _came_and_went({kind.value: change for kind, change in one.change.events.items()}),
            _came_and_went(one.change.findings),
        )
    return table


def _came_and_went(changes: Mapping[str, Changes]) -> str:
    """Return what is new and what is gone, such as ``+2 LAUGHTER -1 SIGH``."""
    signs = ((f"+{one.gained}", f"-{one.lost}", name) for name, one in sorted(changes.items()))
    return " ".join(f"{sign} {name}" for gained, lost, name in signs for sign in (gained, lost) if sign[1:] != "0")


def _table(title: str, *headings: str) -> Table:
    """Return an empty table; a heading after ``#`` stands over figures."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(
            heading.removeprefix("#"), justify="right" if heading.startswith("#") else "left", overflow="fold"
        )
    return table


def _minutes(ms: int) -> str:
    return f"{ms / 60_000:,.1f}"


def _span(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
