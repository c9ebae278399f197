"""How conditions are put together, against calls written down by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.calls import CallMetadata, Emotion, Event, EventKind, EvidenceKind, Finding, Role
from callscope.meaning.bursts import find_bursts
from callscope.meaning.facts import CallFacts
from callscope.meaning.rules.book import load_rulebook
from callscope.meaning.rules.index import CallIndex, Match
from callscope.meaning.scorecards import score_call
from tests.scripts import Line, play
from tests.unit.meaning.rules.page import CONDITIONS
from tests.unit.meaning.rules.scenes import a_source, an_event, facts_of, findings, matches, times

pytestmark = pytest.mark.unit

ANGRY = "{emotion: ANGRY, role: customer}"
SAD = "{emotion: SAD, role: customer}"
SIGH = "{event: SIGH, role: customer}"


def a_talk(*feelings: tuple[int, str], sighs: tuple[int, ...] = (), silences: tuple[int, ...] = ()) -> CallFacts:
    """Customer's segments of 1 s, each followed by the agent's of 0.5 s; sighs of 0.5 s; agent's silences of 2 s."""
    script = [("customer", at, at + 1_000, "一", emotion) for at, emotion in feelings]
    return facts_of(
        [*script, *(("agent", at + 1_200, at + 1_700, "二", "NEUTRAL") for at, _ in feelings)],
        events=[
            *(an_event(EventKind.SIGH, "customer", at, at + 500, probability=0.6) for at in sighs),
            *(an_event(EventKind.SILENCE, "agent", at, at + 2_000) for at in silences),
        ],
        duration_ms=60_000,
    )


# --- all, any, not


def test_all_is_where_its_first_place_is() -> None:
    facts = a_talk((0, "ANGRY"), (10_000, "ANGRY"), (20_000, "SAD"))
    condition = f"all:\n  - duration_ms: {{at_least: 1}}\n  - {ANGRY}\n  - {SAD}"
    found = matches(condition, facts)
    assert [(match.start_ms, match.end_ms, match.role) for match in found] == [
        (0, 21_000, Role.CUSTOMER),
        (10_000, 21_000, Role.CUSTOMER),
    ]
    assert [one.kind for one in found[0].evidence] == [EvidenceKind.SEGMENT, EvidenceKind.CALL, EvidenceKind.SEGMENT]
    assert times(f"all: [{ANGRY}, {{emotion: HAPPY}}]", facts) == []


def test_all_of_facts_about_the_call_is_one() -> None:
    facts = facts_of([("agent", 0, 1_000, "一")], metadata=CallMetadata(queue="q"), duration_ms=5_000)
    assert times("all: [{duration_ms: {at_least: 1}}, {metadata: queue, equals: q}]", facts) == [(0, 5_000)]


def test_any_is_where_either_is_once() -> None:
    facts = a_talk((0, "ANGRY"), (10_000, "SAD"))
    assert times(f"any: [{SAD}, {ANGRY}, {ANGRY}]", facts) == [(0, 1_000), (10_000, 11_000)]


def test_not_is_a_fact_of_the_call() -> None:
    facts = a_talk((0, "ANGRY"))
    assert times(f"not: {SAD}", facts) == [(0, 60_000)]
    assert times(f"not: {ANGRY}", facts) == []


# --- time


def test_together_is_overlap_unless_told_how_near() -> None:
    facts = a_talk((0, "NEUTRAL"), (10_000, "ANGRY"), sighs=(9_000, 30_000))
    assert times(f"together: [{ANGRY}, {SIGH}]", facts) == []
    assert times(f"{{together: [{ANGRY}, {SIGH}], within_ms: 499}}", facts) == []
    (match,) = matches(f"{{together: [{ANGRY}, {SIGH}], within_ms: 500}}", facts)
    assert (match.start_ms, match.end_ms, match.probability) == (9_000, 11_000, 0.6)
    assert times(f"together: [{ANGRY}, {SIGH}]", a_talk((0, "ANGRY"), sighs=(900,))) == [(0, 1_400)]
    # Touching is not overlapping.
    assert times(f"together: [{ANGRY}, {SIGH}]", a_talk((500, "ANGRY"), sighs=(0,))) == []


def test_a_sequence_has_an_order_and_a_limit() -> None:
    order = f"{{sequence: [{SIGH}, {ANGRY}], within_ms: 5000}}"
    assert times(order, a_talk((5_500, "ANGRY"), sighs=(0,))) == [(0, 6_500)]
    assert times(order, a_talk((5_501, "ANGRY"), sighs=(0,))) == []
    assert times(order, a_talk((0, "ANGRY"), sighs=(1_000,))) == []
    # The sigh begins with the angry sentence.
    assert times(order, a_talk((0, "ANGRY"), sighs=(0,))) == [(0, 1_000)]


def test_a_sequence_is_tight_and_uses_nothing_twice() -> None:
    order = f"{{sequence: [{SIGH}, {ANGRY}], within_ms: 60000}}"
    two = a_talk((5_000, "ANGRY"), (7_000, "ANGRY"), sighs=(1_000, 3_000))
    assert times(order, two) == [(1_000, 8_000), (3_000, 6_000)]
    assert times(order, a_talk((5_000, "ANGRY"), (7_000, "ANGRY"), sighs=(3_000,))) == [(3_000, 6_000)]


def test_a_sequence_of_three_goes_back_when_the_nearest_leads_nowhere() -> None:
    # The nearer sad sentence has no sigh before it in time; the farther one has.
    facts = a_talk((1_000, "SAD"), (4_500, "SAD"), (6_000, "ANGRY"), sighs=(0,))
    assert times(f"{{sequence: [{SIGH}, {SAD}, {ANGRY}], within_ms: 4000}}", facts) == [(0, 7_000)]
    assert times(f"{{sequence: [{SIGH}, {SAD}, {ANGRY}], within_ms: 3999}}", facts) == []


def test_a_sequence_of_the_same_twice_needs_two() -> None:
    assert times(f"{{sequence: [{ANGRY}, {ANGRY}], within_ms: 9000}}", a_talk((0, "ANGRY"))) == []
    assert times(f"{{sequence: [{ANGRY}, {ANGRY}], within_ms: 9000}}", a_talk((0, "ANGRY"), (5_000, "ANGRY"))) == [
        (0, 6_000)
    ]


@pytest.mark.parametrize(
    ("side", "found"),
    [("before", [(8_000, 11_000)]), ("after", [(20_000, 23_100)]), ("around", [(8_000, 11_000), (20_000, 23_100)])],
)
def test_beside_has_sides(side: str, found: list[tuple[int, int]]) -> None:
    facts = a_talk((10_000, "ANGRY"), (20_000, "ANGRY"), (30_000, "ANGRY"), silences=(8_000, 21_100))
    assert (
        times(f"{{at: {ANGRY}, with: {{event: SILENCE, role: agent}}, side: {side}, within_ms: 200}}", facts) == found
    )


def test_without_is_the_rest() -> None:
    facts = a_talk((10_000, "ANGRY"), (20_000, "ANGRY"), silences=(8_000,))
    without = f"{{at: {ANGRY}, without: {{event: SILENCE}}, within_ms: 0}}"
    assert times(without, facts) == [(20_000, 21_000)]
    assert times(without, a_talk((10_000, "ANGRY"))) == [(10_000, 11_000)]


def test_turns_apart() -> None:
    # Turns: customer 0, agent 1, customer 2 (angry), agent 3, customer 4, agent 5.
    facts = a_talk((0, "SAD"), (5_000, "ANGRY"), (10_000, "HAPPY"), silences=(2_000,))
    for emotion, turns, found in [("SAD", 1, 0), ("SAD", 2, 1), ("HAPPY", 2, 1), ("HAPPY", 1, 0), ("ANGRY", 9, 0)]:
        near = f"{{at: {ANGRY}, with: {{emotion: {emotion}}}, within_turns: {turns}}}"
        assert len(times(near, facts)) == found, (emotion, turns)
    # The silence lies between turn 1 and turn 2: beside both, two from turn 0.
    silence = "{event: SILENCE}"
    assert len(times(f"{{at: {ANGRY}, with: {silence}, within_turns: 1}}", facts)) == 1
    assert len(times(f"{{at: {ANGRY}, with: {silence}, within_turns: 0}}", facts)) == 0
    assert len(times(f"{{at: {SAD}, with: {silence}, within_turns: 1}}", facts)) == 0


def test_the_same_turn() -> None:
    facts = facts_of([("customer", 0, 1_000, "一", "SAD"), ("customer", 1_500, 2_500, "二", "ANGRY")])
    assert times(f"{{at: {ANGRY}, with: {SAD}, within_turns: 0}}", facts) == [(0, 2_500)]


# --- number and place


def test_counting_a_whole_call() -> None:
    facts = a_talk((0, "ANGRY"), (10_000, "ANGRY"), (30_000, "ANGRY"))
    assert times(f"{{count: {ANGRY}, at_least: 3}}", facts) == [(0, 31_000)]
    assert times(f"{{count: {ANGRY}, at_least: 4}}", facts) == []
    assert times(f"{{count: {ANGRY}, at_least: 1, at_most: 2}}", facts) == []
    assert times(f"{{count: {SAD}, at_most: 0}}", facts) == [(0, 60_000)]


def test_counting_within_a_time() -> None:
    facts = a_talk((0, "ANGRY"), (10_000, "ANGRY"), (13_000, "ANGRY"), (30_000, "ANGRY"), (33_000, "ANGRY"))
    assert times(f"{{count: {ANGRY}, at_least: 2, within_ms: 4000}}", facts) == [(10_000, 14_000), (30_000, 34_000)]
    assert times(f"{{count: {ANGRY}, at_least: 2, within_ms: 3999}}", facts) == []


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("first_ms: 10000", [0]),
        ("first_ms: 10001", [0, 10_000]),
        ("last_ms: 29000", []),
        ("last_ms: 29001", [30_000]),
        ("first_turns: 2", [0]),
        ("first_turns: 3", [0, 10_000]),
        ("last_turns: 1", []),
        ("last_turns: 2", [30_000]),
        ("{first_turns: 1, role: customer}", [0]),
        ("{last_turns: 1, role: customer}", [30_000]),
        ("{first_turns: 99, role: unknown}", []),
    ],
)
def test_parts_of_a_call(part: str, found: list[int]) -> None:
    facts = a_talk((0, "ANGRY"), (10_000, "ANGRY"), (30_000, "ANGRY"))
    within = part if part.startswith("{") else f"{{{part}}}"
    assert [start_ms for start_ms, _ in times(f"{{find: {ANGRY}, in: {within}}}", facts)] == found


# --- whatever the call

SEGMENTS = st.lists(
    st.tuples(
        st.sampled_from(["agent", "customer", "unknown"]),
        st.integers(0, 40_000),
        st.integers(0, 5_000),
        st.sampled_from(["", "您好", "我要退款，不然我就投诉", "还没发货", "refund please", "过敏"]),
        st.sampled_from([emotion.value for emotion in Emotion]),
    ).map(lambda t: Line(t[0], t[1], t[1] + t[2], *t[3:])),
    max_size=14,
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(EventKind),
        st.sampled_from(["agent", "customer", None]),
        st.integers(0, 40_000),
        st.integers(0, 9_000),
        st.floats(0, 1),
    ).map(lambda t: an_event(t[0], t[1], t[2], t[2] + t[3], probability=t[4])),
    max_size=10,
)
ALL_CONDITIONS = [
    rule.when
    for text in CONDITIONS
    for rule in a_source(
        "rules:\n  - name: x\n    about: x\n    when:\n" + "".join(f"      {line}\n" for line in text.splitlines())
    ).content.rules
]


@settings(deadline=None)  # the first call loads the dictionary that cuts Chinese
@given(SEGMENTS, EVENTS)
def test_no_call_makes_the_rules_fail(script: list[Line], events: list[Event]) -> None:
    facts = facts_of(play(script), events=events, duration_ms=50_000)
    rulebook = load_rulebook(None)
    index = CallIndex(facts, min_role_confidence=0.5)
    found = [match for condition in ALL_CONDITIONS for match in condition.find(index)]
    found_by_rules = findings(facts, rulebook)
    assert list(found_by_rules) == sorted(found_by_rules, key=lambda finding: (finding.start_ms, finding.rule))
    everything: list[Match | Finding] = [*found, *found_by_rules]
    for one in everything:
        assert 0 <= one.start_ms <= one.end_ms <= 50_000
        assert 0 <= one.probability <= 1
        assert one.evidence
    bursts = find_bursts(facts, rulebook.soothing)
    for score in score_call(bursts, found_by_rules, rulebook):
        assert 0 <= score.score <= score.max_score
