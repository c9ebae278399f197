"""The figures on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from callscope.evaluation.classes import ClassFigures
from callscope.evaluation.emotions import EmotionFigures, Sweep
from callscope.evaluation.events import BoundError, EventFigures, StretchFigures
from callscope.evaluation.outcome import Evaluation
from callscope.evaluation.resample import Estimate
from callscope.evaluation.speech import LanguageFigures


def show(outcome: Evaluation) -> RenderableType:
    """Return what a person is shown."""
    return Group(*_parts(outcome))


def percent(estimate: Estimate | None) -> str:
    """Return a share with its interval, such as ``93.1% (89.0-96.4)``; nothing where there is none."""
    if estimate is None or estimate.value is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.1%}"
    return f"{estimate.value:.1%} ({100 * estimate.low:.1f}-{100 * estimate.high:.1f})"


def bound(error: BoundError | None) -> str:
    """Return the error of a bound, such as ``12 ms, p95 40 ms``."""
    return f"{error.mean_ms:.0f} ms, p95 {error.p95_ms:.0f} ms" if error else ""


def summary(outcome: Evaluation) -> str:
    """Return what was evaluated, in a line."""
    setup = outcome.setup
    way = " read whole" if setup.whole_clips else ""
    return (
        f"{setup.manifest}: {outcome.clips} clips{way} and {outcome.calls} calls, "
        f"{outcome.sound_ms / 60_000:.1f} minutes; {setup.checkpoint}, {setup.engine} on {setup.device}"
    )


def _parts(outcome: Evaluation) -> Iterator[RenderableType]:
    yield Text(summary(outcome))
    if outcome.languages:
        yield _languages(outcome.languages)
        yield Text(f"language right: {percent(outcome.language_right)}")
    if outcome.ghosts.items:
        yield Text(f"where nobody speaks: {outcome.ghosts.characters} characters heard in {outcome.ghosts.items} items")
    if outcome.role_right.value is not None:
        yield Text(f"role right: {percent(outcome.role_right)}")
    if outcome.emotions:
        yield from _emotions(outcome.emotions)
    if outcome.sweep:
        yield _sweep(outcome.sweep)
    for title, events in (("Events of clips", outcome.clip_events), ("Sounds of calls", outcome.call_events)):
        if events:
            yield from _events(title, events)
    stretches = {"silences": outcome.silences, "crosstalks": outcome.crosstalks}
    if any(stretches.values()):
        yield _stretches({name: figures for name, figures in stretches.items() if figures})
    for note in outcome.notes:
        yield Text(f"- {note}", style="dim")
    yield Text(outcome.verdict, style="bold")


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", no_wrap=True)
    return table


def _languages(languages: Sequence[LanguageFigures]) -> Table:
    table = _table("Text", "", "items", "characters", "CER", "sub", "del", "ins", "WER", "language", "emotion")
    for own in languages:
        table.add_row(
            own.language.value,
            f"{own.items}",
            f"{own.characters}",
            percent(own.cer),
            f"{own.substitutions}",
            f"{own.deletions}",
            f"{own.insertions}",
            percent(own.wer),
            percent(own.language_right),
            percent(own.emotion_right),
        )
    return table


def _emotions(emotions: EmotionFigures) -> Iterator[RenderableType]:
    yield _classes("Emotions", emotions.classes)
    yield Text(
        f"right: {percent(emotions.accuracy)} of {emotions.items}   macro F1: {percent(emotions.macro_f1)}   "
        f"calibration error: {percent(emotions.ece)}"
    )
    names = [own.kind for own in emotions.classes]
    table = _table("Labelled (rows) and heard (columns)", "", *(name[:7] for name in names))
    for place, (name, row) in enumerate(zip(names, emotions.confusion, strict=True)):
        table.add_row(name, *(Text(f"{count or ''}", "bold" if place == i else "") for i, count in enumerate(row)))
    yield table


def _sweep(sweep: Sweep) -> RenderableType:
    point, found = sweep.operating, "no threshold gives it"
    if point:
        shares = f"precision {percent(point.precision)}, recall {percent(point.recall)}"
        found = f"probability >= {point.threshold:.3f}: {shares}"
    return Text(
        f"{sweep.emotion}, wanted precision {sweep.wanted_precision:.0%}: {found}   "
        f"average precision: {sweep.average_precision:.3f}"
    )


def _events(title: str, events: EventFigures) -> Iterator[RenderableType]:
    yield _classes(title, events.classes)
    exact = f"exactly the labelled kinds: {percent(events.exact)}   " if events.exact.value is not None else ""
    yield Text(f"{exact}macro F1: {percent(events.macro_f1)}   labelled: {events.items}")


def _classes(title: str, classes: Sequence[ClassFigures]) -> Table:
    table = _table(title, "", "labelled", "heard", "precision", "recall", "F1")
    for own in classes:
        table.add_row(
            own.kind, f"{own.support}", f"{own.heard}", percent(own.precision), percent(own.recall), percent(own.f1)
        )
    return table


def _stretches(stretches: dict[str, StretchFigures]) -> Table:
    table = _table(
        "Stretches", "", "found", "missed", "false", "precision", "recall", "start off by", "end off by", "owner"
    )
    for name, own in stretches.items():
        table.add_row(
            name,
            f"{own.found}",
            f"{own.missed}",
            f"{own.false}",
            percent(own.precision),
            percent(own.recall),
            bound(own.start),
            bound(own.end),
            percent(own.owner_right),
        )
    return table
