"""Coupons: so much off when so much is spent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callscope.calls import EntityKind
from callscope.meaning.entities.digits import CHINESE_DIGITS, ENGLISH_DIGITS
from callscope.meaning.entities.mention import Mention

_GATE = re.compile(r"减|off|save|할인|引|おふ")

_HANGUL = str.maketrans("영공일이삼사오육칠팔구십백천만", "零零一二三四五六七八九十百千万")
_UNITS = {"十": 10, "百": 100, "千": 1_000}
_MYRIAD = 10_000
_TEENS = ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ENGLISH = {
    **{word: int(digit) for word, digit in ENGLISH_DIGITS.items()},
    **{word: value for value, word in enumerate(_TEENS, 11)},
    **{word: 10 * value for value, word in enumerate(_TENS, 1)},
    "a": 1,
}

_FIGURES = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9})(?:\.[0-9]{1,2})?"
_NUMBER = rf"(?:{_FIGURES}\s*[百千万]?|[零一二两幺三四五六七八九十百千万]{{1,12}})"
_KOREAN_NUMBER = rf"(?:{_FIGURES}\s*[백천만]?|[영공일이삼사오육칠팔구십백천만]{{1,12}})"
_ENGLISH_ONE = rf"(?:{'|'.join(sorted([*_ENGLISH, 'hundred', 'thousand'], key=len, reverse=True))})(?![a-z])"
_ENGLISH_NUMBER = rf"(?:\$?{_FIGURES}|(?<![a-z]){_ENGLISH_ONE}(?:(?:\s+|-)(?:and\s+)?{_ENGLISH_ONE}){{0,6}})"
_DOLLARS = r"\s*(?:(?:dollars?|bucks|pounds?|euros?|yuan)(?![a-z]))?"
_WHEN = r"(?:\s+(?:when|if|you|spend|your|orders?|for|on|over|every|any|purchases?|of|from|more|than|above|at|least))*"

_OVER, _OFF = (rf"(?<![0-9.,$])(?P<over>{_NUMBER})", rf"(?<![0-9.,$])(?P<off>{_NUMBER})")
_KOREAN_OVER, _KOREAN_OFF = (rf"(?<![0-9.,])(?P<over>{_KOREAN_NUMBER})", rf"(?<![0-9.,])(?P<off>{_KOREAN_NUMBER})")
_ENGLISH_OVER = rf"(?P<over>{_ENGLISH_NUMBER})"
_ENGLISH_OFF = rf"(?<![0-9.,$])(?P<off>{_ENGLISH_NUMBER})"
_SHAPES = (
    # 满300减50
    (
        0.97,
        rf"(?P<every>每\s*)?满\s*{_OVER}\s*(?:元|块钱?|蚊|港币)?\s*,?\s*(?:就|可以|可|立|再|即)*\s*减[免去]?\s*{_OFF}",
    ),
    # 300减50的券
    (0.60, rf"{_OVER}\s*[元块]?\s*减\s*{_OFF}(?=.{{0,12}}(?:券|优惠))"),
    # 300円以上で50円引き
    (
        0.90,
        rf"{_OVER}\s*元\s*(?:以上|(?P<every>ごとに|毎に)).{{0,12}}?{_OFF}\s*元?\s*(?:割?引|おふ|off)",
    ),
    # 300원 이상 50원 할인
    (
        0.90,
        rf"{_KOREAN_OVER}\s*원?\s*(?:이상|(?P<every>마다)).{{0,12}}?{_KOREAN_OFF}\s*원?\s*할인",
    ),
    # 50 off 300
    (0.90, rf"{_ENGLISH_OFF}{_DOLLARS}\s*off{_WHEN}\s+{_ENGLISH_OVER}"),
    # spend 300 get 50
    (
        0.85,
        rf"spend{_WHEN}\s+{_ENGLISH_OVER}{_DOLLARS}\s*,?\s*(?:and|to|you)?\s*(?:get|save|take)\s+{_ENGLISH_OFF}",
    ),
)
_COUPONS = tuple((probability, re.compile(pattern)) for probability, pattern in _SHAPES)

_SAID_FACTOR = 0.93
"""Amounts that were said as words are misheard more often."""


def find_coupons(text: str, segment_no: int) -> Iterator[Mention]:
    """
    Yield the coupons that a text names, in one spelling for all languages: ``满300减50``.

    Parameters
    ----------
    text : str
        Folded.
    segment_no : int
        Of the segment whose text it is.
    """
    if not _GATE.search(text):
        return
    for probability, pattern in _COUPONS:
        for found in pattern.finditer(text):
            groups = found.groupdict()
            every = "每" if groups.get("every") else ""
            said = not (found["over"][0] in "$0123456789" and found["off"][0] in "$0123456789")
            yield Mention(
                segment_no=segment_no,
                kind=EntityKind.COUPON,
                value=f"{every}满{_amount(found['over'])}减{_amount(found['off'])}",
                start=found.start(),
                end=found.end(),
                probability=probability * (_SAID_FACTOR if said else 1.0),
                last_segment_no=segment_no,
                last_end=found.end(),
            )


def _amount(said: str) -> str:
    written = said.replace(",", "").replace(" ", "").lstrip("$")
    if written.replace(".", "").isdecimal():
        return written
    if written[0].isdecimal():
        unit = written[-1].translate(_HANGUL)
        return f"{float(written[:-1]) * (_MYRIAD if unit == '万' else _UNITS[unit]):g}"
    if written.isascii():
        return str(_read_english(said))
    sinic = written.translate(_HANGUL)
    return str(_read_sinic(sinic, colloquial=sinic == written))


def _read_sinic(said: str, *, colloquial: bool) -> int:
    """Read 三百五十; 三零零 figure by figure; and, in Chinese, 三百五 as 350."""
    if not set(said) & {*_UNITS, "万"}:
        return int("".join(CHINESE_DIGITS[digit] for digit in said))
    total, part, digit, unit = 0, 0, None, 1
    for letter in said:
        if letter == "万":
            total, part, digit, unit = (total + part + (digit or 0) or 1) * _MYRIAD, 0, None, _MYRIAD
        elif letter in _UNITS:
            unit = _UNITS[letter]
            part, digit = part + (1 if digit is None else digit) * unit, None
        else:
            digit = int(CHINESE_DIGITS[letter])
            unit = 1 if letter == "零" else unit
    tail = (digit or 0) * (unit // 10 if colloquial and unit > 10 else 1)  # noqa: PLR2004 - what follows a ten is a one
    return total + part + tail


def _read_english(said: str) -> int:
    total, part = 0, 0
    for word in re.findall(r"[a-z]+", said):
        if word == "hundred":
            part = (part or 1) * 100
        elif word == "thousand":
            total, part = total + (part or 1) * 1_000, 0
        else:
            part += _ENGLISH.get(word, 0)
    return total + part
