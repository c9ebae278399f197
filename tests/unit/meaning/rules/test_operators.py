"""What each operator finds, and what it leaves alone, against calls written down by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callscope.calls import (
    CallMeasures,
    CallMetadata,
    Entity,
    EntityKind,
    EventKind,
    EvidenceKind,
    Language,
    Role,
)
from tests.scripts import Line, play
from tests.unit.meaning.rules.scenes import an_event, facts_of, matches, times, turns_of

pytestmark = pytest.mark.unit


# --- what is felt and heard


def test_an_emotion_needs_its_party_and_its_probability() -> None:
    facts = facts_of(
        [
            Line("customer", 0, 1_000, "一", "ANGRY", emotion_probability=0.7),
            Line("customer", 2_000, 3_000, "二", "ANGRY", emotion_probability=0.4),
            Line("agent", 4_000, 5_000, "三", "ANGRY"),
            Line("customer", 6_000, 7_000, "四", "SAD"),
            Line("customer", 8_000, 9_000, "", "ANGRY"),
        ]
    )
    assert times("{emotion: ANGRY, role: customer}", facts) == [(0, 1_000)]
    assert times("{emotion: ANGRY, role: customer, min_probability: 0.4}", facts) == [(0, 1_000), (2_000, 3_000)]
    assert times("{emotion: [ANGRY, SAD]}", facts) == [(0, 1_000), (4_000, 5_000), (6_000, 7_000)]
    (match,) = matches("{emotion: SAD}", facts)
    assert (match.role, match.probability) == (Role.CUSTOMER, 0.9)
    assert [(one.kind, one.number) for one in match.evidence] == [(EvidenceKind.SEGMENT, 3)]


def test_an_event_has_an_owner_a_length_and_a_probability() -> None:
    facts = facts_of(
        [("agent", 0, 1_000, "一"), ("customer", 9_000, 10_000, "二")],
        events=[
            an_event(EventKind.SILENCE, "agent", 1_000, 4_000),
            an_event(EventKind.SILENCE, "customer", 5_000, 8_999),
            an_event(EventKind.LAUGHTER, "customer", 9_000, 9_500, probability=0.4),
        ],
    )
    assert times("{event: SILENCE, role: agent}", facts) == [(1_000, 4_000)]
    assert times("{event: SILENCE, lasts_ms: {at_least: 3999}}", facts) == [(5_000, 8_999)]
    assert times("{event: SILENCE, lasts_ms: {at_most: 3000}}", facts) == [(1_000, 4_000)]
    assert times("event: LAUGHTER", facts) == []
    assert times("{event: [LAUGHTER, SILENCE], min_probability: 0.3}", facts) == [
        (1_000, 4_000),
        (5_000, 8_999),
        (9_000, 9_500),
    ]


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_can_be_asked_for(kind: EventKind) -> None:
    facts = facts_of([("agent", 0, 1_000, "一")], events=[an_event(kind, "agent", 200, 700)])
    assert times(f"{{event: {kind.value}, role: agent}}", facts) == [(200, 700)]
    assert times(f"{{event: {kind.value}, role: customer}}", facts) == []


# --- what is said


@pytest.mark.parametrize(
    ("language", "text", "word", "found"),
    [
        (Language.ZH, "产品和服务都不好", "和服", False),
        (Language.ZH, "我想买一件和服", "和服", True),
        (Language.ZH, "我要退款！", "退款", True),
        (Language.ZH, "我对这个有过敏反应", "过敏", True),
        (Language.ZH, "打12315投诉", '"12315"', True),
        (Language.ZH, "打112315", '"12315"', False),
        (Language.ZH, "我是ＶＩＰ客户", "vip", True),
        (Language.YUE, "我要投訴你哋", "投訴", True),
        (Language.EN, "I want a Refund.", "refund", True),
        (Language.EN, "This is refundable", "refund", False),
        (Language.EN, "give me my money back", "money back", True),
        (Language.JA, "返金してください", "返金", True),
        (Language.JA, "キャンセルしたい", "セル", True),
        (Language.KO, "환불해 주세요", "환불", True),
        (Language.KO, "교환해 주세요", "환불", False),
    ],
)
def test_a_keyword_is_a_word_of_its_language(language: Language, text: str, word: str, *, found: bool) -> None:
    facts = facts_of([("customer", 0, 1_000, text)], language=language)
    assert bool(times(f"keyword: {word}", facts)) is found


def test_keywords_may_have_to_come_together_in_one_segment() -> None:
    facts = facts_of(
        [
            ("customer", 0, 1_000, "我要退款"),
            ("customer", 2_000, 3_000, "退款，退款"),
            ("customer", 4_000, 5_000, "退款，不然投诉"),
            ("agent", 6_000, 7_000, "退款和投诉"),
        ]
    )
    assert times("{keyword: [退款, 投诉, 律师], at_least: 2, role: customer}", facts) == [(4_000, 5_000)]


def test_a_regex_and_what_it_must_not_stand_beside() -> None:
    facts = facts_of(
        [
            ("agent", 0, 1_000, "满300减50"),
            ("agent", 2_000, 3_000, "满300减50不能用"),
            ("customer", 4_000, 5_000, "满200减30"),
        ]
    )
    assert times(r"{regex: '满\d+减\d+', unless: 不能用}", facts) == [(0, 1_000), (4_000, 5_000)]
    assert times(r"{regex: '满\d+减\d+', role: customer}", facts) == [(4_000, 5_000)]


def test_no_pattern_holds_up_a_worker() -> None:
    # Backtracking takes longer than the universe on this.
    facts = facts_of([("agent", 0, 1_000, "a" * 5_000)])
    assert times("regex: '(a+)+b'", facts) == []


def test_a_similar_sentence_alone_or_inside_a_speech() -> None:
    facts = facts_of(
        [
            ("agent", 0, 1_000, "感谢您的来电，再见。"),
            ("agent", 2_000, 3_000, "那就这样，没有别的问题的话感谢您的来电再见。"),
            ("agent", 4_000, 5_000, "再见"),
            ("agent", 6_000, 7_000, "今天天气很好"),
        ]
    )
    assert times("{similar_to: 感谢您的来电再见, min_similarity: 0.8}", facts) == [(0, 1_000), (2_000, 3_000)]


def test_a_party_repeats_itself() -> None:
    facts = facts_of(
        [
            ("customer", 0, 1_000, "我的快递在哪里"),
            ("agent", 1_500, 2_000, "我的快递在哪里"),
            ("customer", 2_500, 3_000, "好的"),
            ("customer", 3_500, 4_500, "我的快递在哪里？"),
            ("agent", 5_000, 6_000, "好的"),
            ("customer", 6_500, 7_000, "我的快递在哪里呢"),
        ]
    )
    (match,) = matches("{repeats: 3, role: customer}", facts)
    assert (match.start_ms, match.end_ms, [one.number for one in match.evidence]) == (0, 7_000, [0, 3, 5])
    # The third time is not one half of a new pair; "yes" is too short to be compared; the agent said it once.
    assert times("repeats: 2", facts) == [(0, 4_500)]
    assert times("{repeats: 2, within_turns: 1, role: customer}", facts) == []
    assert times("{repeats: 2, min_chars: 9}", facts) == []


def test_an_entity_is_named() -> None:
    facts = facts_of(
        [("agent", 0, 1_000, "一"), ("customer", 2_000, 6_000, "订单202611090012")],
        entities=(
            Entity(1, EntityKind.ORDER_NUMBER, "202611090012", "********0012", 2, 14, 3_000, 5_000, 0.9),
            Entity(0, EntityKind.COUPON, "x", "x", 0, 1, 0, 500, 0.4),
        ),
    )
    (match,) = matches("{entity: [ORDER_NUMBER, COUPON], role: customer}", facts)
    assert (match.start_ms, match.end_ms, match.role, match.probability) == (3_000, 5_000, Role.CUSTOMER, 0.9)
    assert [(one.kind, one.number) for one in match.evidence] == [(EvidenceKind.ENTITY, 0)]
    assert times("{entity: ORDER_NUMBER, role: agent}", facts) == []
    assert times("{entity: COUPON, min_probability: 0.4}", facts) == [(0, 500)]


def test_a_language_is_spoken() -> None:
    first, second = play([("agent", 0, 1_000, "您好"), ("customer", 2_000, 3_000, "もしもし")])
    facts = facts_of((first, replace(second, language=Language.JA)))
    assert times("language: ja", facts) == [(2_000, 3_000)]
    assert times("{language: [ja, ko], role: agent}", facts) == []


# --- how a party speaks

TALK = play([("agent", 0, 1_000, "一"), ("customer", 2_000, 5_000, "二"), ("agent", 6_000, 8_000, "三")])


@pytest.mark.parametrize(
    ("measure", "field", "value", "condition"),
    [
        ("units_per_s", "talk_speed", 7.5, "at_least: 7.5"),
        ("loudness_dbfs", "loudness_dbfs", -12.0, "at_least: -15"),
        ("pitch_slope_st_s", "pitch_slope_st_s", 5.0, "at_least: 4"),
        ("pause_ratio", "pause_ratio", 0.4, "at_least: 0.3"),
        ("hesitation_count", "hesitations", 3, "at_least: 3"),
        ("response_ms", "response_ms", -200, "at_most: -1"),
    ],
)
def test_a_measure_of_a_turn(measure: str, field: str, value: float, condition: str) -> None:
    facts = facts_of(TALK, turns=turns_of(TALK, **{measure: {2: value}}))
    assert times(f"{field}: {{{condition}}}", facts) == [(6_000, 8_000)]
    assert times(f"{{{field}: {{{condition}}}, role: agent, min_turn_ms: 2000}}", facts) == [(6_000, 8_000)]
    assert times(f"{{{field}: {{{condition}}}, role: customer}}", facts) == []
    assert times(f"{{{field}: {{{condition}}}, min_turn_ms: 2001}}", facts) == []


def test_a_measure_that_is_not_there_is_in_no_range() -> None:
    facts = facts_of(TALK, turns=turns_of(TALK, units_per_s={0: None, 1: None, 2: None}))
    assert times("talk_speed: {at_most: 100}", facts) == []
    assert times("response_ms: {at_most: 100000}", facts) == [(2_000, 5_000), (6_000, 8_000)]


def test_a_voice_is_raised_above_its_own_median() -> None:
    script = [("agent", at, at + 500, "一") for at in range(0, 8_000, 2_000)]
    script += [("customer", at + 1_000, at + 1_500, "二") for at in range(0, 8_000, 2_000)]
    segments = play(script)
    # The customer's line is loud throughout; the agent shouts once.
    turns = turns_of(segments, loudness_dbfs={1: -10.0, 3: -10.0, 5: -10.0, 7: -10.0, 4: -15.0})
    facts = facts_of(segments, turns=turns)
    assert times("louder_by_db: {at_least: 10}", facts) == [(4_000, 4_500)]
    assert times("louder_by_db: {at_least: 10.1}", facts) == []


def test_speed_over_the_whole_call() -> None:
    facts = facts_of(TALK, measures=CallMeasures(agent_units_per_s=5.0, customer_units_per_s=3.0))
    (match,) = matches("{talk_speed: {at_least: 4}, over: call, role: agent}", facts)
    assert (match.role, match.start_ms, match.end_ms) == (Role.AGENT, 0, 8_000)
    assert match.evidence[0].kind is EvidenceKind.CALL
    assert times("{talk_speed: {at_least: 4}, over: call, role: customer}", facts) == []


def test_a_party_has_the_floor() -> None:
    facts = facts_of(TALK)
    assert times("turn: agent", facts) == [(0, 1_000), (6_000, 8_000)]
    assert times("{turn: agent, lasts_ms: {at_least: 1001}}", facts) == [(6_000, 8_000)]


# --- the call as a whole


def test_who_opens_and_who_closes() -> None:
    facts = facts_of(TALK, duration_ms=10_000)
    assert times("opens: agent", facts) == [(0, 1_000)]
    assert times("opens: customer", facts) == []
    assert times("{opens: agent, after_ms: {at_least: 1}}", facts) == []
    assert times("{closes: agent, before_end_ms: {at_most: 2000}}", facts) == [(6_000, 8_000)]
    assert times("{closes: agent, before_end_ms: {at_most: 1999}}", facts) == []
    assert times("closes: customer", facts) == []


def test_the_last_word_is_the_one_that_ends_last() -> None:
    facts = facts_of([("customer", 0, 9_000, "一"), ("agent", 2_000, 3_000, "二")])
    assert times("closes: customer", facts) == [(0, 9_000)]


def test_talk_share() -> None:
    facts = facts_of(TALK, measures=CallMeasures(agent_speech_ms=3_000, customer_speech_ms=1_000))
    assert times("{talk_share: {at_least: 0.75}, role: agent}", facts) == [(0, 8_000)]
    assert times("{talk_share: {at_most: 0.25}, role: customer}", facts) == [(0, 8_000)]
    assert times("{talk_share: {at_least: 0.26}, role: customer}", facts) == []
    assert times("{talk_share: {at_least: 0}, role: agent}", facts_of(TALK)) == []


def test_duration_and_turns() -> None:
    facts = facts_of(TALK, duration_ms=10_000)
    assert times("duration_ms: {at_least: 10000, at_most: 10000}", facts) == [(0, 10_000)]
    assert times("duration_ms: {at_least: 10001}", facts) == []
    assert times("turn_count: {at_least: 3}", facts) == [(0, 10_000)]
    assert times("{turn_count: {at_least: 2, at_most: 2}, role: agent}", facts) == [(0, 10_000)]
    assert times("{turn_count: {at_least: 2}, role: customer}", facts) == []


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("{metadata: queue, equals: refunds}", True),
        ("{metadata: queue, equals: refund}", False),
        ("{metadata: agent_id, one_of: [a-1, a-7]}", True),
        ("{metadata: agent_id, one_of: [a-1]}", False),
        ("{metadata: call_id, matches: '^c-\\d+$'}", True),
        ("{metadata: call_id, matches: '^d'}", False),
        ("{metadata: direction, exists: false}", True),
        ("{metadata: direction, equals: inbound}", False),
        ("{metadata: tier, equals: gold}", True),
        ("{metadata: tier, exists: true}", True),
        ("{metadata: nothing, exists: true}", False),
        ("{metadata: nothing, matches: '.*'}", False),
    ],
)
def test_what_telephony_told(condition: str, *, holds: bool) -> None:
    metadata = CallMetadata(
        call_id="c-12", agent_id="a-7", queue="refunds", started_at=datetime.now(UTC), extra={"tier": "gold"}
    )
    assert bool(matches(condition, facts_of(TALK, metadata=metadata))) is holds


# --- guessed roles


def test_a_role_that_is_guessed_with_too_little_is_unknown() -> None:
    sure, unsure = play([("agent", 0, 1_000, "一", "ANGRY"), ("customer", 2_000, 3_000, "二", "ANGRY")])
    segments = (replace(sure, role_confidence=0.8), replace(unsure, role_confidence=0.4))
    facts = facts_of(
        segments,
        events=[
            an_event(EventKind.LAUGHTER, "agent", 100, 200, probability=0.95),
            an_event(EventKind.LAUGHTER, "customer", 2_100, 2_200),
        ],
    )
    assert times("{emotion: ANGRY, role: customer}", facts) == []
    assert times("{emotion: ANGRY, role: unknown}", facts) == [(2_000, 3_000)]
    assert times("{event: LAUGHTER, role: customer}", facts) == []
    assert times("turn: customer", facts) == []
    assert [match.role for match in matches("emotion: ANGRY", facts)] == [Role.AGENT, Role.UNKNOWN]
    assert len(matches("{emotion: ANGRY, role: customer}", facts, min_role_confidence=0.4)) == 1


@pytest.mark.parametrize("condition", ["emotion: ANGRY", "event: LAUGHTER", "turn: agent", "keyword: 一"])
def test_who_asks_for_a_role_is_no_surer_than_the_role(condition: str) -> None:
    (segment,) = play([("agent", 0, 1_000, "一", "ANGRY")])
    facts = facts_of(
        (replace(segment, role_confidence=0.6),),
        events=[an_event(EventKind.LAUGHTER, "agent", 0, 500, probability=0.9)],
    )
    asked = condition if condition.startswith("turn") else f"{{{condition}, role: agent}}"
    assert [match.probability for match in matches(asked, facts)] == [0.6]
    if asked != condition:
        assert [match.probability for match in matches(condition, facts)] in ([0.9], [1.0])
