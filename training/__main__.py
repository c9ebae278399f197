"""``python -m training``: makes the demo checkpoint and the sample calls, stage by stage."""

import argparse
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from training.card import write_card
from training.corpus import build_corpus, load_corpus
from training.heldout import make_heldout
from training.samples import make_samples
from training.train import Options, train_recogniser
from training.train_vad import train_vad

CLIPS: Final = 24_000
STEPS: Final = 10_000
VAD_STEPS: Final = 900
VAD_SEED: Final = 7
HELDOUT_CLIPS: Final = 500
HELDOUT_SEED: Final = 99
SAMPLES_SEED: Final = 2_026
OPTIONS: Final = Options(steps=STEPS)

_WORK: Final = Path(".callscope/training")
_HELDOUT: Final = _WORK / "heldout"
_CHECKPOINT: Final = Path("checkpoints/demo")
_SAMPLES: Final = Path("samples")


def synthesise() -> None:
    """Synthesise the training corpus and the held-out set (about 6 and 1 minutes on two cores)."""
    build_corpus(_WORK / "corpus", clips=CLIPS, seed=OPTIONS.seed, workers=os.cpu_count() or 1)
    held_out(_HELDOUT)


def held_out(folder: Path) -> None:
    """Synthesise the held-out set alone, for ``callscope evaluate`` (a minute)."""
    make_heldout(folder, clips=HELDOUT_CLIPS, seed=HELDOUT_SEED)


def recogniser() -> None:
    """Train the recogniser (about an hour on one core)."""
    train_recogniser(load_corpus(_WORK / "corpus"), _CHECKPOINT, _WORK / "train.jsonl", OPTIONS)


def vad() -> None:
    """Train the voice activity detector (about 5 minutes)."""
    corpus = load_corpus(_WORK / "corpus")
    train_vad(corpus, _CHECKPOINT / "vad", steps=VAD_STEPS, seed=VAD_SEED, threads=OPTIONS.threads)


def samples() -> None:
    """Perform and encode the sample calls and write their references."""
    make_samples(_SAMPLES, seed=SAMPLES_SEED)


def card() -> None:
    """Measure the checkpoint and write its model card and checksums."""
    write_card(_CHECKPOINT, _HELDOUT, _SAMPLES, _WORK / "train.jsonl", OPTIONS, corpus_clips=CLIPS)


STAGES: Final[tuple[Callable[[], None], ...]] = (synthesise, recogniser, vad, samples, card)
_CHECKPOINT_STAGES: Final = (synthesise, recogniser, vad, card)


def main() -> None:
    """Run one stage, or with ``checkpoint`` all that make the checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("stage", choices=["checkpoint", "held-out", *(stage.__name__ for stage in STAGES)])
    parser.add_argument("folder", nargs="?", type=Path, default=_HELDOUT, help="where held-out writes its clips")
    arguments = parser.parse_args()
    chosen = arguments.stage
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if chosen == "held-out":
        held_out(arguments.folder)
    for stage in _CHECKPOINT_STAGES if chosen == "checkpoint" else STAGES:
        if chosen in {"checkpoint", stage.__name__}:
            stage()


if __name__ == "__main__":
    main()
