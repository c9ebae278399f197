"""The engine callscope runs on: its own network over a FunASR checkpoint, batched by length, on any torch device."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import structlog
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from callscope.calls import Language, Transcript
from callscope.errors import CheckpointInvalid, RecogniserFailed
from callscope.ports import Clip, Samples, Scores
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, VadCheckpoint, load_weights
from workers.recogniser.clips import as_tensor, cut
from workers.recogniser.ctc import FrameClock, Reading, read_tags, transcribe
from workers.recogniser.encoder import PREFIX_FRAMES, SenseVoice
from workers.recogniser.features import FrontEnd
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.vad import SpeechDetector

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_BATCH_FRAMES = 2_000
"""Padded frames (60 ms each) of a batch: two minutes of speech, small enough for a laptop."""
_SLICE_FRAMES = 1_000
"""Frames whose scores over the whole vocabulary are held at once: 100 MB at 25,055 tokens in fp32."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Item:
    """A clip on its way through a batch."""

    index: int
    """Where its transcript belongs in the answer."""
    samples: Tensor
    duration_ms: int
    frames: int
    """Filter-bank frames; one at least."""
    stacks: int


class TorchRecogniser:
    """
    The `callscope.ports.Recogniser` of torch. One batch is on the device at a time, whoever calls.

    Parameters
    ----------
    checkpoint : SenseVoiceCheckpoint
        Recogniser.
    vad : VadCheckpoint
        Speech detector.
    device : torch.device
        Where both run.
    dtype : {"fp32", "bf16"}
        Number format of the recogniser's network; features, positions and the speech detector are always fp32.

    Raises
    ------
    CheckpointInvalid
        Weights, tokenizer or sizes don't belong together.
    """

    def __init__(
        self,
        checkpoint: SenseVoiceCheckpoint,
        vad: VadCheckpoint,
        *,
        device: torch.device,
        dtype: Literal["fp32", "bf16"] = "fp32",
    ) -> None:
        config = checkpoint.config
        self.checkpoint = checkpoint.identity
        self.engine = f"torch-{dtype}"
        self.device = str(device)
        self._tokenizer = Tokenizer(checkpoint.tokenizer)
        self._blank = config.model_conf.blank_id
        self._clock = FrameClock.of(config.frontend_conf)
        if config.encoder_conf.output_size % config.encoder_conf.attention_heads:
            raise CheckpointInvalid(f"{checkpoint.folder}: output_size isn't a multiple of attention_heads")
        with torch.device("meta"):
            network = SenseVoice(
                config.encoder_conf, features=config.frontend_conf.features, vocabulary=self._tokenizer.size
            )
        load_weights(network, checkpoint.weights, folder=checkpoint.folder)
        self._network = network.to(device, _DTYPES[dtype]).eval()
        self._front_end = FrontEnd(config.frontend_conf, checkpoint.cmvn).to(device)
        self._detector = SpeechDetector(vad).to(device).eval()
        self._lock = Lock()

    @torch.inference_mode()
    def speech_scores(self, channels: Sequence[Samples]) -> list[Scores]:
        """
        Return the speech scores of each channel, in order; a channel under one frame gives none.

        Raises
        ------
        RecogniserFailed
            The network raised; the message says on which channel.
        """
        scores = []
        for index, channel in enumerate(channels):
            try:
                with self._lock:
                    score: Tensor = self._detector(as_tensor(channel).to(self.device))
                    scores.append(score.cpu().numpy())
            except RuntimeError as error:
                raise RecogniserFailed(
                    f"the speech detector failed on channel {index}", why=_first_line(error)
                ) from error
        return scores

    @torch.inference_mode()
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        """
        Read each clip; results are in the order of the clips.

        Parameters
        ----------
        clips : sequence of Clip
            Of any channels. One under 25 ms is filled up with silence to one frame.
        language : Language, optional
            Spoken language when it is known; None lets the model decide.

        Raises
        ------
        RecogniserFailed
            A clip can't be read; the message says which.
        """
        transcripts: dict[int, Transcript] = {}
        items = [self._item(index, clip) for index, clip in enumerate(clips)]
        for batch in _batches(items):
            for item, reading in zip(batch, self._read(batch, clips, language), strict=True):
                transcripts[item.index] = transcribe(
                    reading,
                    tokenizer=self._tokenizer,
                    blank=self._blank,
                    clock=self._clock,
                    duration_ms=item.duration_ms,
                )
        return [transcripts[index] for index in range(len(clips))]

    def _item(self, index: int, clip: Clip) -> _Item:
        bank = self._front_end.filter_bank
        samples, duration_ms = cut(clip, least=bank.length)
        return _Item(index, samples, duration_ms, bank.frames(len(samples)), self._front_end.stacks(len(samples)))

    def _read(self, batch: Sequence[_Item], clips: Sequence[Clip], language: Language | None) -> list[Reading]:
        """Read a batch; when it can't be read whole, item by item, so that the one at fault is named."""
        try:
            with self._lock:
                readings = self._run(batch, language)
        except RuntimeError as error:
            if len(batch) == 1:
                raise RecogniserFailed(_describe(batch[0], clips), why=_first_line(error)) from error
            _log.warning("batch_failed", items=len(batch), error=_first_line(error))
            return [reading for item in batch for reading in self._read([item], clips, language)]
        for item, reading in zip(batch, readings, strict=True):
            if not all(map(math.isfinite, reading.emotions.values())):
                raise RecogniserFailed(_describe(item, clips), why="the network's scores are not numbers")
        return readings

    def _run(self, batch: Sequence[_Item], language: Language | None) -> list[Reading]:
        samples = pad_sequence([item.samples for item in batch], batch_first=True).to(self.device)
        features = self._front_end(samples, [item.frames for item in batch])
        encoded: Tensor = self._network(features, [item.stacks for item in batch], language)
        # The scores of all frames over the whole vocabulary would be a hundred times the features: slice by slice.
        slices = torch.split(encoded.flatten(0, 1), _SLICE_FRAMES)
        ids = torch.cat([self._network.logits(part).argmax(dim=-1) for part in slices])
        rows = ids.view(len(batch), -1).cpu()
        prefixes = self._network.logits(encoded[:, : PREFIX_FRAMES - 1]).cpu()
        return [
            read_tags(row[: PREFIX_FRAMES + item.stacks], prefix, self._tokenizer)
            for item, row, prefix in zip(batch, rows, prefixes, strict=True)
        ]


def _batches(items: Sequence[_Item]) -> Iterator[list[_Item]]:
    """Yield neighbours in length, so that padding is small, up to so many padded frames; never an empty batch."""
    batch: list[_Item] = []
    for item in sorted(items, key=lambda item: item.stacks):
        if batch and (len(batch) + 1) * (PREFIX_FRAMES + item.stacks) > _BATCH_FRAMES:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _describe(item: _Item, clips: Sequence[Clip]) -> str:
    interval = clips[item.index].interval
    return f"the recogniser failed on clip {item.index}, {interval.start_ms} to {interval.end_ms} ms of its channel"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
