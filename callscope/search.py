"""
Words to be found by: the same cut of a text for the index and for a question.

Chinese, Japanese and Korean are cut into pairs of neighbouring characters, for a word of two characters is the usual
one and nothing stands between words; all other scripts into words. A pair that stands in a text is found exactly; a
longer run is found by its pairs and must be looked at again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHARS = 200
"""Of a question; what follows is left out."""
MAX_TERMS = 8
MAX_WORD_CHARS = 40

_PAIRED = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(rf"(?P<paired>[{_PAIRED}]+)|(?P<word>[^\W_{_PAIRED}]+)")
_TERM = re.compile(r'"([^"]+)"|(\S+)')
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Question:
    """What a text must hold."""

    grams: tuple[str, ...]
    """Each stands in the text."""
    beginnings: tuple[str, ...]
    """A gram of the text begins with each."""
    phrases: tuple[str, ...]
    """Each stands in the folded text as it is; none where the grams say it all."""


def fold(text: str) -> str:
    """Return a text in one spelling: full-width forms as plain ones, one space for any, without line ends."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def grams(text: str) -> set[str]:
    """
    Return what a text is found by.

    Parameters
    ----------
    text : str
        Anything; it is folded here.

    Returns
    -------
    set of str
        Pairs of characters, the last character of each run alone, and words in lower case.
    """
    return {gram for run, is_paired in _runs(fold(text)) for gram in (_pairs(run) if is_paired else [run])}


def parse_question(typed: str) -> Question | None:
    """
    Return what was asked for, or None where nothing can be looked for.

    Parameters
    ----------
    typed : str
        Terms between spaces, all of which must be found; a term in straight quotes may hold spaces.
    """
    exact, beginnings, phrases = set[str](), set[str](), set[str]()
    terms = [quoted or plain for quoted, plain in _TERM.findall(fold(typed)[:MAX_CHARS])]
    for term in terms[:MAX_TERMS]:
        runs = list(_runs(term))
        for run, is_paired in runs:
            if is_paired and len(run) >= _PAIR:
                exact.update(run[place : place + _PAIR] for place in range(len(run) - 1))
            else:
                beginnings.add(run)
        if len(runs) > 1 or any(is_paired and len(run) > _PAIR for run, is_paired in runs):
            phrases.add(term.lower())
    if not exact and not beginnings:
        return None
    return Question(tuple(sorted(exact)), tuple(sorted(beginnings)), tuple(sorted(phrases)))


def first_place(text: str, question: Question) -> tuple[int, int] | None:
    """Return where in a text the first thing asked for stands: first character and the one after; None: nowhere."""
    folded = text.lower()
    sought = question.phrases or (*question.grams, *question.beginnings)
    places = [(place, place + len(one)) for one in sought if (place := folded.find(one)) >= 0]
    return min(places, default=None)


def _runs(folded: str) -> Iterator[tuple[str, bool]]:
    """Yield each run of characters and whether it is cut into pairs."""
    for match in _RUN.finditer(folded.lower()):
        if match["paired"]:
            yield match["paired"], True
        else:
            yield match["word"][:MAX_WORD_CHARS], False


def _pairs(run: str) -> list[str]:
    return [*(run[place : place + _PAIR] for place in range(len(run) - 1)), run[-1]]
