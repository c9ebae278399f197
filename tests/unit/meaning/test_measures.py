"""Sums over calls that are written down, counted by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given

from callscope.calls import CallMeasures, EventKind, Role
from callscope.meaning.conversation import ConversationOptions, derive_events
from callscope.meaning.measures import measure_call
from callscope.meaning.turns import find_turns
from tests.scripts import Line, Row, play
from tests.unit.meaning.strategies import CALLS, END_MS, swapped

pytestmark = pytest.mark.unit


def measure(script: Sequence[Row], duration_ms: int) -> CallMeasures:
    segments = play(script)
    events = derive_events(segments, duration_ms=duration_ms, options=ConversationOptions())
    return measure_call(segments, events, find_turns(segments))


def test_a_call_counted_by_hand() -> None:
    script = [
        ("agent", 1_500, 3_500, "您好请问什么"),  # after a silence that is nobody's
        ("customer", 4_000, 7_000, "我的订单没有到货"),
        ("agent", 9_000, 11_000, "我看看啊"),  # the agent's silence of 2 s
        ("customer", 10_500, 13_000, "你们"),  # interrupts for 0.5 s
        ("agent", 13_400, 15_000, "对不起"),
        ("customer", 18_000, 20_000, "好"),  # the customer's silence of 3 s
    ]
    assert measure(script, 22_000) == CallMeasures(
        agent_speech_ms=5_600,
        customer_speech_ms=7_500,
        silence_count=4,
        silence_ms=1_500 + 2_000 + 3_000 + 2_000,
        longest_silence_ms=3_000,
        agent_silence_ms=4_000,
        crosstalk_count=1,
        crosstalk_ms=500,
        agent_interruptions=0,
        customer_interruptions=1,
        turn_count=6,
        agent_response_ms=1_200,
        agent_units_per_s=round(13 / 5.6, 3),
        customer_units_per_s=round(11 / 7.5, 3),
    )


def test_only_delays_after_a_customer_are_the_agents() -> None:
    # The agent talks first, answers once before the end, and once 900 ms after it.
    script = [
        ("agent", 0, 1_000, "您好"),
        ("customer", 1_500, 4_000, "一二"),
        ("agent", 3_800, 5_000, "三"),
        ("customer", 5_500, 8_000, "四"),
        ("agent", 6_000, 6_300, "嗯"),
        ("agent", 8_900, 9_500, "好"),
    ]
    assert measure(script, 9_500).agent_response_ms == 900
    assert measure(script[:4], 8_000).agent_response_ms is None


def test_a_call_without_speech() -> None:
    assert measure([], 1_000) == CallMeasures()
    assert measure([Line("agent", 0, 800, event="BGM")], 1_000).agent_speech_ms == 0


@given(CALLS)
def test_sums_of_exchanged_channels_are_exchanged(lines: list[Line]) -> None:
    mine, theirs = measure(lines, END_MS), measure(swapped(lines), END_MS)
    assert (mine.agent_speech_ms, mine.agent_interruptions, mine.agent_units_per_s) == (
        theirs.customer_speech_ms,
        theirs.customer_interruptions,
        theirs.customer_units_per_s,
    )
    assert (mine.silence_ms, mine.crosstalk_ms) == (theirs.silence_ms, theirs.crosstalk_ms)


@given(CALLS)
def test_sums_are_those_of_the_events(lines: list[Line]) -> None:
    segments = play(lines)
    events = derive_events(segments, duration_ms=END_MS, options=ConversationOptions())
    found = measure(lines, END_MS)
    silences = [event for event in events if event.kind is EventKind.SILENCE]
    assert found.silence_count == len(silences)
    assert found.agent_silence_ms == sum(e.end_ms - e.start_ms for e in silences if e.owner is Role.AGENT)
    assert found.longest_silence_ms <= found.silence_ms <= END_MS
    assert max(found.agent_speech_ms, found.customer_speech_ms) + found.silence_ms <= END_MS
