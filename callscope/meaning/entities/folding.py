"""One spelling of what is written in several: width, case, script. Places in the text stay where they are."""

from __future__ import annotations

_PAIRS = "滿满減减單单訂订號号電电話话機机證证銀银個个點点塊块兩两優优郵邮聯联絡络劃划圓元圆元円元〇零○零"

_FOLDED: dict[int, int] = {
    **{wide: ord(chr(wide - 0xFEE0).lower()) for wide in range(0xFF01, 0xFF5F)},
    **{capital: ord(chr(capital).lower()) for capital in range(ord("A"), ord("Z") + 1)},
    **{katakana: katakana - 0x60 for katakana in range(ord("ァ"), ord("ヶ") + 1)},
    **{ord(written): ord(folded) for written, folded in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)},
    0x3000: ord(" "),
}


def fold(text: str) -> str:
    """
    Return a text in the one spelling that the patterns of this package are written in.

    Full-width letters and figures become ASCII, capitals small, katakana hiragana, and of the traditional characters
    those that the patterns ask for become simplified; yen and yuan are both 元.

    Returns
    -------
    str
        As long as the text: a place in one is the same place in the other.
    """
    return text.translate(_FOLDED)
