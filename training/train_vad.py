"""Training of the voice activity detector: FunASR's FSMN on streams put together from the corpus."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from funasr.models.fsmn_vad_streaming.model import FsmnVADStreaming
from numpy.typing import NDArray
from torch.nn import functional

from training.checkpoint import CMVN_FILE, VAD_ENCODER, VAD_STACK, write_cmvn, write_vad
from training.corpus import Corpus
from training.features import stack_frames
from training.train import measure_cmvn

_log: Final = logging.getLogger(__name__)
_STREAM_FRAMES: Final = 1_200
_STREAMS: Final = 16
_SMOOTHING: Final = 0.04
# The echo of a loud talker on the other leg, at -56 to -43 dBFS, is not speech of this leg; speech down to -35 dBFS is.
# In log mel energies, whose loudest 5 % lie at 23 for speech of -20 dBFS, 0.23 a decibel.
_ECHO_SHARE: Final = 0.3
_ECHO_LOUDNESS: Final = (14.5, 17.6)
_LOUD: Final = 22.0


def train_vad(corpus: Corpus, folder: Path, *, steps: int, seed: int, threads: int) -> None:
    """
    Train the detector and leave a checkpoint in FunASR's format.

    Parameters
    ----------
    corpus : Corpus
        The clips, with who speaks in each 10 ms.
    folder : Path
        The checkpoint.
    steps : int
        Steps of 16 streams of 12 s.
    seed : int
        Decides the streams.
    threads : int
        Of torch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    mean, deviation = measure_cmvn(corpus)
    write_cmvn(folder / CMVN_FILE, np.tile(mean, VAD_STACK), np.tile(deviation, VAD_STACK))
    net = FsmnVADStreaming(encoder="FSMN", encoder_conf=dict(VAD_ENCODER))
    net.encoder.use_softmax = False
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    streams = _streams(corpus, mean, deviation, seed)
    for step in range(1, steps + 1):
        batch = [next(streams) for _ in range(_STREAMS)]
        features = torch.from_numpy(np.stack([features for features, _ in batch]))
        targets = torch.from_numpy(np.stack([speech for _, speech in batch]).astype(np.int64))
        logits = net.encoder(features)
        # Smoothing keeps the posterior away from 0, whose logarithm the stock detector takes.
        loss = functional.cross_entropy(logits.reshape(-1, 2), targets.reshape(-1), label_smoothing=_SMOOTHING)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            _log.info("vad step %d loss %.4f", step, loss.item())
    write_vad(folder, net.state_dict())


def _streams(
    corpus: Corpus, mean: NDArray[np.float32], deviation: NDArray[np.float32], seed: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    # Class 0 of the FSMN is silence, class 1 speech; a stream is clips of any kind one after the other.
    random = np.random.default_rng(seed)
    quiet = [index for index, label in enumerate(corpus.labels) if label.event == "Event_UNK"]
    while True:
        features: list[NDArray[np.float32]] = []
        speech: list[NDArray[np.bool_]] = []
        total = 0
        while total < _STREAM_FRAMES:
            empty = random.random() < 0.35
            index = int(random.choice(quiet)) if empty else int(random.integers(len(corpus.labels)))
            start, end = corpus.offsets[index], corpus.offsets[index + 1]
            frames = corpus.features[start:end].astype(np.float32) + random.uniform(-0.7, 0.7)
            spoken = corpus.speech[start:end]
            if random.random() < _ECHO_SHARE and _loudness(frames) > _LOUD:
                down = _loudness(frames) - random.uniform(*_ECHO_LOUDNESS)
                frames = np.logaddexp(frames - down, random.uniform(2.0, 6.0))
                spoken = np.zeros_like(spoken)
            features.append(frames.astype(np.float32))
            speech.append(spoken)
            total += len(frames)
        stream = (np.concatenate(features)[:_STREAM_FRAMES] - mean) / deviation
        yield stack_frames(stream, VAD_STACK, 1), np.concatenate(speech)[:_STREAM_FRAMES]


def _loudness(frames: NDArray[np.float32]) -> float:
    return float(np.percentile(frames.max(axis=1), 95))
