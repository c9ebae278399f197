"""The outcome as a person sees it: the verdict, the page, the screen."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console
from typing_extensions import override

from callscope.calls import Emotion, EventKind, Language, Role
from callscope.evaluation.manifest import BadRow
from callscope.evaluation.observe import (
    Boundaries,
    EmotionPair,
    EventSets,
    LanguagePair,
    Observation,
    Overlaps,
    RolePair,
    TextPair,
)
from callscope.evaluation.outcome import NOTES, Evaluation, Setup, evaluate
from callscope.evaluation.page import render_page
from callscope.evaluation.screen import show

pytestmark = pytest.mark.unit

SETUP = Setup("calls.jsonl", "demo-1f0c22ab", "torch-fp32", "cpu", whole_clips=False)
BAD = BadRow(7, "undecodable", "<script>alert(1)</script>.wav is no audio", "it begins with '<!'")


def a_clip(emotion: Emotion, anger: float) -> Observation:
    return Observation(
        duration_ms=2_000,
        is_call=False,
        texts=(TextPair(Language.ZH, "三天了", "三天"), TextPair(Language.NOSPEECH, "", "嗯")),
        languages=(LanguagePair(Language.ZH, Language.ZH),),
        emotions=(EmotionPair(Language.ZH, emotion, {Emotion.ANGRY: anger, Emotion.NEUTRAL: 1 - anger}),),
        clip_events=EventSets(frozenset({EventKind.SPEECH}), frozenset({EventKind.SPEECH})),
    )


CALL = Observation(
    duration_ms=60_000,
    is_call=True,
    texts=(TextPair(Language.EN, "my parcel", "my parcels"),),
    roles=(RolePair(Role.AGENT, Role.AGENT),),
    call_events={EventKind.LAUGHTER: Overlaps(1, 2, 1, 1)},
    silences=Boundaries((12, -8), (40, 0), missed=1, false=0, owners_right=1, owners=2),
    crosstalks=Boundaries((), (), missed=0, false=1),
)
ROWS = [
    *[a_clip(Emotion.ANGRY, 0.9)] * 3,
    *[a_clip(Emotion.NEUTRAL, 0.1)] * 4,
    a_clip(Emotion.NEUTRAL, 0.95),
    CALL,
]


class Page(HTMLParser):
    """What a browser would show, and what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        assert tag != "script"
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += f" {data}"


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def on_screen(outcome: Evaluation) -> str:
    out = io.StringIO()
    Console(file=out, width=200).print(show(outcome))
    return flat(out.getvalue())


@pytest.fixture(scope="module")
def outcome() -> Evaluation:
    return evaluate(SETUP, ROWS, [BAD], wanted_precision=0.7)


def test_the_verdict_says_what_matters(outcome: Evaluation) -> None:
    assert outcome.verdict == (
        "ANGRY with a precision of at least 70%: from a probability of 0.900 on, 100.0% of 3 are found. "
        "Text: zh CER 33.3%, en WER 50.0%. 1 of 10 rows could not be evaluated."
    )


def test_the_verdict_says_what_can_not_be_had() -> None:
    assert "ANGRY with a precision of at least 90%: no threshold gives it" in evaluate(SETUP, ROWS).verdict
    assert "Of anger nothing can be said" in evaluate(SETUP, [CALL]).verdict


def test_rows_are_counted(outcome: Evaluation) -> None:
    assert (outcome.clips, outcome.calls, outcome.sound_ms) == (8, 1, 76_000)


def test_the_page_is_whole_and_shows_everything(outcome: Evaluation) -> None:
    page = Page(render_page(outcome))
    assert page.open == []
    text = flat(page.text)
    assert outcome.verdict in text
    assert all(note in text for note in NOTES)
    assert "demo-1f0c22ab" in text
    for heading in ("Text", "Emotion", "ANGRY at a wanted precision", "Events of clips", "Sounds of calls", "Silence"):
        assert heading in text
    assert "zh 8 24 33.3%" in text
    assert "precision 75.0%" in text
    assert "silence 2 1 0" in text
    assert "10 ms, p95 12 ms" in text
    assert "7 undecodable: <script>alert(1)</script>.wav is no audio it begins with '<!'" in text


def test_the_page_holds_its_plots_and_fetches_nothing(outcome: Evaluation) -> None:
    addresses = Page(render_page(outcome)).addresses
    assert len(addresses) == 4
    for address in addresses:
        kind, _, content = address.partition(",")
        assert kind == "data:image/svg+xml;base64"
        drawing = ET.fromstring(b64decode(content))  # noqa: S314 - drawn a moment ago
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"


def test_the_same_outcome_gives_the_same_page(outcome: Evaluation) -> None:
    assert render_page(outcome) == render_page(outcome)


def test_what_has_an_interval_or_no_operating_point_is_drawn_too() -> None:
    perfect = replace(ROWS[0], texts=(TextPair(Language.ZH, "三天", "三天"),))
    silent = replace(ROWS[0], texts=(), languages=(LanguagePair(Language.JA, Language.JA),))
    outcome = evaluate(SETUP, [*ROWS, perfect, silent], wanted_precision=0.99)
    assert outcome.languages[0].cer.low is not None
    assert "ja CER" not in outcome.verdict
    page = Page(render_page(outcome))
    assert len(page.addresses) == 4
    assert "No threshold gives a precision of 99 %" in flat(page.text)


def test_a_page_about_nothing_is_a_page() -> None:
    page = Page(render_page(evaluate(SETUP, [], [BAD])))
    assert page.addresses == []
    assert "1 of 1 rows could not be evaluated" in page.text


@pytest.mark.parametrize("rows", [ROWS, [], [CALL], ROWS[:1]], ids=["all", "none", "a call", "a clip"])
def test_the_screen_shows_the_same(rows: list[Observation]) -> None:
    found = evaluate(SETUP, rows, wanted_precision=0.99)
    shown = on_screen(found)
    assert flat(found.verdict) in shown
    assert NOTES[1] in shown
    if rows is ROWS:
        assert "no threshold gives it" in shown
        assert "33.3%" in shown


def test_an_operating_point_is_shown(outcome: Evaluation) -> None:
    assert "probability >= 0.900: precision 75.0%" in on_screen(outcome)
