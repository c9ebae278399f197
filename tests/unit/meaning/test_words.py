from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import Emotion, EventKind, Language, Role, Segment, WordCount
from callscope.meaning import words
from callscope.meaning.words import MAX_WORDS, count_words, cut_words

pytestmark = pytest.mark.unit


def said(
    text: str, language: Language = Language.ZH, *, role: Role = Role.CUSTOMER, emotion: Emotion = Emotion.NEUTRAL
) -> Segment:
    return Segment(
        channel=0 if role is Role.AGENT else 1,
        role=role,
        start_ms=0,
        end_ms=1_000,
        text=text,
        language=language,
        emotion=emotion,
        emotion_distribution={emotion: 1.0},
        event=EventKind.SPEECH,
        event_probability=1.0,
        words=(),
        loudness_dbfs=-20.0,
        is_speech=True,
    )


def meaningful(text: str, language: Language) -> set[str]:
    return {count.word for count in count_words([said(text, language)])}


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        (Language.ZH, "您好，我不要换货，我要退款，还要给差评。", {"换货", "退款", "差评"}),
        (Language.ZH, "请问什么时候的话可以发货？谢谢。", {"发货"}),
        (Language.ZH, "三天了，订单号202611183574，二百五十块。", {"订单号"}),
        (Language.YUE, "唔好意思，点解我嘅速递仲未到？", {"速递"}),
        (Language.YUE, "唔該，點解未發貨，優惠券呢？", {"發貨", "優惠券"}),
        (Language.EN, "Hello, I don't want it: REFUND my 2 parcels, please.", {"refund", "parcels"}),
        (Language.JA, "もしもし、ケーキがまだ届いていません、返金してください。", {"ケーキ", "返金"}),
        (Language.JA, "三日前に注文番号二〇二三で買いました。", {"注文番号", "三日前"}),
        (Language.KO, "여보세요, 환불을 확인했어요, 쿠폰은요?", {"환불", "확인", "쿠폰은요"}),
        (Language.KO, "주문번호는 공일이삼사오예요.", {"주문번호"}),
        (Language.NOSPEECH, "退款", set()),
        (Language.ZH, "", set()),
    ],
)
def test_words_that_carry_meaning(language: Language, text: str, expected: set[str]) -> None:
    assert meaningful(text, language) == expected


def test_a_mention_is_angry_only_in_a_customer_s_angry_segment() -> None:
    segments = [
        said("我要退款", emotion=Emotion.ANGRY),
        said("退款，退款，发货", emotion=Emotion.SAD),
        said("您的退款", role=Role.AGENT, emotion=Emotion.ANGRY),
    ]
    assert count_words(segments) == (
        WordCount("退款", Language.ZH, 4, 1),
        WordCount("发货", Language.ZH, 1, 0),
    )


def letters(count: int) -> Iterator[str]:
    for number in range(count):
        yield "qx" + "".join(chr(ord("a") + int(figure)) for figure in str(number))


def test_angry_words_stay_when_there_are_too_many() -> None:
    calm = said(" ".join(word for word in letters(60) for _ in range(2)), Language.EN)
    angry = said("zzz rubbish", Language.EN, emotion=Emotion.ANGRY)
    counts = count_words([calm, angry])
    assert len(counts) == MAX_WORDS
    assert [count.word for count in counts[-2:]] == ["rubbish", "zzz"]
    assert [count.word for count in counts[:-2]] == sorted(letters(60))[: MAX_WORDS - 2]


def test_the_same_word_of_two_languages_counts_twice() -> None:
    counts = count_words([said("refund", Language.EN), said("refund", Language.ZH)])
    assert [(count.language, count.mentions) for count in counts] == [(Language.EN, 1), (Language.ZH, 1)]


def test_cut_words_keeps_function_words_and_tells_where_they_begin() -> None:
    assert cut_words("我的订单，Abc", Language.ZH) == [("我", 0), ("的", 1), ("订单", 2), ("abc", 5)]
    assert cut_words("I don't.", Language.EN) == [("i", 0), ("don't", 2)]
    assert cut_words("返金はまだ", Language.JA) == [("返金", 0), ("はまだ", 2)]
    assert cut_words("네, 환불을", Language.KO) == [("네", 0), ("환불", 3)]


def test_a_word_within_another_is_not_cut_out() -> None:
    assert "发货" not in [word for word, _ in cut_words("这批发货车坏了", Language.ZH)]


@given(st.text(), st.sampled_from(Language))
def test_any_text_can_be_cut(text: str, language: Language) -> None:
    end = 0
    for word, start in cut_words(text, language):
        assert word
        assert start >= end
        assert text[start].lower()[0] == word[0]
        end = start + 1


def test_the_dictionary_is_read_once_however_many_ask_first() -> None:
    words._load_cutter.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: cut_words("我要退款", Language.ZH), range(32)))
    assert all(result == results[0] for result in results)
    assert words._load_cutter.cache_info().misses == 1
