"""The checkpoint's own tokenizer: which ids are tags, and what the others spell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import sentencepiece

from callscope.errors import CheckpointInvalid
from callscope.meaning.tags import EMOTION_TAGS, EVENT_TAGS, LANGUAGE_TAGS

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Spelling:
    """What a sequence of ids spells."""

    text: str
    """Tags included."""
    pieces: tuple[str, ...]
    """The text cut into the part of each id, a word's leading space with it; empty for an id that spells nothing."""


class Tokenizer:
    """
    A sentencepiece model. Safe to use from several threads.

    Parameters
    ----------
    path : Path
        The checkpoint's ``*.bpe.model``.

    Raises
    ------
    CheckpointInvalid
        The file is no sentencepiece model, or has no tag of one of the kinds.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._pieces = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError) as error:
            raise CheckpointInvalid(f"{path} is no sentencepiece model", why=str(error)) from error
        self.size: int = self._pieces.get_piece_size()
        self.languages = self._tag_ids(LANGUAGE_TAGS, path)
        self.emotions = self._tag_ids(EMOTION_TAGS, path)
        self.events = self._tag_ids(EVENT_TAGS, path)

    def _tag_ids(self, names: Mapping[str, _Kind], path: Path) -> dict[_Kind, int]:
        """Return the ids of those tags that this vocabulary has."""
        unknown = self._pieces.unk_id()
        ids = {kind: self._pieces.piece_to_id(f"<|{name}|>") for name, kind in names.items()}
        known = {kind: index for kind, index in ids.items() if index != unknown}
        if not known:
            raise CheckpointInvalid(f"{path} has none of the tags {', '.join(names)}")
        return known

    def is_tag(self, token_id: int) -> bool:
        """Say whether an id stands for a tag, one that callscope knows or another."""
        piece: str = self._pieces.id_to_piece(token_id)
        return piece.startswith("<|") and piece.endswith("|>")

    def spell(self, token_ids: Sequence[int]) -> Spelling:
        """Return what the ids spell, as a whole and id by id."""
        mapping = self._pieces.decode(list(token_ids), return_type="offset_mapping")
        text: str = mapping["text"]
        return Spelling(text, tuple(text[start:end] for start, end in mapping["offsets"]))
