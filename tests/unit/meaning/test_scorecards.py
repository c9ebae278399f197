"""A call's points: items by what the rules found, soothing by how bursts were taken."""

from __future__ import annotations

import pytest

from callscope.calls import Burst, Emotion, EvidenceKind, Role, Score, Soothing
from callscope.meaning.rules.book import Rulebook
from callscope.meaning.scorecards import score_call
from tests.scripts import Row
from tests.unit.meaning.rules.scenes import a_rulebook, facts_of, findings

pytestmark = pytest.mark.unit

BOOK = """
rules:
  - {name: greeting, about: x, when: {keyword: 您好, role: agent}}
  - {name: insult, about: x, when: {keyword: 笨蛋, role: agent}}
  - {name: threat, about: x, when: {keyword: 投诉, role: customer}}
  - {name: off, about: x, enabled: false, when: {turn: agent}}
scorecards:
  - name: manners
    items:
      - {name: greets, points: 10, found: [greeting]}
      - {name: stays-polite, points: 40, not_found: [insult, off]}
      - {name: of-a-rule-that-is-off, points: 99, not_found: [off]}
  - name: threatened
    only_if: [threat]
    items:
      - {name: greets, found: [greeting]}
  - name: all-off
    items:
      - {name: x, found: [off]}
"""


def scores(*script: Row, bursts: tuple[Burst, ...] = (), book: Rulebook | None = None) -> dict[str, Score]:
    rulebook = book or a_rulebook(BOOK)
    facts = facts_of(script)
    return {score.scorecard: score for score in score_call(bursts, findings(facts, rulebook), rulebook)}


def a_burst(outcome: Soothing, start_ms: int = 0) -> Burst:
    return Burst(Emotion.ANGRY, 0.9, start_ms, start_ms + 500, (3, 4), 0, 0, None, None, None, outcome)


def test_points_for_what_is_found_and_what_is_not() -> None:
    polite = scores(("agent", 0, 1_000, "您好"))["manners"]
    assert (polite.score, polite.max_score) == (50, 50)
    rude = scores(("agent", 0, 1_000, "笨蛋"))["manners"]
    assert [(item.name, item.score, item.max_score) for item in rude.items] == [
        ("greets", 0, 10),
        ("stays-polite", 0, 40),
    ]
    assert [(one.kind, one.number) for one in rude.items[1].evidence] == [(EvidenceKind.SEGMENT, 0)]


def test_a_card_that_does_not_apply_gives_none() -> None:
    assert scores(("agent", 0, 1_000, "您好")).keys() == {"manners"}
    assert scores(("customer", 0, 1_000, "我要投诉"))["threatened"].score == 0


def test_soothing_is_good_of_good_and_poor() -> None:
    taken = (a_burst(Soothing.GOOD), a_burst(Soothing.POOR, 9_000), a_burst(Soothing.OPEN), a_burst(Soothing.GOOD))
    score = scores(bursts=taken)["soothing"]
    assert (score.score, score.max_score) == (2, 3)
    assert [(item.score, item.evidence[0].start_ms, len(item.evidence)) for item in score.items] == [
        (1, 0, 2),
        (0, 9_000, 2),
        (1, 0, 2),
    ]


def test_a_call_in_which_nothing_can_be_told_has_no_soothing_score() -> None:
    assert "soothing" not in scores(bursts=(a_burst(Soothing.OPEN),))
    assert "soothing" not in scores()


def test_a_rule_may_concern_another_than_its_words() -> None:
    book = a_rulebook("rules: [{name: x, about: x, concerns: agent, when: {keyword: 投诉, role: customer}}]")
    (finding,) = findings(facts_of([("customer", 0, 1_000, "我要投诉")]), book)
    assert finding.role is Role.AGENT
