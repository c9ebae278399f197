"""Roles in calls of one channel, by phrase and by voice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from callscope.calls import Language, Role
from callscope.meaning.roles import guess_roles
from tests.scripts import Line, play

pytestmark = pytest.mark.unit

SAMPLES = Path(__file__).parents[3] / "samples" / "reference"


def stranger(nth: int, text: str, pitch_hz: float | None = None) -> Line:
    return Line("unknown", 3_000 * nth, 3_000 * nth + 2_000, text, pitch_hz=pitch_hz)


def guesses(*lines: Line, language: Language = Language.ZH) -> list[tuple[str, float]]:
    return [(segment.role.value, segment.role_confidence) for segment in guess_roles(play(lines, language=language))]


@pytest.mark.parametrize(
    ("language", "agent", "customer"),
    [
        (Language.ZH, "您好，很高兴为您服务，请问有什么可以帮您？", "我的订单还没收到。"),
        (Language.ZH, "请您稍等，我马上帮您查。", "我要退款。"),
        (Language.YUE, "多謝你致電，請問有咩可以幫到你？", "我嘅包裹仲未到。"),
        (Language.JA, "お電話ありがとうございます。", "注文したケーキが届いていません。"),
        (Language.KO, "고객님, 무엇을 도와 드릴까요?", "제가 주문한 상품이 아직도 안 왔어요."),
        (Language.EN, "Thank you for calling, how may I help you?", "My order has not arrived."),
    ],
)
def test_phrases_tell(language: Language, agent: str, customer: str) -> None:
    assert guesses(stranger(0, agent), stranger(1, customer), language=language) == [("agent", 0.7), ("customer", 0.7)]


@pytest.mark.parametrize("text", ["好的。", "您好，为您服务，我的订单。", ""])
def test_no_phrase_or_both_tell_nothing(text: str) -> None:
    assert guesses(stranger(0, text)) == [("unknown", 1.0)]


def test_a_text_in_no_language_tells_nothing() -> None:
    (segment,) = play([stranger(0, "请问有什么可以帮您？")], language=Language.NOSPEECH)
    assert guess_roles([segment])[0] is segment


def test_voices_are_named_by_the_phrases_in_them() -> None:
    assert guesses(
        stranger(0, "请问有什么可以帮您？", 210.0),
        stranger(1, "我的订单没到。", 120.0),
        stranger(2, "好的。", 225.0),
        stranger(3, "三天了。", 110.0),
        stranger(4, "嗯。"),
    ) == [("agent", 0.7), ("customer", 0.7), ("agent", 0.6), ("customer", 0.6), ("unknown", 1.0)]


def test_one_named_voice_names_the_other_less_surely() -> None:
    lines = [stranger(0, "请问有什么可以帮您？", 210.0), stranger(1, "好。", 220.0)]
    others = [stranger(2, "三天了。", 120.0), stranger(3, "嗯。", 110.0)]
    assert guesses(*lines, *others) == [("agent", 0.7), ("agent", 0.5), ("customer", 0.5), ("customer", 0.5)]


@pytest.mark.parametrize(
    ("low_hz", "high_hz", "named"),
    [
        (150.0, 150.0 * 2 ** (3.01 / 12), True),
        (150.0, 150.0 * 2 ** (2.99 / 12), False),
    ],
)
def test_voices_are_three_semitones_apart(low_hz: float, high_hz: float, *, named: bool) -> None:
    found = guesses(
        stranger(0, "请问有什么可以帮您？", high_hz),
        stranger(1, "好。", high_hz),
        stranger(2, "三天了。", low_hz),
        stranger(3, "我的订单没到。", low_hz),
    )
    assert (found[1][0] == "agent") is (found[2][0] == "customer") is named


def test_a_single_segment_is_no_voice() -> None:
    found = guesses(
        stranger(0, "请问有什么可以帮您？", 200.0),
        stranger(1, "好。", 205.0),
        stranger(2, "我的订单没到。", 210.0),
        stranger(3, "嗯。", 420.0),
    )
    assert found == [("agent", 0.7), ("unknown", 1.0), ("customer", 0.7), ("unknown", 1.0)]


def test_voices_that_phrases_do_not_tell_apart_stay_unnamed() -> None:
    found = guesses(*(stranger(nth, "好。", hz) for nth, hz in enumerate((100.0, 100.0, 200.0, 200.0))))
    assert found == [("unknown", 1.0)] * 4


def test_a_phrase_wins_over_a_voice() -> None:
    found = guesses(
        stranger(0, "请问有什么可以帮您？", 210.0),
        stranger(1, "请您稍等。", 215.0),
        stranger(2, "我的订单没到。", 205.0),
        stranger(3, "我要退款。", 110.0),
        stranger(4, "嗯。", 115.0),
    )
    assert found == [("agent", 0.7), ("agent", 0.7), ("customer", 0.7), ("customer", 0.7), ("customer", 0.6)]


def test_sounds_have_no_role() -> None:
    found = guesses(stranger(0, "请问有什么可以帮您？"), Line("unknown", 5_000, 6_000, event="BREATH", pitch_hz=200.0))
    assert found == [("agent", 0.7), ("unknown", 1.0)]


def test_a_role_that_is_known_is_never_touched() -> None:
    segments = play([stranger(0, "请问有什么可以帮您？"), stranger(1, "我的订单没到。")])
    known = [replace(segments[0], role=Role.CUSTOMER), segments[1]]
    assert all(after is before for after, before in zip(guess_roles(known), known, strict=True))


def test_channels_of_their_own_need_no_guess() -> None:
    segments = play([("agent", 0, 1_000, "我的订单"), ("customer", 1_500, 3_000, "请问有什么可以帮您？")])
    strangers = [replace(segment, role=Role.UNKNOWN) for segment in segments]
    for call in (segments, strangers, ()):
        assert all(after is before for after, before in zip(guess_roles(call), call, strict=True))


def test_the_words_of_the_sample_calls_tell_no_role_wrongly() -> None:
    told = wrong = 0
    for path in SAMPLES.glob("*.json"):
        for turn in json.loads(path.read_text(encoding="utf-8"))["turns"]:
            (role, _), *_ = guesses(Line("unknown", 0, 1_000, turn["text"]), language=Language(turn["language"]))
            if turn["role"] != "unknown" and role != "unknown":
                told += 1
                wrong += role != turn["role"]
    assert wrong == 0
    assert told >= 25
