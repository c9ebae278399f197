"""What counts of a text when it is compared, and how many edits lie between two."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

import jiwer

_WITHIN_WORDS: Final = frozenset("'\u2019\u02bc")
"""Apostrophes: they part no words ("don't", "l'eau")."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What must be done to a reference to get what was heard, in characters or in words."""

    substitutions: int
    deletions: int
    insertions: int
    length: int
    """Of the reference."""

    @property
    def total(self) -> int:
        """All edits."""
        return self.substitutions + self.deletions + self.insertions


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


def character_edits(expected: str, heard: str) -> Edits:
    """Return the least edits between the characters that count."""
    counted = jiwer.process_characters(normalise(expected), normalise(heard))
    return _edits(counted)


def word_edits(expected: str, heard: str) -> Edits:
    """Return the least edits between the words that count."""
    counted = jiwer.process_words(" ".join(words(expected)), " ".join(words(heard)))
    return _edits(counted)


def _kept(char: str) -> str:
    category = unicodedata.category(char)[0]
    if category in "LN":
        return char
    return "" if category == "M" or char in _WITHIN_WORDS else " "


def _edits(counted: jiwer.CharacterOutput | jiwer.WordOutput) -> Edits:
    return Edits(
        substitutions=counted.substitutions,
        deletions=counted.deletions,
        insertions=counted.insertions,
        length=counted.hits + counted.substitutions + counted.deletions,
    )
