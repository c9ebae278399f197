"""What counts of a text when it is compared."""

from __future__ import annotations

import unicodedata
from typing import Final

_WITHIN_WORDS: Final = frozenset("'\u2019\u02bc")
"""Apostrophes: they part no words ("don't", "l'eau")."""


def words(text: str) -> list[str]:
    """
    Return the words that count of a text.

    Width and compatibility forms (NFKC) and case are made equal, marks are taken out. Numbers stay as they are
    written: ``3天`` is not ``三天``, for what is written with figures is what an analyst looks for.

    Parameters
    ----------
    text : str
        In any language; one that is written without spaces gives one word between two marks.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(_kept(char) for char in folded).split()


def normalise(text: str) -> str:
    """Return the characters that count of a text: its `words`, without anything between them."""
    return "".join(words(text))


def _kept(char: str) -> str:
    category = unicodedata.category(char)[0]
    if category in "LN":
        return char
    return "" if category == "M" or char in _WITHIN_WORDS else " "
