"""Turns and their measures on calls that are written down."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given

from callscope.calls import Language, Role, Turn, Word
from callscope.meaning.turns import find_turns, talk_speed
from tests.scripts import Line, Row, play
from tests.unit.meaning.strategies import CALLS

pytestmark = pytest.mark.unit


def turns_of(*script: Row, language: Language = Language.ZH) -> tuple[Turn, ...]:
    return find_turns(play(script, language=language))


def shape(turns: tuple[Turn, ...]) -> list[tuple[Role, int, int, tuple[int, ...], int | None]]:
    return [(turn.role, turn.start_ms, turn.end_ms, turn.segment_nos, turn.response_ms) for turn in turns]


def test_parties_take_turns() -> None:
    turns = turns_of(
        ("agent", 0, 1_000, "您好"),
        ("agent", 1_500, 2_500, "请问"),
        ("customer", 3_100, 4_000, "我的订单"),
        ("agent", 5_200, 6_000, "好的"),
    )
    assert shape(turns) == [
        (Role.AGENT, 0, 2_500, (0, 1), None),
        (Role.CUSTOMER, 3_100, 4_000, (2,), 600),
        (Role.AGENT, 5_200, 6_000, (3,), 1_200),
    ]


def test_who_comes_in_before_the_end_responds_below_zero() -> None:
    turns = turns_of(("agent", 0, 3_000, "您好"), ("customer", 2_600, 4_000, "喂"))
    assert [turn.response_ms for turn in turns] == [None, -400]


def test_a_backchannel_ends_no_turn() -> None:
    turns = turns_of(
        ("customer", 0, 5_000, "一"),
        ("agent", 2_000, 2_300, "嗯"),
        ("customer", 5_600, 8_000, "二"),
        ("agent", 8_400, 9_000, "好"),
    )
    assert shape(turns) == [
        (Role.CUSTOMER, 0, 8_000, (0, 2), None),
        (Role.AGENT, 2_000, 2_300, (1,), -3_000),
        (Role.AGENT, 8_400, 9_000, (3,), 400),
    ]


def test_backchannels_in_one_stretch_are_one_turn_and_in_two_are_two() -> None:
    turns = turns_of(
        ("customer", 0, 5_000, "一"),
        ("agent", 1_000, 1_300, "嗯"),
        ("agent", 3_000, 3_300, "嗯"),
        ("customer", 5_600, 8_000, "二"),
        ("agent", 6_000, 6_300, "嗯"),
    )
    assert [turn.segment_nos for turn in turns] == [(0, 3), (1, 2), (4,)]


def test_an_interjection_that_comes_to_nothing_ends_no_turn() -> None:
    turns = turns_of(("agent", 0, 9_000, "一"), ("customer", 3_000, 6_000, "等等"), ("agent", 9_500, 9_900, "二"))
    assert [turn.segment_nos for turn in turns] == [(0, 2), (1,)]


def test_a_long_region_that_was_cut_is_one_stretch() -> None:
    turns = turns_of(("agent", 0, 29_500, "一"), ("customer", 29_000, 30_000, "嗯"), ("agent", 29_500, 40_000, "二"))
    assert [turn.segment_nos for turn in turns] == [(0, 2), (1,)]


def test_an_answer_in_a_pause_is_a_turn() -> None:
    turns = turns_of(("agent", 0, 1_000, "是吗"), ("customer", 1_100, 1_400, "是"), ("agent", 1_600, 3_000, "好"))
    assert [turn.segment_nos for turn in turns] == [(0,), (1,), (2,)]


def test_of_two_that_speak_at_once_the_lower_channel_has_the_floor() -> None:
    turns = turns_of(("agent", 0, 1_000, "喂"), ("customer", 0, 1_000, "喂"), ("agent", 1_500, 2_000, "您好"))
    assert [turn.segment_nos for turn in turns] == [(0, 2), (1,)]
    turns = turns_of(("agent", 0, 400, "喂"), ("customer", 0, 1_000, "喂"), ("customer", 1_500, 2_000, "您好"))
    assert [turn.segment_nos for turn in turns] == [(0,), (1, 2)]


def test_in_a_mono_call_roles_take_turns() -> None:
    segments = play([("unknown", 0, 900, "您好"), ("unknown", 1_500, 2_500, "喂"), ("unknown", 3_000, 4_000, "嗯")])
    assert [turn.segment_nos for turn in find_turns(segments)] == [(0, 1, 2)]
    guessed = [
        replace(s, role=role) for s, role in zip(segments, (Role.AGENT, Role.CUSTOMER, Role.UNKNOWN), strict=True)
    ]
    assert shape(find_turns(guessed)) == [
        (Role.AGENT, 0, 900, (0,), None),
        (Role.CUSTOMER, 1_500, 2_500, (1,), 600),
        (Role.UNKNOWN, 3_000, 4_000, (2,), 500),
    ]


def test_sounds_are_no_turns() -> None:
    turns = turns_of(
        ("agent", 0, 1_000, "一"), Line("customer", 1_100, 2_000, event="COUGH"), ("agent", 2_200, 3_000, "二")
    )
    assert [turn.segment_nos for turn in turns] == [(0, 2)]
    assert find_turns(()) == ()


@pytest.mark.parametrize(
    ("language", "text", "units"),
    [
        (Language.ZH, "您好，请问您有什么问题？", 10),
        (Language.ZH, "订单号，202611183574。", 15),
        (Language.ZH, "我的iPhone坏了", 5),
        (Language.YUE, "唔好意思，请问几时买㗎？", 10),
        (Language.JA, "ケーキが、届いていません。", 11),
        (Language.KO, "네, 번호는 350912478806입니다.", 19),
        (Language.EN, "Hello, I'm sorry -- it's 7.30 p.m.", 6),
    ],
)
def test_talk_speed_counts_characters_or_words(language: Language, text: str, units: int) -> None:
    (turn,) = turns_of(("agent", 1_000, 3_500, text), language=language)
    assert turn.units_per_s == pytest.approx(units / 2.5)


def test_talk_speed_is_that_of_speech_without_pauses() -> None:
    segments = play([("agent", 0, 1_000, "一二三四"), ("agent", 6_000, 7_000, "五六"), ("agent", 8_000, 9_000, "……")])
    assert talk_speed(segments) == 3.0
    assert talk_speed(segments[2:]) is None


def test_pauses_are_between_words_and_between_segments() -> None:
    first, second = play([("agent", 0, 2_000, "一二三"), ("agent", 3_000, 4_000, "四")])
    # From word to word 299 ms, which is fluent, and 300 ms; then 1,000 ms from segment to segment.
    words = (Word("一", 100, 160), Word("二", 459, 500), Word("三", 800, 860))
    (turn,) = find_turns([replace(first, words=words), second])
    assert turn.pause_ratio == pytest.approx(1_300 / 4_000)
    assert turn.hesitation_count == 1


def test_a_hesitation_is_longer_than_half_a_second() -> None:
    for gap_ms, count in ((500, 0), (501, 1)):
        (turn,) = turns_of(("agent", 0, 1_000, "一"), ("agent", 1_000 + gap_ms, 3_000, "二"))
        assert turn.hesitation_count == count


def test_a_fluent_turn_has_no_pauses() -> None:
    (turn,) = turns_of(("agent", 0, 1_000, "一二三四"))
    assert (turn.pause_ratio, turn.hesitation_count) == (0, 0)


def test_loudness_is_the_mean_power_over_time() -> None:
    (turn,) = turns_of(
        Line("agent", 0, 3_000, "一", loudness_dbfs=-20.0), Line("agent", 3_500, 4_500, "二", loudness_dbfs=-10.0)
    )
    assert turn.loudness_dbfs == pytest.approx(-14.88, abs=0.01)


def test_the_pitch_is_that_of_the_last_segment() -> None:
    script = [
        Line("agent", 0, 900, "一", pitch_slope_st_s=9.0),
        Line("agent", 1_000, 1_900, "二", pitch_slope_st_s=-4.0),
    ]
    assert find_turns(play(script))[0].pitch_slope_st_s == -4.0
    assert find_turns(play([*script, Line("agent", 2_500, 3_000, "三")]))[0].pitch_slope_st_s is None


@given(CALLS)
def test_turns_cover_each_speech_segment_once(lines: list[Line]) -> None:
    segments = play(lines)
    turns = find_turns(segments)
    covered = Counter(number for turn in turns for number in turn.segment_nos)
    assert covered == Counter(number for number, segment in enumerate(segments) if segment.is_speech)
    for turn in turns:
        mine = [segments[number] for number in turn.segment_nos]
        assert {(segment.channel, segment.role) for segment in mine} == {(turn.channel, turn.role)}
        assert (turn.start_ms, turn.end_ms) == (mine[0].start_ms, max(segment.end_ms for segment in mine))
        assert list(turn.segment_nos) == sorted(turn.segment_nos)
        assert 0 <= turn.pause_ratio <= 1
        assert turn.hesitation_count >= 0
    assert list(turns) == sorted(turns, key=lambda turn: (turn.start_ms, turn.channel))
    assert [turn.response_ms for turn in turns[:1]] == [None] * len(turns[:1])
