"""E-mail addresses, written and said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from callscope.calls import EntityKind
from callscope.meaning.entities.cues import find_cue
from callscope.meaning.entities.digits import CHINESE_DIGITS, ENGLISH_DIGITS
from callscope.meaning.entities.mention import Mention

_WRITTEN = re.compile(
    r"(?<![a-z0-9._%+-])[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24}(?![a-z0-9-])", re.ASCII
)
_AT = re.compile(r"(?:(?P<sure>@|艾特|圈a|小老鼠|あっとまーく|골뱅이)|(?<![a-z])(?:at|あっと|앳)(?![a-z]))\s*")

_MARKS = {
    **dict.fromkeys(("dot", "point", "点", "どっと", "닷", "점"), "."),
    **dict.fromkeys(("underscore", "下划线", "あんだーばー", "あんだーすこあ", "언더바", "밑줄"), "_"),
    **dict.fromkeys(("dash", "hyphen", "minus", "横杠", "杠", "はいふん", "하이픈"), "-"),
    "plus": "+",
}
_NAMES = {
    "네이버": "naver",
    "지메일": "gmail",
    "다음": "daum",
    "한메일": "hanmail",
    "컴": "com",
    "じーめーる": "gmail",
    "やふー": "yahoo",
    "こむ": "com",
}
_SPELT = CHINESE_DIGITS | ENGLISH_DIGITS | _MARKS | _NAMES

_DIGITS = "".join(CHINESE_DIGITS)
_ONE = rf"(?:[a-z0-9](?![a-z0-9])|[{_DIGITS}]|(?:{'|'.join(ENGLISH_DIGITS)})(?![a-z]))"
_PART = (
    rf"(?:(?<![a-z0-9]){_ONE}(?:[\s-]{{0,2}}{_ONE}){{1,30}}"
    rf"|[a-z0-9{_DIGITS}]{{1,40}}(?:[._-][a-z0-9{_DIGITS}]{{1,40}}){{0,4}})"
)
_DOT = r"(?:\s*(?:\.|点|どっと|닷|점)\s*|\s+(?:dot|point)\s+)"
_MARK = (
    rf"(?:{_DOT}|\s*(?:_|下划线|横杠|杠|あんだーばー|あんだーすこあ|はいふん|언더바|밑줄|하이픈)\s*"
    r"|\s+(?:underscore|dash|hyphen|minus|plus)\s+)"
)
_LOCAL = re.compile(rf"(?<![a-z0-9]){_PART}(?:{_MARK}{_PART}){{0,5}}\s*\Z")
_HOST = rf"(?:{_PART}|{'|'.join(_NAMES)})"
_TOP = r"(?:com|net|org|edu|gov|info|biz|io|ai|me|cn|hk|tw|mo|jp|kr|us|uk|co|de|fr|eu|ca|au|sg|my|こむ|컴)(?![a-z0-9])"
_DOMAIN = re.compile(rf"{_HOST}(?:{_MARK}{_HOST}){{0,4}}?{_DOT}{_TOP}(?:{_DOT}{_TOP})?")
_PIECE = re.compile(
    "|".join(
        [
            "[a-z0-9]+",
            f"[{_DIGITS}]",
            *_NAMES,
            *(mark for mark in _MARKS if not mark.isascii()),
            "[._+-]",
        ]
    )
)

_REACH = 120
_WRITTEN_PROBABILITY = 0.98
_SURE_AT_PROBABILITY = 0.88
_NAMED_PROBABILITY = 0.88
_ASKED_PROBABILITY = 0.80
_ALONE_PROBABILITY = 0.50
"""'Look at that site dot com' has the form of an address."""


def find_emails(texts: Sequence[str], segment_no: int) -> Iterator[Mention]:
    """
    Yield the e-mail addresses that a segment names.

    Parameters
    ----------
    texts : sequence of str
        Of all segments of the call, folded.
    segment_no : int
        Of the segment.
    """
    text = texts[segment_no]
    if "@" in text:
        for written in _WRITTEN.finditer(text):
            yield _mention(segment_no, written[0], written.start(), written.end(), _WRITTEN_PROBABILITY)
    for at in _AT.finditer(text):
        start = max(0, at.start() - _REACH)
        local, domain = _LOCAL.search(text[start : at.start()]), _DOMAIN.match(text, at.end())
        if local is not None and domain is not None:
            start += local.start()
            probability = _SURE_AT_PROBABILITY if at["sure"] else _alone(texts, segment_no, start, domain.end())
            yield _mention(segment_no, f"{_spell(local[0])}@{_spell(domain[0])}", start, domain.end(), probability)


def _alone(texts: Sequence[str], segment_no: int, start: int, end: int) -> float:
    cue = find_cue(texts, segment_no, start, end)
    if cue.named is EntityKind.EMAIL:
        return _NAMED_PROBABILITY
    return _ASKED_PROBABILITY if cue.asked is EntityKind.EMAIL else _ALONE_PROBABILITY


def _spell(said: str) -> str:
    return "".join(_SPELT.get(piece, piece) for piece in _PIECE.findall(said))


def _mention(segment_no: int, value: str, start: int, end: int, probability: float) -> Mention:
    return Mention(segment_no, EntityKind.EMAIL, value, start, end, probability, segment_no, end)
