"""Words that tell what a number near them is."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from callscope.calls import EntityKind
from callscope.meaning.entities.shapes import Cue

_REACH_BEFORE = 40
_REACH_AFTER = 16
_SEGMENTS_BEFORE = 2

_KINDS = {
    EntityKind.ID_NUMBER: (
        r"身份证|身分|证件|(?<![a-z])id\s?(?:card|number|no)|identity|hkid|まいなんばー|个人番号|주민|외국인등록"
    ),
    EntityKind.CARD_NUMBER: r"卡号|银行卡|信用卡|储蓄卡|借记卡|(?<![a-z])card|かーど|카드",
    EntityKind.PHONE: (
        r"电话|手机|联系方式|联络|拨打|致电|phone|mobile|call (?:me|us|back)|(?<![a-z])cell(?![a-z])|携帯|けいたい"
        r"|でんわ|전화|휴대폰|핸드폰|연락처"
    ),
    EntityKind.ORDER_NUMBER: r"订单|单号|(?<![a-z])order|注文|受注|おーだー|주문|오더",
    EntityKind.EMAIL: r"邮箱|邮件|e-?mail|(?<![a-z])mail|めーる|메일",
}
_CUE = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _KINDS.items()))


def find_cue(texts: Sequence[str], segment_no: int, start: int, end: int) -> Cue:
    """
    Return what the words around a stretch of text say that it is.

    Parameters
    ----------
    texts : sequence of str
        Of all segments of the call, folded.
    segment_no : int
        Of the segment.
    start, end : int
        The stretch in its text. The last word before it counts more than the first after it.
    """
    text = texts[segment_no]
    named = _last(text, max(0, start - _REACH_BEFORE), start) or _first(text, end, end + _REACH_AFTER)
    if named is not None:
        return Cue(named=named)
    asked, left = None, _SEGMENTS_BEFORE
    for before in reversed(texts[max(0, segment_no - 8) : segment_no]):
        if before and asked is None and left:
            asked, left = _last(before, 0, len(before)), left - 1
    return Cue(asked=asked)


def _first(text: str, start: int, end: int) -> EntityKind | None:
    return _kind(islice(_CUE.finditer(text, start, end), 1))


def _last(text: str, start: int, end: int) -> EntityKind | None:
    return _kind(deque(_CUE.finditer(text, start, end), maxlen=1))


def _kind(found: Iterable[re.Match[str]]) -> EntityKind | None:
    return next((EntityKind(str(match.lastgroup)) for match in found), None)
