"""The rules that come along fire where they should, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callscope.calls import CallMetadata, Event, EventKind, Language, Role, Severity
from callscope.meaning.conversation import ConversationOptions
from callscope.meaning.interpret import Interpreter
from callscope.meaning.rules.book import load_rulebook
from callscope.meaning.scorecards import score_call
from tests.scripts import Row, hear, play
from tests.unit.meaning.rules.scenes import an_event, facts_of, findings, fired, turns_of

pytestmark = pytest.mark.unit

ARTICLE = {"angry", "sigh-then-angry", "angry-next-to-silence", "sad-with-allergy", "ja-angry-with-sigh"}

HELLO: Row = ("agent", 0, 2_000, "您好，请问有什么可以帮您？")
ASKS: Row = ("customer", 2_300, 5_000, "我的订单还没有到。")
ANGRY: Row = ("customer", 10_000, 13_000, "你们到底管不管？", "ANGRY")
SIGH = an_event(EventKind.SIGH, "customer", 8_000, 8_600, probability=0.7)
SILENCE = an_event(EventKind.SILENCE, "agent", 8_000, 10_000)


def article(*script: Row, events: tuple[Event, ...] = (), language: Language = Language.ZH) -> list[tuple[str, int]]:
    facts = facts_of(script, events=events, language=language)
    return [(rule, start_ms) for rule, start_ms in fired(facts) if rule in ARTICLE]


def test_anger_alone() -> None:
    assert article(HELLO, ASKS, ANGRY) == [("angry", 10_000)]
    assert article(HELLO, ASKS, ("agent", 10_000, 13_000, "你们到底管不管？", "ANGRY")) == []
    assert article(HELLO, ASKS, ("customer", 10_000, 13_000, "唉", "SAD")) == []


def test_a_sigh_before_anger_outranks_it() -> None:
    assert article(HELLO, ASKS, ANGRY, events=(SIGH,)) == [("sigh-then-angry", 8_000)]
    (finding,) = (one for one in findings(facts_of([HELLO, ANGRY], events=[SIGH])) if one.rule in ARTICLE)
    assert (finding.severity, finding.role, finding.probability) == (Severity.HIGH, Role.CUSTOMER, 0.7)


@pytest.mark.parametrize(
    "sigh",
    [
        replace(SIGH, owner=Role.AGENT),
        replace(SIGH, start_ms=13_200, end_ms=13_900),
        replace(SIGH, probability=0.3),
        replace(SIGH, kind=EventKind.BREATH),
    ],
    ids=["the agent's", "after", "unsure", "a breath"],
)
def test_other_sighs_leave_anger_as_it_is(sigh: Event) -> None:
    assert article(HELLO, ASKS, ANGRY, events=(sigh,)) == [("angry", 10_000)]


def test_another_anger_in_the_same_call_stays() -> None:
    later: Row = ("customer", 40_000, 42_000, "太过分了", "ANGRY")
    assert article(HELLO, ASKS, ANGRY, later, events=(SIGH,)) == [("sigh-then-angry", 8_000), ("angry", 40_000)]


def test_anger_next_to_a_silence() -> None:
    assert article(HELLO, ASKS, ANGRY, events=(SILENCE,)) == [("angry-next-to-silence", 8_000), ("angry", 10_000)]
    after = replace(SILENCE, start_ms=13_000, end_ms=15_000)
    assert article(HELLO, ASKS, ANGRY, events=(after,)) == [("angry", 10_000), ("angry-next-to-silence", 10_000)]


@pytest.mark.parametrize(
    "silence",
    [
        replace(SILENCE, owner=Role.CUSTOMER),
        replace(SILENCE, start_ms=6_000, end_ms=9_499),
        replace(SILENCE, start_ms=20_000, end_ms=25_000),
        replace(SILENCE, kind=EventKind.HOLD_MUSIC),
    ],
    ids=["the customer's", "before the last word", "later", "music"],
)
def test_other_silences(silence: Event) -> None:
    assert article(HELLO, ASKS, ANGRY, events=(silence,)) == [("angry", 10_000)]


def test_a_sigh_long_before_anger_is_forgotten() -> None:
    angry: Row = ("customer", 18_600, 20_000, "你们到底管不管？", "ANGRY")
    assert article(HELLO, ASKS, angry, events=(SIGH,)) == [("sigh-then-angry", 8_000)]
    later: Row = ("customer", 18_601, 20_000, "你们到底管不管？", "ANGRY")
    assert article(HELLO, ASKS, later, events=(SIGH,)) == [("angry", 18_601)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (Language.ZH, "我用了之后过敏了"),
        (Language.EN, "I have got an allergy now"),
        (Language.JA, "アレルギーが出ました"),
        (Language.KO, "알레르기가 생겼어요"),
    ],
)
def test_sad_with_allergy(language: Language, text: str) -> None:
    assert article(("customer", 0, 2_000, text, "SAD"), language=language) == [("sad-with-allergy", 0)]
    assert article(("customer", 0, 2_000, text, "NEUTRAL"), language=language) == []
    assert article(("agent", 0, 2_000, text, "SAD"), language=language) == []
    (rule,) = (rule for rule in load_rulebook(None).rules if rule.name == "sad-with-allergy")
    assert rule.link


def test_the_allergy_must_be_near_the_sad_sentence() -> None:
    allergy: Row = ("customer", 0, 2_000, "我过敏了")
    assert article(allergy, ("customer", 12_000, 14_000, "好难过", "SAD")) == [("sad-with-allergy", 0)]
    assert article(allergy, ("customer", 12_001, 14_000, "好难过", "SAD")) == []


def test_japanese_anger_with_a_sigh_outranks_both() -> None:
    script: list[Row] = [("customer", 10_000, 13_000, "どうなっているんですか", "ANGRY")]
    assert article(*script, events=(SIGH,), language=Language.JA) == [("ja-angry-with-sigh", 8_000)]
    after = replace(SIGH, start_ms=13_500, end_ms=14_000)
    assert article(*script, events=(after,), language=Language.JA) == [("ja-angry-with-sigh", 10_000)]
    assert article(*script, language=Language.JA) == [("angry", 10_000)]
    (rule,) = (rule for rule in load_rulebook(None).rules if rule.name == "ja-angry-with-sigh")
    assert rule.severity is Severity.CRITICAL
    assert [(action.webhook, action.translate_to) for action in rule.actions] == [("tickets", "zh")]
    assert rule.advice


def test_the_language_is_that_of_the_angry_sentence() -> None:
    angry, other = play([ANGRY, ("customer", 14_000, 15_000, "すみません")])
    facts = facts_of((angry, replace(other, language=Language.JA)), events=[SIGH])
    assert [rule for rule, _ in fired(facts)] == ["sigh-then-angry"]


# --- quality of service


def test_a_missing_greeting() -> None:
    bye: Row = ("agent", 14_000, 16_000, "再见")
    assert "agent-greeting-missing" not in dict(fired(facts_of([HELLO, ASKS, bye])))
    answers: list[Row] = [("customer", 7_500, 8_000, "在吗？"), ("customer", 17_000, 18_000, "喂？")]
    silent_start: list[Row] = [("agent", 0, 2_000, "什么事？"), ASKS, ("agent", 6_000, 7_000, "嗯"), *answers, bye]
    (finding,) = (one for one in findings(facts_of(silent_start)) if one.rule == "agent-greeting-missing")
    assert finding.role is Role.AGENT
    late: Row = ("agent", 20_000, 21_000, "您好")
    assert "agent-greeting-missing" in dict(fired(facts_of([*silent_start, late])))
    # A call without the agent, or cut off at once, says nothing about greeting.
    assert fired(facts_of([ASKS], duration_ms=60_000)) == []
    assert fired(facts_of([("agent", 0, 2_000, "什么事？")], duration_ms=14_999)) == []


def test_interrupting_again_and_again() -> None:
    def interrupted(who: str, times: int) -> list[tuple[str, int]]:
        events = [an_event(EventKind.INTERRUPTION, who, at, at + 400) for at in range(0, times * 3_000, 3_000)]
        return fired(facts_of([HELLO, ASKS], events=events))

    assert interrupted("agent", 3) == [("agent-interrupts-repeatedly", 0)]
    assert interrupted("agent", 2) == interrupted("customer", 5) == []


def test_shouting_is_loud_and_louder_than_usual() -> None:
    script = [("agent", at, at + 2_000, "您好") for at in range(0, 10_000, 2_500)]
    segments = play([*script, *(("customer", at + 2_100, at + 2_300, "嗯") for at in range(0, 10_000, 2_500))])

    def shouts(**levels: float) -> bool:
        turns = turns_of(segments, loudness_dbfs={int(no[1:]): level for no, level in levels.items()})
        return "agent-shouts" in dict(fired(facts_of(segments, turns=turns)))

    assert shouts(t4=-12.0)
    assert not shouts(t4=-19.0)
    assert not shouts(t0=-12.0, t2=-12.0, t4=-12.0, t6=-12.0)
    assert not shouts(t5=-12.0)


def test_words() -> None:
    rude = facts_of([HELLO, ("agent", 6_000, 7_000, "你闭嘴吧")])
    assert [rule for rule, _ in fired(rude)] == ["forbidden-words"]
    assert fired(facts_of([HELLO, ("customer", 6_000, 7_000, "你闭嘴吧")])) == []
    threat = facts_of([HELLO, ("customer", 6_000, 7_000, "不退款我就打12315投诉")])
    assert sorted(rule for rule, _ in fired(threat)) == ["refund-requested", "threat-to-complain"]


def test_a_long_hold() -> None:
    music = an_event(EventKind.HOLD_MUSIC, None, 6_000, 36_000)
    assert fired(facts_of([HELLO, ASKS], events=[music])) == [("long-hold", 6_000)]
    assert fired(facts_of([HELLO, ASKS], events=[replace(music, end_ms=35_999)])) == []
    silence = replace(SILENCE, start_ms=6_000, end_ms=36_000)
    assert fired(facts_of([HELLO, ASKS], events=[silence])) == [("long-hold", 6_000)]
    assert fired(facts_of([HELLO, ASKS], events=[replace(silence, owner=Role.CUSTOMER)])) == []


def test_the_service_card() -> None:
    rulebook = load_rulebook(None)

    def points(*script: Row) -> float:
        found = findings(facts_of(script), rulebook)
        (score,) = score_call((), found, rulebook)
        assert score.max_score == 100
        return score.score

    assert points(HELLO, ASKS) == 100
    assert points(HELLO, ("agent", 6_000, 7_000, "你闭嘴吧")) == 60


# --- with everything derived, from what a worker hears


@pytest.mark.parametrize(
    ("language", "script", "found"),
    [
        (
            Language.ZH,
            [("customer", 5_300, 6_500, "唉，还没发货。"), ("customer", 6_900, 9_000, "你们到底管不管？", "ANGRY")],
            ["sigh-then-angry"],
        ),
        (
            Language.ZH,
            [("customer", 6_800, 9_000, "你们到底管不管？", "ANGRY")],
            ["angry", "angry-next-to-silence"],
        ),
        (Language.ZH, [("customer", 6_199, 9_000, "你们到底管不管？", "ANGRY")], ["angry"]),
        (
            Language.JA,
            [("customer", 5_300, 6_500, "はぁ、まだですか。"), ("customer", 6_900, 9_000, "もういい！", "ANGRY")],
            ["ja-angry-with-sigh"],
        ),
        (Language.KO, [("customer", 5_300, 6_500, "알레르기가 생겼어요.", "SAD")], ["sad-with-allergy"]),
        (Language.EN, [("customer", 5_300, 6_500, "That is fine, thanks.", "HAPPY")], []),
    ],
    ids=["sigh", "silence of 1.8 s", "silence of 1.199 s", "ja", "allergy", "nothing"],
)
def test_the_article_on_calls_that_are_heard(language: Language, script: list[Row], found: list[str]) -> None:
    hearing = hear([HELLO, ASKS, *script], language=language)
    meaning = Interpreter(load_rulebook(None), ConversationOptions()).interpret(hearing, CallMetadata()).meaning
    assert sorted({finding.rule for finding in meaning.findings} & ARTICLE) == found
