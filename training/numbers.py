"""Numbers and digit strings as they are spoken, written out, and written in figures."""

from typing import Final

_DIGITS: Final = {
    "zh": "零一二三四五六七八九",
    "yue": "零一二三四五六七八九",
    "ja": ("〇", "一", "二", "三", "四", "五", "六", "七", "八", "九"),
    "ko": "공일이삼사오육칠팔구",
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
_KANA: Final = ("ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_UNITS: Final = {"zh": ("百", "十"), "yue": ("百", "十"), "ja": ("百", "十"), "ko": ("백", "십")}
_KANA_HUNDREDS: Final = {3: "さんびゃく", 6: "ろっぴゃく", 8: "はっぴゃく"}
_TEENS: Final = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()  # noqa: SIM905
)
_TENS: Final = "_ ten twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905


def spell_digits(digits: str, language: str) -> tuple[str, str]:
    """
    Spell a string of figures one by one.

    Parameters
    ----------
    digits : str
        Figures 0 to 9.
    language : str
        One of zh, yue, en, ja, ko.

    Returns
    -------
    tuple of str
        What the synthesiser is given, and what is written without inverse text normalisation.
    """
    words = [_DIGITS[language][int(figure)] for figure in digits]
    if language == "en":
        return " ".join(words), " ".join(words)
    if language == "ja":
        return " ".join(_KANA[int(figure)] for figure in digits), "".join(words)
    return "".join(words), "".join(words)


def spell_number(value: int, language: str) -> tuple[str, str]:
    """
    Spell a cardinal number.

    Parameters
    ----------
    value : int
        1 to 999.
    language : str
        One of zh, yue, en, ja, ko.

    Returns
    -------
    tuple of str
        What the synthesiser is given, and what is written without inverse text normalisation.
    """
    hundreds, tens, ones = value // 100, value // 10 % 10, value % 10
    if language == "en":
        words = [_DIGITS["en"][hundreds], "hundred"] if hundreds else []
        if tens == 1:
            words.append(_TEENS[ones])
        else:
            words += [_TENS[tens]] if tens else []
            words += [_DIGITS["en"][ones]] if ones else []
        return " ".join(words), " ".join(words)
    written = _spell_sinic(hundreds, tens, ones, language)
    if language == "ja":
        return _read_in_kana(hundreds, tens, ones), written
    return written, written


def _spell_sinic(hundreds: int, tens: int, ones: int, language: str) -> str:
    digits, (hundred, ten) = _DIGITS[language], _UNITS[language]
    chinese = language in {"zh", "yue"}
    if chinese and (hundreds, tens, ones) == (0, 0, 2):
        return "两"
    text = ""
    if hundreds:
        leading = "" if hundreds == 1 and not chinese else digits[hundreds]
        text = ("两" if language == "zh" and hundreds == 2 else leading) + hundred
    if tens:
        text += ("" if tens == 1 and not (chinese and hundreds) else digits[tens]) + ten
    elif chinese and hundreds and ones:
        text += digits[0]
    return text + (digits[ones] if ones else "")


def _read_in_kana(hundreds: int, tens: int, ones: int) -> str:
    text = ""
    if hundreds:
        text = _KANA_HUNDREDS.get(hundreds, ("" if hundreds == 1 else _KANA[hundreds]) + "ひゃく")
    if tens:
        text += ("" if tens == 1 else _KANA[tens]) + "じゅう"
    return text + (_KANA[ones] if ones else "")
