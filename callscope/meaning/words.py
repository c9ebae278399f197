"""Words that carry meaning, and how often they come with anger."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from threading import Lock

from callscope.calls import Emotion, Language, Role, Segment, WordCount

MAX_WORDS = 40
"""Of a call; those said in anger go first."""

_MIN_LETTERS = 2
_HAN = "\u3400-\u9fff\uf900-\ufaff々〇"
_KATAKANA = "ァ-ヺー"
_HANGUL = "가-힣"
_FIGURES = "零〇一二三四五六七八九"
_LATIN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_JAPANESE = re.compile(rf"[{_FIGURES}]{{3,}}|(?:(?![{_FIGURES}]{{3}})[{_HAN}])+|[{_KATAKANA}]+|[ぁ-ゟ]+|[a-zA-Z]+|\d+")
_KOREAN = re.compile(rf"[{_HANGUL}]+|[a-zA-Z]+|\d+")
_CALLS_A_THING = re.compile(rf"[{_HAN}]{{2,}}|[{_KATAKANA}]{{2,}}")
"""Japanese writes in hiragana what grammar needs, and in these what is spoken of."""

_NUMERAL = re.compile(
    r".*\d.*|[零〇一二三四五六七八九十百千万萬億亿两兩几幾半多第]+"
    r"[天日号號月年元円圆圓块塊毛角分秒点點时時小间間钟鐘个個件张張次遍位名人份回本歳岁週周期星礼禮拜番目]*"
    r"|[공영일이삼사오육륙칠팔구]{4,}|[일이삼사오육칠팔구십백천만]+(?:일|개|번|원|시간|분)",
    re.DOTALL,
)
"""A number, or a number of something."""

_ENDING = re.compile(
    rf"(?<=[{_HANGUL}]{{2}})(?:은|는|이|가|을|를|의|에|도|만|로|와|과|랑|께|에서|에게|에는|에도|에서는|에서도|께서|한테|으로|으로는|이랑"
    r"|까지|까지는|부터|보다|처럼|마다|라고|이라고|이라도|인데|이고|입니다|입니까|이에요|예요|인가요"
    r"|한|할|해|하고|하는|하다|하면|하지|해서|해도|해요|하세요|하시는|했는데|했어요|했습니다|합니다|하겠습니다|해달라고|하려고|하기"
    r"|된|될|되는|되면|돼요|됐어요|됐는데|됩니다|되었습니다|되나요|시켜|시켜서)$"
)
"""Particles of nouns, and forms of the verb that makes a noun a deed; two syllables are left at least."""

_LOADING = Lock()


def cut_words(text: str, language: Language) -> list[tuple[str, int]]:
    """
    Return all words of a text, function words too, in lower case, each with where it begins in the text.

    Chinese is cut by its dictionary, English at what is no letter; Korean words come without their particle; Japanese,
    which would need a dictionary of its own, in runs of one script: ``返金はまだ`` is ``返金`` and ``はまだ``.

    Parameters
    ----------
    text : str
        As recognised, marks and all.
    language : Language
        Decides how it is cut; a text without speech has no words.

    Returns
    -------
    list of (str, int)
        Ascending; a word ends its own length after its begin. Marks and spaces are in none.
    """
    match language:
        case Language.ZH | Language.YUE:
            return [(word.lower(), start) for word, start, _ in _cutter()(text) if word[0].isalnum()]
        case Language.EN:
            return [(found[0].lower(), found.start()) for found in _LATIN.finditer(text)]
        case Language.JA:
            return [(found[0].lower(), found.start()) for found in _JAPANESE.finditer(text)]
        case Language.KO:
            return [(_ENDING.sub("", found[0].lower()), found.start()) for found in _KOREAN.finditer(text)]
        case Language.NOSPEECH:
            return []


def count_words(segments: Sequence[Segment]) -> tuple[WordCount, ...]:
    """
    Return the call's most frequent words that carry meaning.

    Parameters
    ----------
    segments : sequence of Segment
        Of one call, in any order.

    Returns
    -------
    tuple of WordCount
        `MAX_WORDS` at most, those said in a customer's anger before others; the most frequent first, then by word.
    """
    mentions: Counter[tuple[str, Language]] = Counter()
    angry: Counter[tuple[str, Language]] = Counter()
    for segment in segments:
        if segment.text:
            said = [(word, segment.language) for word, _ in cut_words(segment.text, segment.language)]
            mentions.update(said)
            if segment.role is Role.CUSTOMER and segment.emotion is Emotion.ANGRY:
                angry.update(said)
    counts = [
        WordCount(word, language, count, angry[word, language])
        for (word, language), count in mentions.items()
        if _carries_meaning(word, language)
    ]
    counts.sort(key=lambda count: (not count.angry_mentions, -count.mentions, count.word, count.language))
    return tuple(sorted(counts[:MAX_WORDS], key=lambda count: (-count.mentions, count.word, count.language)))


def _carries_meaning(word: str, language: Language) -> bool:
    if len(word) < _MIN_LETTERS or word in _stop_words(language) or _NUMERAL.fullmatch(word):
        return False
    return language is not Language.JA or _CALLS_A_THING.fullmatch(word) is not None


def _cutter() -> Callable[[str], list[tuple[str, int, int]]]:
    with _LOADING:
        return _load_cutter()


@cache
def _load_cutter() -> Callable[[str], list[tuple[str, int, int]]]:
    import rjieba  # noqa: PLC0415 - reads its dictionary on import: a quarter of a second that most commands never need

    jieba = rjieba._DEFAULT_JIEBA  # noqa: SLF001 - a second one beside the package's own costs 25 MB
    # It knows no Cantonese, and would cut its function words into pieces that look like words.
    for word in _read_words("shop") | _read_words("stop-yue"):
        jieba.add_word(word, None, None)
    return jieba.tokenize


@cache
def _stop_words(language: Language) -> frozenset[str]:
    if language is Language.YUE:
        return _read_words("stop-yue") | _read_words("stop-zh")
    return _read_words(f"stop-{language}")


def _read_words(name: str) -> frozenset[str]:
    lines = files("callscope.meaning").joinpath("vocabulary", f"{name}.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
