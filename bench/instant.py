"""
A recogniser without a network: it answers at once, with plausible results.

What is left is what the host alone does for a recording: decode, levels, regions, batches put together, texts spelt,
times of words. Nothing in it is a measurement of speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from callscope.calls import Emotion, EventKind, Language
from callscope.ports import Scores
from callscope.settings import Settings
from workers.recogniser.checkpoint import read_sense_voice, read_vad
from workers.recogniser.encoder import PREFIX_FRAMES, Network
from workers.recogniser.engine import Passage, Reading, Stretch
from workers.recogniser.hub import CheckpointFolder
from workers.recogniser.recogniser import BatchingRecogniser
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.torch_engine import LeanEngine
from workers.recogniser.vad import SpeechDetector
from workers.recogniser.waves import Excerpt

_LOUD = 500
"""Of 32,768: a frame with a louder sample in it is speech, well above the load's comfort noise."""
_FRAMES_A_TOKEN = 4
"""About four tokens a second, as people speak."""
_LONGEST_FRAMES = 1_000
_GPU_BATCH_FRAMES = 10_000


def instant_recogniser(settings: Settings) -> BatchingRecogniser:
    """Return a recogniser of the checkpoint that computes nothing."""
    folder = Path(settings.checkpoint)
    checkpoint = read_sense_voice(CheckpointFolder(folder.name, folder))
    vad = read_vad(CheckpointFolder("vad", Path(settings.vad_checkpoint or folder / "vad")))
    engine = _InstantEngine(
        checkpoint,
        tokenizer=Tokenizer(checkpoint.tokenizer),
        detector=SpeechDetector(vad),
        network=_NoNetwork(),
        device=torch.device("cpu"),
        cores=1,
    )
    return BatchingRecogniser(engine)


class _NoNetwork(Network):
    @property
    @override
    def name(self) -> str:
        return "none"

    @property
    @override
    def batch_frames(self) -> int:
        return _GPU_BATCH_FRAMES

    @override
    def read(
        self, features: Tensor, lengths: Sequence[int], languages: Sequence[Language | None]
    ) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class _InstantEngine(LeanEngine):
    """callscope's engine with its device taken out; a batch is still put together as if for one."""

    @override
    def detect(self, stretches: Sequence[Stretch]) -> list[Scores]:
        _stage([stretch.excerpt for stretch in stretches])
        return [_loud_frames(stretch) for stretch in stretches]

    @override
    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        _stage([passage.excerpt for passage in passages])
        return [Reading(_IDS[: passage.frames], _LANGUAGES, _EMOTIONS, _EVENTS) for passage in passages]


def _stage(excerpts: Sequence[Excerpt]) -> None:
    """Gather samples as they would be for the one copy to the device."""
    np.concatenate([excerpt.samples for excerpt in excerpts])


def _loud_frames(stretch: Stretch) -> Scores:
    """Score frames by their loudest sample: speech or not, at next to no cost."""
    hop = stretch.excerpt.sample_rate_hz // 100
    samples = stretch.excerpt.samples
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    loud = np.maximum(frames.max(axis=1), -frames.min(axis=1)) > _LOUD
    scores = np.zeros(stretch.before + stretch.own, np.float32)
    scores[: len(loud)] = loud[: len(scores)]
    return scores[stretch.before :]


_BLANK, _FIRST_WORD = 0, 40
_IDS = [
    _BLANK if frame < PREFIX_FRAMES or frame % _FRAMES_A_TOKEN else _FIRST_WORD + frame % 50
    for frame in range(_LONGEST_FRAMES)
]
_LANGUAGES = dict.fromkeys(Language, 1 / len(Language))
_EMOTIONS = dict.fromkeys(Emotion, 1 / len(Emotion))
_EVENTS = {EventKind.SPEECH: 0.9, EventKind.LAUGHTER: 0.1}
