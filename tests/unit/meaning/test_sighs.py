"""Sighs that are heard, and sighs that are said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callscope.calls import EventKind, Language, Origin, Role, Word
from callscope.meaning.sighs import find_sighs
from tests.scripts import Line, play

pytestmark = pytest.mark.unit

BREATH = Line("customer", 1_000, 2_300, event="BREATH", event_probability=0.9, level_slope_db_s=-9.0)


@pytest.mark.parametrize(
    ("language", "text", "confidence"),
    [
        (Language.ZH, "唉，我每天都在等。", 0.8),
        (Language.ZH, "唉", 0.8),
        (Language.ZH, "……唉唉，算了。", 0.8),
        (Language.ZH, "唉我每天都在等。", 0.8),
        (Language.ZH, "嗐，别提了。", 0.7),
        (Language.ZH, "哎，怎么又这样。", 0.5),
        (Language.ZH, "哎呀，怎么又坏了。", 0.4),
        (Language.ZH, "嗨，别提了。", 0.4),
        (Language.YUE, "唉，咁我仲要等几耐？", 0.8),
        (Language.YUE, "哎，又坏咗。", 0.5),
        (Language.YUE, "哎吔，又坏咗。", 0.4),
        (Language.JA, "はぁ、またですか。", 0.6),
        (Language.JA, "はあ…", 0.6),
        (Language.JA, "ハァー、困った。", 0.6),
        (Language.JA, "ふぅ、疲れました。", 0.6),
        (Language.JA, "（ため息）もういいです。", 0.8),
        (Language.KO, "에휴, 또 안 왔어요.", 0.8),
        (Language.KO, "휴, 힘들어요.", 0.7),
        (Language.KO, "하아, 정말.", 0.6),
        (Language.KO, "하… 정말.", 0.6),
        (Language.KO, "아이고, 어떡해요.", 0.5),
        (Language.EN, "Sigh, here we go again.", 0.8),
        (Language.EN, "[sighs] I have waited for a week.", 0.8),
        (Language.EN, "Ugh, not again.", 0.7),
        (Language.EN, "Oh dear, it is broken.", 0.6),
    ],
)
def test_sighs_that_are_said(language: Language, text: str, confidence: float) -> None:
    (sigh,) = find_sighs(play([Line("customer", 0, 2_000, text, "SAD")], language=language))
    assert (sigh.kind, sigh.origin, sigh.channel, sigh.owner) == (EventKind.SIGH, Origin.DERIVED, 1, Role.CUSTOMER)
    assert sigh.probability == confidence


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (Language.ZH, "哈哈，没事。"),
        (Language.ZH, "哎哟，真好玩。"),
        (Language.ZH, "唉声叹气有什么用。"),
        (Language.ZH, "哎，你好。"),
        (Language.ZH, "哎，对，是我。"),
        (Language.ZH, "哎呀呀真可爱"),
        (Language.ZH, "嗨，你好。"),
        (Language.ZH, "嗨！"),
        (Language.ZH, "我说唉，算了。"),
        (Language.YUE, "哎，係呀。"),
        (Language.JA, "はい、分かりました。"),
        (Language.JA, "はあ？"),
        (Language.JA, "はあ、そうですか。"),
        (Language.JA, "ははは、そうです。"),
        (Language.JA, "ふうとうが届きました。"),
        (Language.JA, "ため息が出ます。"),
        (Language.KO, "휴대폰이 고장 났어요."),
        (Language.KO, "하하, 좋아요."),
        (Language.KO, "하나 주세요."),
        (Language.EN, "Ha ha, that is funny."),
        (Language.EN, "Ughtred is my name."),
        (Language.EN, "Sighing is no use."),
        (Language.NOSPEECH, "唉"),
    ],
)
def test_what_is_no_sigh(language: Language, text: str) -> None:
    assert find_sighs(play([Line("customer", 0, 2_000, text)], language=language)) == []


@pytest.mark.parametrize(
    "line", [Line("agent", 0, 900, "哎，真好", "HAPPY"), Line("agent", 0, 900, "唉", event="LAUGHTER")]
)
def test_who_is_glad_or_laughs_does_not_sigh(line: Line) -> None:
    assert find_sighs(play([line])) == []


def test_a_sigh_that_is_said_has_the_times_of_its_word() -> None:
    (sigh,) = find_sighs(play([("customer", 1_000, 3_000, "唉，算了吧")]))
    assert (sigh.start_ms, sigh.end_ms) == (1_000, 1_500)
    (sigh,) = find_sighs(play([("customer", 1_000, 3_000, "Oh dear, no.")], language=Language.EN))
    assert (sigh.start_ms, sigh.end_ms) == (1_000, 2_333)


@pytest.mark.parametrize(
    ("words", "end_ms"),
    [
        # Until the next word, for a second at most, and to the end of its own word at least.
        ((Word("唉，", 1_040, 1_100), Word("算", 1_600, 1_660), Word("了", 1_800, 1_860)), 1_600),
        ((Word("唉，", 1_040, 1_100), Word("算", 2_600, 2_660), Word("了", 2_800, 2_860)), 2_040),
        ((Word("唉，", 1_040, 2_100), Word("算", 2_600, 2_660), Word("了", 2_800, 2_860)), 2_100),
        ((Word("唉，", 1_040, 1_040),), 2_040),
    ],
)
def test_a_sigh_sounds_until_the_next_word(words: tuple[Word, ...], end_ms: int) -> None:
    (segment,) = play([("customer", 1_000, 3_000, "唉，算了")])
    (sigh,) = find_sighs([replace(segment, words=words)])
    assert (sigh.start_ms, sigh.end_ms) == (1_040, end_ms)


@pytest.mark.parametrize(("end_ms", "sighed_ms"), [(3_000, 2_000), (1_300, 1_300)])
def test_a_sigh_without_word_times_begins_its_segment(end_ms: int, sighed_ms: int) -> None:
    (segment,) = play([("customer", 1_000, end_ms, "唉，算了")])
    squeezed = (Word("唉，", 1_000, 1_000), Word("算", 1_000, 1_000), Word("了", 1_000, 1_000))
    for words in ((), squeezed[:1], (Word("，", 1_000, 1_060),)):
        (sigh,) = find_sighs([replace(segment, words=words)])
        assert (sigh.start_ms, sigh.end_ms) == (1_000, sighed_ms)
    (sigh,) = find_sighs([replace(segment, words=squeezed)])
    assert sigh.end_ms > sigh.start_ms


def test_a_breath_that_fades_is_a_sigh() -> None:
    (sigh,) = find_sighs(play([BREATH]))
    assert (sigh.start_ms, sigh.end_ms, sigh.owner) == (1_000, 2_300, Role.CUSTOMER)
    assert sigh.probability == pytest.approx(0.8 * 0.9)


@pytest.mark.parametrize(
    "line",
    [
        BREATH._replace(level_slope_db_s=None),
        BREATH._replace(level_slope_db_s=0.0),
        BREATH._replace(level_slope_db_s=4.0),
        BREATH._replace(end_ms=3_501),
        BREATH._replace(event="COUGH"),
    ],
)
def test_other_breaths_are_none(line: Line) -> None:
    assert find_sighs(play([line])) == []


@pytest.mark.parametrize(("share", "found"), [(0.29, 0), (0.3, 1)])
def test_a_breath_may_be_the_second_most_probable_event(share: float, found: int) -> None:
    (segment,) = play([BREATH._replace(event="EVENT_UNK")])
    shares = {EventKind.EVENT_UNK: 1 - share, EventKind.BREATH: share}
    sighs = find_sighs([replace(segment, event_distribution=shares)])
    assert [sigh.probability for sigh in sighs] == [pytest.approx(0.8 * share)] * found


def test_a_breath_stored_without_its_distribution_counts() -> None:
    (segment,) = play([BREATH])
    assert len(find_sighs([replace(segment, event_distribution={})])) == 1


def test_a_sigh_heard_and_said_is_one_and_surer() -> None:
    line = BREATH._replace(text="唉。", emotion="SAD")
    (sigh,) = find_sighs(play([line]))
    assert sigh.probability == pytest.approx(1 - 0.2 * 0.28)
