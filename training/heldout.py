"""The held-out set: sentences of held-out templates in held-out voices, as files with a manifest for `evaluate`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from callscope.meaning.tags import EVENT_TAGS
from training.corpus import ClipMaker
from training.voices import SAMPLE_RATE_HZ, Signal

_MANIFEST, _SPEECH = "manifest.jsonl", "speech.jsonl"
_TAGS = {kind: tag for tag, kind in EVENT_TAGS.items()}


@dataclass(frozen=True, slots=True)
class HeldoutClip:
    """A clip of the held-out set and all that is known of it, tags as the checkpoint spells them."""

    wave: Signal
    text: str
    plain_text: str
    """Without ITN: figures as words, no punctuation."""
    tags: tuple[str, str, str]
    """Language, emotion, event."""
    speech_ms: tuple[int, int] | None
    """Where speech begins and ends; None where nobody speaks."""


def make_heldout(folder: Path, *, clips: int, seed: int) -> None:
    """
    Synthesise the held-out set.

    Parameters
    ----------
    folder : Path
        Here go ``<index>.wav`` (16 kHz, 16 bits), ``manifest.jsonl`` for ``callscope evaluate``, and ``speech.jsonl``
        with what that doesn't ask for.
    clips : int
        How many.
    seed : int
        Same seed, same set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    maker = ClipMaker(seed, heldout=True)
    with (
        (folder / _MANIFEST).open("w", encoding="utf-8") as manifest,
        (folder / _SPEECH).open("w", encoding="utf-8") as speech,
    ):
        for index in range(clips):
            clip = maker.make(index)
            path = folder / f"{index:04}.wav"
            soundfile.write(path, clip.wave, SAMPLE_RATE_HZ, subtype="PCM_16")
            spoken = np.flatnonzero(clip.speech)
            row = {
                "audio": path.name,
                "language": clip.label.language,
                "text": clip.label.normal,
                "emotion": clip.label.emotion,
                "events": [EVENT_TAGS[clip.label.event].value],
            }
            more = {
                "plain_text": clip.label.plain,
                "speech_ms": [int(spoken[0]) * 10, int(spoken[-1] + 1) * 10] if len(spoken) else None,
            }
            manifest.write(json.dumps(row, ensure_ascii=False) + "\n")
            speech.write(json.dumps(more, ensure_ascii=False) + "\n")


def read_heldout(folder: Path) -> Iterator[HeldoutClip]:
    """
    Read the held-out set.

    Parameters
    ----------
    folder : Path
        What `make_heldout` wrote.

    Yields
    ------
    HeldoutClip
        In the order of the manifest.
    """
    manifest, speech = ((folder / name).read_text(encoding="utf-8").splitlines() for name in (_MANIFEST, _SPEECH))
    for line, more_line in zip(manifest, speech, strict=True):
        row, more = json.loads(line), json.loads(more_line)
        wave, _ = soundfile.read(folder / row["audio"], dtype="float32")
        [event] = row["events"]
        yield HeldoutClip(
            wave=wave,
            text=row["text"],
            plain_text=more["plain_text"],
            tags=(row["language"], row["emotion"], _TAGS[event]),
            speech_ms=tuple(more["speech_ms"]) if more["speech_ms"] else None,
        )
