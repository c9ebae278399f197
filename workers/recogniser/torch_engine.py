"""The engine callscope runs on: sound, features and speech detector in torch on any device, around any network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch

from callscope.calls import Language, Transcript
from callscope.errors import CallscopeError, DeviceLost, OutOfDeviceMemory, RecogniserFailed
from callscope.ports import Channel, Clip, Scores
from workers.recogniser.checkpoint import SenseVoiceCheckpoint
from workers.recogniser.clips import cut
from workers.recogniser.ctc import FrameClock, TagScores, transcribe
from workers.recogniser.encoder import PREFIX_FRAMES, Network
from workers.recogniser.engine import Passage, Reading, Stretch
from workers.recogniser.features import FrontEnd
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.vad import SpeechDetector
from workers.recogniser.waves import Waves, on_device

_CPU_STRETCH_FRAMES, _STRETCH_FRAMES = 4_000, 120_000
"""Frames (10 ms) of a batch for the speech detector, which is small: it needs more sound to be worth its launches."""
_STREAMS = {"cuda": 2}
"""One computes while the other's batch is put together and its results are read."""

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
_LOST = ("CUDA error", "CUBLAS_STATUS", "CUDNN_STATUS", "device-side assert", "NPU function error", "CNRT error")


class LeanEngine:
    """
    The `workers.recogniser.engine.Engine` of every network but stock FunASR's.

    Parameters
    ----------
    checkpoint : SenseVoiceCheckpoint
        Whose front end and head these are; its weights aren't kept.
    tokenizer : Tokenizer
        Of the same checkpoint.
    detector : SpeechDetector
        On the device.
    network : Network
        On the device.
    device : torch.device
        Where all of them run.
    cores : int > 0
        How many the lanes of a CPU device may use, one each: torch's own threads wait for each other after every layer.
    """

    def __init__(
        self,
        checkpoint: SenseVoiceCheckpoint,
        *,
        tokenizer: Tokenizer,
        detector: SpeechDetector,
        network: Network,
        device: torch.device,
        cores: int,
    ) -> None:
        is_cpu = device.type == "cpu"
        self.checkpoint = checkpoint.identity
        self.name = network.name
        self.device = str(device)
        self.lanes = cores if is_cpu else _STREAMS.get(device.type, 1)
        self.batch_frames = network.batch_frames
        self.stretch_frames = _CPU_STRETCH_FRAMES if is_cpu else _STRETCH_FRAMES
        self._device = device
        self._tokenizer = tokenizer
        self._blank = checkpoint.config.model_conf.blank_id
        self._clock = FrameClock.of(checkpoint.config.frontend_conf)
        self._waves = Waves().to(device)
        self._front_end = FrontEnd(checkpoint.config.frontend_conf, checkpoint.cmvn).to(device)
        self._detector = detector
        self._network = network
        self._tags = TagScores(tokenizer)
        self._tag_frames = on_device(self._tags.frames, device)
        self._tag_ids = on_device(self._tags.ids, device)
        if not is_cpu:
            # The lanes' streams don't wait for the one that has put the weights there.
            torch.accelerator.synchronize(device)

    @contextmanager
    def lane(self) -> Iterator[None]:
        """Give the calling thread a core or a stream of its own, and keep it from recording gradients."""
        with torch.inference_mode(), self._place():
            yield

    def _place(self) -> AbstractContextManager[object]:
        match self._device.type:
            case "cpu":
                # OpenMP keeps the number for each thread; a thread that asks later inherits the latest.
                torch.set_num_threads(1)
                return nullcontext()
            case "cuda":
                return torch.cuda.stream(torch.cuda.Stream(self._device))  # type: ignore[no-untyped-call]
            case _:
                torch.accelerator.set_device_index(self._device)
                return nullcontext()

    def stretches(self, channel: Channel) -> list[Stretch]:
        """Return what `detect` takes of a channel."""
        return self._detector.stretches(channel)

    def detect(self, stretches: Sequence[Stretch]) -> list[Scores]:
        """Return the speech scores of each stretch's own frames."""
        with _named_failures("the speech detector"):
            scores: list[Scores] = self._detector(stretches)
            return scores

    def passage(self, clip: Clip, language: Language | None) -> Passage:
        """Return what `read` takes of a clip."""
        return cut(clip, language, front_end=self._front_end)

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """Return what is said in each passage."""
        with _named_failures("the recogniser"):
            samples = self._waves([passage.excerpt for passage in passages])
            bank = self._front_end.filter_bank
            features = self._front_end(samples, [bank.frames(passage.excerpt.length) for passage in passages])
            lengths = [passage.frames - PREFIX_FRAMES for passage in passages]
            ids, scores = self._network.read(features, lengths, [passage.language for passage in passages])
            tags = scores[:, self._tag_frames, self._tag_ids]
            # Both come back in one copy, the only thing the host waits for: float32 holds every id exactly.
            rows = torch.cat((ids.float(), tags), dim=1).cpu().numpy()
        frames = ids.shape[1]
        if not np.isfinite(rows[:, frames:]).all():
            raise RecogniserFailed("the network's scores are not numbers")
        return [
            self._tags.reading(row[: passage.frames].astype(np.int64).tolist(), row[frames:])
            for row, passage in zip(rows, passages, strict=True)
        ]

    def spell(self, reading: Reading, passage: Passage) -> Transcript:
        """Return the transcript of a reading."""
        return transcribe(
            reading,
            tokenizer=self._tokenizer,
            blank=self._blank,
            clock=self._clock,
            duration_ms=passage.duration_ms,
        )


@contextmanager
def _named_failures(what: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise name_failure(error, what=what) from error


def name_failure(error: RuntimeError, *, what: str) -> CallscopeError:
    """
    Return the named error for what torch, or a plug-in of it, raised.

    Parameters
    ----------
    error : RuntimeError
        Memory comes before loss: a device that couldn't give memory can go on.
    what : str
        What failed.

    Returns
    -------
    CallscopeError
        `OutOfDeviceMemory`, `DeviceLost` or `RecogniserFailed`.
    """
    message = str(error)
    why = message.partition("\n")[0]
    if isinstance(error, torch.OutOfMemoryError) or any(mark in message for mark in _OUT_OF_MEMORY):
        return OutOfDeviceMemory(f"{what} ran out of the device's memory", why=why)
    if isinstance(error, torch.AcceleratorError) or any(mark in message for mark in _LOST):
        return DeviceLost(f"{what} lost its device", why=why)
    return RecogniserFailed(f"{what} failed on a batch", why=why)
