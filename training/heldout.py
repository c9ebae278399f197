"""The held-out set: sentences of held-out templates in held-out voices, as files with a manifest."""

import json
from pathlib import Path

import numpy as np
import soundfile

from training.corpus import ClipMaker
from training.voices import SAMPLE_RATE_HZ


def make_heldout(folder: Path, *, clips: int, seed: int) -> None:
    """
    Synthesise the held-out set.

    Parameters
    ----------
    folder : Path
        ``<index>.wav`` (16 kHz, 16 bits) and ``manifest.jsonl`` go here.
    clips : int
        How many.
    seed : int
        Same seed, same set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    maker = ClipMaker(seed, heldout=True)
    with (folder / "manifest.jsonl").open("w", encoding="utf-8") as manifest:
        for index in range(clips):
            clip = maker.make(index)
            path = folder / f"{index:04}.wav"
            soundfile.write(path, clip.wave, SAMPLE_RATE_HZ, subtype="PCM_16")
            spoken = np.flatnonzero(clip.speech)
            record = {
                "audio": path.name,
                "text": clip.label.normal,
                "plain_text": clip.label.plain,
                "language": clip.label.language,
                "emotion": clip.label.emotion,
                "event": clip.label.event,
                "start_ms": int(spoken[0]) * 10 if len(spoken) else None,
                "end_ms": int(spoken[-1] + 1) * 10 if len(spoken) else None,
            }
            manifest.write(json.dumps(record, ensure_ascii=False) + "\n")
