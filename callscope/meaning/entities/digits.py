"""Runs of digits: written, said one by one in five languages, and both, with what people put between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MIN_DIGITS = 7
"""Shorter runs name nothing by themselves; a card of Hong Kong has 7 beside its letter."""

CHINESE_DIGITS = dict(zip("零一二三四五六七八九", "0123456789", strict=True)) | {"幺": "1", "洞": "0", "两": "2"}
ENGLISH_DIGITS = dict(
    zip(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        "0123456789",
        strict=True,
    )
)
_HANGUL = dict(zip("영일이삼사오육칠팔구", "0123456789", strict=True)) | {"공": "0", "륙": "6"}
_ENGLISH = ENGLISH_DIGITS | dict.fromkeys(("oh", "o", "nought"), "0")
_KANA = {
    "ぜろ": "0",
    "れい": "0",
    "まる": "0",
    "いち": "1",
    "に": "2",
    "さん": "3",
    "よん": "4",
    "し": "4",
    "ご": "5",
    "ろく": "6",
    "なな": "7",
    "しち": "7",
    "はち": "8",
    "きゅう": "9",
    "く": "9",
}
_VALUES = CHINESE_DIGITS | _HANGUL | _ENGLISH | _KANA
_TIMES = {"double": 2, "triple": 3, "treble": 3}

_DOUBTFUL = frozenset({"oh", "o", "に", "ご", "し", "く", "이"})
"""Also an exclamation, a particle or the begin of a word: at the edge of a run they may not belong to it."""

_BREAK = (
    r"[,、。;…!?·・]|\.(?=\s|\Z)|嗯|呃|额|啊|哦|um+|uh+|erm?|and|えっと|ええと|えー|あの|음|어"
    r"|括号|下划线|杠|dash|hyphen|はいふん|の|다시|하이픈|에"
)
_BETWEEN = rf"(?:[\s\-–—‐−()]|{_BREAK}){{0,6}}"
_ONLY_BETWEEN = re.compile(rf"(?:[\s\-–—‐−()]|{_BREAK})*")
_ANY_BREAK = re.compile(_BREAK)

_ENGLISH_WORD = rf"(?<![a-z])(?:{'|'.join(sorted(_ENGLISH, key=len, reverse=True))})(?![a-z'])"
_HAS_ENGLISH = re.compile(_ENGLISH_WORD)
_FIGURE = rf"[0-9]+|[{''.join(CHINESE_DIGITS)}]"
# The endings that would otherwise lend their first letter to the number: 이에요, します, ください.
_HANGUL_FIGURE = rf"이(?!에요|예요|라|고|야|며|니|죠|지|었)|[{''.join(_HANGUL).replace('이', '')}]"
_KANA_FIGURE = r"(?:ぜろ|れい|まる|いち|に|さん|よん|しち|し(?!ます|まし|た|て)|ご|ろく|なな|はち|きゅう|く(?!ださ))"


def _runs(figure: str, at_least: int = 1) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return re.compile(figure), re.compile(rf"(?:{figure})(?:{_BETWEEN}(?:{figure})){{{at_least - 1},}}")


_WRITTEN_RUNS = _runs(_FIGURE)
_ENGLISH_RUNS = _runs(rf"(?:double|triple|treble)[ -]+(?:{_ENGLISH_WORD}|[0-9])|{_ENGLISH_WORD}|[0-9]+")
# Their digits are syllables of every other word: two in a row are none.
_HANGUL_RUNS = _runs(_HANGUL_FIGURE, at_least=3)
_KANA_RUNS = _runs(rf"{_KANA_FIGURE}ー?", at_least=3)

_QUANTITY = re.compile(
    r"\s*(?:[个天日元块次件张分年月岁点百千万十蚊回つ人%]|小时|か月|원|일|개|번|시간|(?:dollars?|bucks|days?|times?|hours?|minutes?|weeks?|years?)\b)"
)
"""What makes the figure before it an amount."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Digits that were written together, or said as one word."""

    segment_no: int
    digits: str
    start: int
    """In the segment's text."""
    end: int
    spoken: bool
    doubtful: bool
    """May be no digit, if it stands at an edge."""
    after_break: bool
    """More than a space or a hyphen stands before it: a comma, a filler, another segment."""


@dataclass(frozen=True, slots=True)
class Run:
    """Figures that follow each other without a word between."""

    figures: tuple[Figure, ...]
    opens: bool
    """Nothing is said before it in its segment: it may go on from an earlier one."""
    closes: bool
    """Nothing is said after it in its segment: it may go on in a later one."""


def find_runs(text: str, segment_no: int) -> list[Run]:
    """
    Return the runs of digits of a text.

    Parameters
    ----------
    text : str
        Folded. The script decides what is read, not the language: the recogniser takes one for another.
    segment_no : int
        Of the segment whose text it is.

    Returns
    -------
    list of Run
        Ascending by start. Of the runs that are too short to name something, only those that touch an end of the text.
    """
    patterns = (_ENGLISH_RUNS if _HAS_ENGLISH.search(text) else _WRITTEN_RUNS, _HANGUL_RUNS, _KANA_RUNS)
    runs = [
        run
        for figure, pattern in patterns
        for found in pattern.finditer(text)
        if (run := _read_run(text, segment_no, figure, found)) is not None
    ]
    return sorted(runs, key=lambda run: run.figures[0].start)


def count_digits(figures: tuple[Figure, ...]) -> int:
    """Return how many digits the figures have together."""
    return sum(len(figure.digits) for figure in figures)


def split_at_breaks(figures: tuple[Figure, ...]) -> list[tuple[Figure, ...]]:
    """Return the parts of a run between which more than a space or a hyphen stands."""
    starts = [0, *(number for number, figure in enumerate(figures) if figure.after_break and number)]
    return [figures[start:end] for start, end in zip(starts, [*starts[1:], len(figures)], strict=True)]


def _read_run(text: str, segment_no: int, figure: re.Pattern[str], found: re.Match[str]) -> Run | None:
    opens = _ONLY_BETWEEN.fullmatch(text, 0, found.start()) is not None
    closes = _ONLY_BETWEEN.fullmatch(text, found.end()) is not None
    # No digit is said in less than a letter: this one is too short, and neither goes on nor comes from elsewhere.
    if len(found[0]) < MIN_DIGITS - 1 and not opens and not closes:
        return None
    figures = tuple(_read_figures(text, segment_no, figure, found))
    if _QUANTITY.match(text, found.end()) and count_digits(split_at_breaks(figures)[-1]) < MIN_DIGITS:
        # "202611183574，2个": the last figure counts something, and is no part of the number.
        figures = figures[:-1]
    if not figures:
        return None
    return Run(figures, opens=opens, closes=closes)


def _read_figures(text: str, segment_no: int, figure: re.Pattern[str], found: re.Match[str]) -> Iterator[Figure]:
    before = found.start()
    for each in figure.finditer(text, found.start(), found.end()):
        word = each[0].rstrip("ー")
        yield Figure(
            segment_no=segment_no,
            digits=_value(word),
            start=each.start(),
            end=each.end(),
            spoken=not word.isdecimal(),
            doubtful=word in _DOUBTFUL,
            after_break=_ANY_BREAK.search(text, before, each.start()) is not None,
        )
        before = each.end()


def _value(word: str) -> str:
    if word.isdecimal():
        return word
    times, _, said = word.replace("-", " ").rpartition(" ")
    return _VALUES.get(said, said) * _TIMES.get(times.strip(), 1)
