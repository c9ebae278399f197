"""What is made of words: error rates and tags, language by language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from callscope.calls import Language
from callscope.evaluation.edits import Edits, character_edits, word_edits
from callscope.evaluation.observe import Observation
from callscope.evaluation.resample import Counts, Estimate, resample, resample_shares

BY_WORDS: Final = frozenset({Language.EN})
"""Languages that are compared by words too; the others part theirs by rules that no two tools share, or not at all."""


@dataclass(frozen=True, slots=True)
class LanguageFigures:
    """One spoken language."""

    language: Language
    items: int
    """Clips, or turns of calls, that are labelled with it."""
    characters: int
    """That were said."""
    substitutions: int
    deletions: int
    insertions: int
    """In characters, as the two before it."""
    cer: Estimate
    """Character error rate."""
    wer: Estimate | None
    """Word error rate; None for a language that is compared by characters alone."""
    language_right: Estimate
    emotion_right: Estimate


@dataclass(frozen=True, slots=True)
class Ghosts:
    """Text where nobody speaks."""

    items: int
    """Clips, and channels of calls, whose labelled text is empty."""
    characters: int
    """That were heard in them."""


def measure_languages(observations: Sequence[Observation]) -> tuple[LanguageFigures, ...]:
    """Return the figures of each language that somebody speaks."""
    spoken = {text.language for row in observations for text in row.texts if text.expected}
    spoken |= {pair.expected for row in observations for pair in row.languages}
    return tuple(
        _figures(language, observations)
        for language in Language
        if language in spoken and language is not Language.NOSPEECH
    )


def count_ghosts(observations: Iterable[Observation]) -> Ghosts:
    """Return what was heard where nobody speaks."""
    empty = [text for row in observations for text in row.texts if not text.expected]
    return Ghosts(len(empty), sum(character_edits("", text.heard).insertions for text in empty))


def _figures(language: Language, observations: Sequence[Observation]) -> LanguageFigures:
    characters = [_row_edits(row, language, character_edits) for row in observations]
    rights = [
        [pair.heard is pair.expected for pair in row.languages if pair.expected is language] for row in observations
    ]
    return LanguageFigures(
        language=language,
        items=sum(len(own) for own in rights),
        characters=sum(edits.length for own in characters for edits in own),
        substitutions=sum(edits.substitutions for own in characters for edits in own),
        deletions=sum(edits.deletions for own in characters for edits in own),
        insertions=sum(edits.insertions for own in characters for edits in own),
        cer=_rate(characters),
        wer=_rate([_row_edits(row, language, word_edits) for row in observations]) if language in BY_WORDS else None,
        language_right=resample_shares(rights).share(),
        emotion_right=resample_shares(
            [pair.heard is pair.expected for pair in row.emotions if pair.language is language] for row in observations
        ).share(),
    )


def _row_edits(row: Observation, language: Language, count: Callable[[str, str], Edits]) -> list[Edits]:
    return [count(text.expected, text.heard) for text in row.texts if text.language is language]


def _rate(rows: Sequence[Sequence[Edits]]) -> Estimate:
    counts: list[Counts] = [
        np.array([sum(edits.total for edits in own), sum(edits.length for edits in own)], dtype=np.float64)
        for own in rows
    ]
    return resample(counts, shape=(2,)).share()
