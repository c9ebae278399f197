"""Segments to look for entities in, and digits as people say them."""

from collections.abc import Sequence
from random import Random

from callscope.calls import Emotion, EventKind, Language, Role, Segment, Word

DIGITS = {
    Language.ZH: ("零 〇 洞", "一 幺", "二 两", "三", "四", "五", "六", "七", "八", "九"),
    Language.YUE: ("零 〇", "一", "二", "三", "四", "五", "六", "七", "八", "九"),
    Language.EN: ("zero oh o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    Language.JA: (
        "ゼロ まる れい",
        "いち イチ",
        "に にー",
        "さん",
        "よん し",
        "ご",
        "ろく",
        "なな しち",
        "はち",
        "きゅう く",
    ),
    Language.KO: ("공 영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"),
}

BETWEEN = {
    Language.ZH: ("", "", "", " ", "，", "、", "-", "嗯，"),
    Language.YUE: ("", "", "", " ", "，", "、"),
    Language.EN: (" ", " ", " ", ", ", "-", " um, ", ". "),
    Language.JA: ("", "", "", " ", "、", "の", "、えっと、"),
    Language.KO: ("", "", "", " ", ", ", " 다시 ", " 음, "),
}

ORDER = {
    Language.ZH: "我的订单号是{}，谢谢。",
    Language.YUE: "訂單號碼係{}，唔該。",
    Language.EN: "My order number is {}, thank you.",
    Language.JA: "注文番号は{}です。",
    Language.KO: "주문번호는 {}입니다.",
}


def spell(digits: str, language: Language, random: Random) -> str:
    """Say digits one by one, each in one of its forms; in English two or three equal ones sometimes as one."""
    said, place = "", 0
    while place < len(digits):
        forms = DIGITS[language][int(digits[place])].split()
        word, length = random.choice(forms), 1
        for times, name in ((3, "triple"), (2, "double")):
            equal = digits[place : place + times] == digits[place] * times
            if language is Language.EN and equal and random.random() < 0.5:
                word, length = f"{name} {word}", times
                break
        said += (random.choice(BETWEEN[language]) if place else "") + word
        place += length
    return said


def segment(
    text: str,
    language: Language = Language.ZH,
    *,
    channel: int = 1,
    role: Role = Role.CUSTOMER,
    start_ms: int = 0,
    end_ms: int | None = None,
    words: Sequence[Word] = (),
) -> Segment:
    """Return a segment; without an end, 100 ms for each character."""
    return Segment(
        channel=channel,
        role=role,
        start_ms=start_ms,
        end_ms=start_ms + 100 * len(text) if end_ms is None else end_ms,
        text=text,
        language=language,
        emotion=Emotion.NEUTRAL,
        emotion_distribution={Emotion.NEUTRAL: 1.0},
        event=EventKind.SPEECH,
        event_probability=1.0,
        words=tuple(words),
        loudness_dbfs=-20.0,
        is_speech=True,
    )
