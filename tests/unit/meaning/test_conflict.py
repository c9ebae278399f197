"""Words and voice that disagree."""

from __future__ import annotations

import pytest

from callscope.calls import EventKind, Language, Role
from callscope.meaning.conflict import find_conflicts
from tests.scripts import Line, play

pytestmark = pytest.mark.unit

KIND = [
    (Language.ZH, "谢谢你们啊。"),
    (Language.YUE, "多謝晒你哋。"),
    (Language.JA, "ありがとうございます。"),
    (Language.KO, "네, 정말 감사합니다."),
    (Language.EN, "Well, thank you. Wonderful."),
]
HARSH = [
    (Language.ZH, "你们就是骗子。"),
    (Language.YUE, "成日呃人。"),
    (Language.JA, "最低ですね。"),
    (Language.KO, "정말 최악이에요."),
    (Language.EN, "This is ridiculous."),
]


@pytest.mark.parametrize(("language", "text"), KIND)
def test_kind_words_in_an_angry_voice(language: Language, text: str) -> None:
    (event,) = find_conflicts(play([Line("customer", 500, 2_000, text, "ANGRY")], language=language))
    assert (event.kind, event.owner, event.channel) == (EventKind.TEXT_VOICE_CONFLICT, Role.CUSTOMER, 1)
    assert (event.start_ms, event.end_ms) == (500, 2_000)
    assert event.probability == pytest.approx(0.6 * 0.9)
    for voice in ("HAPPY", "NEUTRAL", "SAD"):
        assert find_conflicts(play([Line("customer", 500, 2_000, text, voice)], language=language)) == []


@pytest.mark.parametrize(("language", "text"), HARSH)
def test_harsh_words_in_a_happy_voice(language: Language, text: str) -> None:
    assert len(find_conflicts(play([Line("agent", 0, 2_000, text, "HAPPY")], language=language))) == 1
    assert find_conflicts(play([Line("agent", 0, 2_000, text, "ANGRY")], language=language)) == []


@pytest.mark.parametrize("voice", ["ANGRY", "HAPPY"])
@pytest.mark.parametrize("text", ["谢谢，你们就是骗子。", "我的订单。", ""])
def test_both_or_neither_is_no_conflict(voice: str, text: str) -> None:
    assert find_conflicts(play([Line("customer", 0, 2_000, text, voice)])) == []


def test_the_voice_must_be_clear() -> None:
    for probability, found in ((0.8, 1), (0.79, 0)):
        line = Line("customer", 0, 2_000, "谢谢", "ANGRY", emotion_probability=probability)
        assert len(find_conflicts(play([line]))) == found


def test_no_conflict_is_surer_than_a_flag() -> None:
    (event,) = find_conflicts(play([Line("customer", 0, 2_000, "谢谢", "ANGRY", emotion_probability=1.0)]))
    assert event.probability == 0.6


def test_without_thanks_there_is_no_kindness() -> None:
    assert (
        find_conflicts(play([Line("customer", 0, 900, "I don't appreciate that.", "ANGRY")], language=Language.EN))
        == []
    )
