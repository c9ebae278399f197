"""A call's points on each scorecard."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import Burst, Evidence, EvidenceKind, Finding, Score, ScoreItem, Soothing
from callscope.meaning.rules.book import Rulebook
from callscope.meaning.rules.schema import SOOTHING, Scorecard, ScorecardItem


def score_call(bursts: Sequence[Burst], findings: Sequence[Finding], rulebook: Rulebook) -> tuple[Score, ...]:
    """
    Return the call's result on every scorecard that applies.

    On ``soothing`` each burst of which it can be told how the agent took it is worth one point, reached when that was
    good: over many calls, the sum of scores over the sum of possible points is the success rate. A call without such a
    burst has no score there. On the other cards an item's points are reached by what the rules found, or didn't.

    Parameters
    ----------
    bursts : sequence of Burst
        Of the call.
    findings : sequence of Finding
        Of the call.
    rulebook : Rulebook
        The scorecards; an item whose rules are all switched off is left out.
    """
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    active = {rule.name for rule in rulebook.rules if rule.enabled}
    scores = [_score(card, by_rule, active) for card in rulebook.scorecards]
    return tuple(score for score in [_soothing(bursts), *scores] if score is not None)


def _soothing(bursts: Sequence[Burst]) -> Score | None:
    items = tuple(
        ScoreItem(
            name=burst.emotion.value,
            score=1.0 if burst.outcome is Soothing.GOOD else 0.0,
            max_score=1.0,
            evidence=tuple(
                Evidence(EvidenceKind.SEGMENT, number, burst.start_ms, burst.end_ms) for number in burst.segment_nos
            ),
        )
        for burst in bursts
        if burst.outcome is not Soothing.OPEN
    )
    return _total(SOOTHING, items)


def _score(card: Scorecard, by_rule: dict[str, list[Finding]], active: set[str]) -> Score | None:
    if card.only_if and not any(name in by_rule for name in card.only_if):
        return None
    items = tuple(
        _item(item, by_rule) for item in card.items if any(name in active for name in (*item.found, *item.not_found))
    )
    return _total(card.name, items)


def _item(item: ScorecardItem, by_rule: dict[str, list[Finding]]) -> ScoreItem:
    hits = [finding for name in (*item.found, *item.not_found) for finding in by_rule.get(name, ())]
    reached = bool(hits) == bool(item.found)
    return ScoreItem(
        name=item.name,
        score=item.points if reached else 0.0,
        max_score=item.points,
        evidence=tuple(dict.fromkeys(one for finding in hits for one in finding.evidence)),
    )


def _total(name: str, items: tuple[ScoreItem, ...]) -> Score | None:
    if not items:
        return None
    return Score(name, sum(item.score for item in items), sum(item.max_score for item in items), items)
