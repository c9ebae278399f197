"""The vocabulary: every tag of the published checkpoint, every character of the corpus, pieces of English words."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import sentencepiece

from training.corpus import Label

LANGUAGE_TAGS: Final = ("zh", "en", "yue", "ja", "ko", "nospeech")
EMOTION_TAGS: Final = (
    "HAPPY", "SAD", "ANGRY", "NEUTRAL", "FEARFUL", "DISGUSTED", "SURPRISED", "OTHER", "EMO_UNKNOWN",
)  # fmt: skip
EVENT_TAGS: Final = (
    "Speech", "BGM", "Laughter", "Applause", "Cry", "Sneeze", "Breath", "Cough", "Sing", "Speech_Noise", "GBG",
    "Event_UNK",
)  # fmt: skip
ITN_TAGS: Final = ("withitn", "woitn")
ENGLISH_PIECES: Final = 420
_LATIN: Final = re.compile(r"[A-Za-z' ]")


def train_tokenizer(labels: Sequence[Label], path: Path) -> None:
    """
    Train the sentencepiece model of a corpus.

    Parameters
    ----------
    labels : sequence of Label
        Their texts: English makes the pieces, the rest gives its characters.
    path : Path
        The file to write.
    """
    texts = [text for label in labels for text in (label.plain, label.normal) if text]
    tags = [f"<|{tag}|>" for tag in (*LANGUAGE_TAGS, *EMOTION_TAGS, *EVENT_TAGS, *ITN_TAGS)]
    characters = sorted({char for text in texts for char in text if not _LATIN.match(char)})
    english = sorted(text for label in labels if label.language == "en" for text in (label.plain, label.normal))
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(english),
        model_prefix=str(path.with_suffix("")),
        model_type="bpe",
        vocab_size=3 + len(tags) + len(characters) + ENGLISH_PIECES,
        user_defined_symbols=[*tags, *characters],
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        num_threads=1,
        minloglevel=2,
    )
    path.with_suffix(".vocab").unlink()
