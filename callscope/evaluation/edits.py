"""How many edits lie between what was said and what was heard."""

from __future__ import annotations

from dataclasses import dataclass

import jiwer

from callscope.evaluation.texts import normalise, words


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


def character_edits(expected: str, heard: str) -> Edits:
    """Return the least edits between the characters that count."""
    counted = jiwer.process_characters(normalise(expected), normalise(heard))
    return _edits(counted)


def word_edits(expected: str, heard: str) -> Edits:
    """Return the least edits between the words that count."""
    counted = jiwer.process_words(" ".join(words(expected)), " ".join(words(heard)))
    return _edits(counted)


def _edits(counted: jiwer.CharacterOutput | jiwer.WordOutput) -> Edits:
    return Edits(
        substitutions=counted.substitutions,
        deletions=counted.deletions,
        insertions=counted.insertions,
        length=counted.hits + counted.substitutions + counted.deletions,
    )
