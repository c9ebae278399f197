"""Training of the recogniser: FunASR's own classes in a loop that takes the tags' ids from our own vocabulary."""

import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import sentencepiece
import torch
from funasr.models.sense_voice.model import SenseVoiceSmall
from numpy.typing import NDArray
from torch.nn import functional

from training.checkpoint import BPE_FILE, CMVN_FILE, ENCODER, write_cmvn, write_recogniser
from training.corpus import Corpus, Label
from training.features import MELS, STACK, STRIDE, stack_frames
from training.tokenizer import train_tokenizer

_log: Final = logging.getLogger(__name__)
_PREFIX: Final = 4


@dataclass(frozen=True, slots=True)
class Options:
    """How the recogniser is trained; everything goes by step, so that a run can be repeated."""

    steps: int
    seed: int = 20_261_122
    batch_frames: int = 1_600
    peak_rate: float = 2e-3
    warmup_steps: int = 400
    save_every: int = 1_000
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's input: features with lengths, the two queries, the four tags, the text tokens with lengths."""

    features: torch.Tensor
    lengths: torch.Tensor
    language_query: torch.Tensor
    itn_query: torch.Tensor
    tags: torch.Tensor
    tokens: torch.Tensor
    token_lengths: torch.Tensor


def train_recogniser(corpus: Corpus, folder: Path, log_file: Path, options: Options) -> None:
    """
    Train tokenizer, feature normalisation and net, and leave a checkpoint in FunASR's format.

    Parameters
    ----------
    corpus : Corpus
        The clips.
    folder : Path
        The checkpoint; a usable one is there from the first save on.
    log_file : Path
        One JSON line each 50 steps: step, losses, rate, seconds.
    options : Options
        Steps, seed and the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log_file.unlink(missing_ok=True)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    train_tokenizer(corpus.labels, folder / BPE_FILE)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(folder / BPE_FILE))
    mean, deviation = measure_cmvn(corpus)
    write_cmvn(folder / CMVN_FILE, np.tile(mean, STACK), np.tile(deviation, STACK))
    net = build_net(tokenizer.get_piece_size())
    optimiser = torch.optim.AdamW(net.parameters(), lr=options.peak_rate, betas=(0.9, 0.98), weight_decay=0.01)
    batches = _Batches(corpus, tokenizer, mean, deviation, options)
    started = time.monotonic()
    sums = np.zeros(2)
    for step, batch in enumerate(batches.forever(), start=1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, options)
        ctc, tags = losses(net, batch)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(ctc + tags)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        sums += (ctc.item(), tags.item())
        if step % 50 == 0:
            record = {"step": step, "ctc": sums[0] / 50, "tags": sums[1] / 50, "rate": learning_rate(step, options)}
            with log_file.open("a", encoding="utf-8") as log:
                log.write(json.dumps({**record, "seconds": round(time.monotonic() - started)}) + "\n")
            sums[:] = 0
        if step % options.save_every == 0 or step == options.steps:
            write_recogniser(folder, net.state_dict())
            _log.info("saved", extra={"step": step})
        if step == options.steps:
            return


def build_net(vocabulary: int) -> SenseVoiceSmall:
    """
    Build the genuine class in the demo's size.

    Parameters
    ----------
    vocabulary : int
        Pieces of the tokenizer.

    Returns
    -------
    SenseVoiceSmall
        With fresh weights.
    """
    return SenseVoiceSmall(
        encoder="SenseVoiceEncoderSmall",
        encoder_conf=dict(ENCODER),
        ctc_conf={},
        input_size=MELS * STACK,
        vocab_size=vocabulary,
    )


def learning_rate(step: int, options: Options) -> float:
    """
    Give the rate of a step: linear warm-up, then half a cosine to zero.

    Parameters
    ----------
    step : int
        From 1.
    options : Options
        Peak, warm-up, steps.

    Returns
    -------
    float
        The rate.
    """
    if step < options.warmup_steps:
        return options.peak_rate * step / options.warmup_steps
    done = (step - options.warmup_steps) / max(options.steps - options.warmup_steps, 1)
    return options.peak_rate * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0))) + 1e-6


def losses(net: SenseVoiceSmall, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Run the net on a batch the way its own inference does.

    Parameters
    ----------
    net : SenseVoiceSmall
        In training mode.
    batch : Batch
        The input.

    Returns
    -------
    tuple of Tensor
        CTC loss per token over the text frames, and cross-entropy over the four prefix frames.
    """
    size = len(batch.lengths)
    events = torch.tensor([[1, 2]]).expand(size, 2)
    queries = torch.cat((batch.language_query[:, None], events, batch.itn_query[:, None]), dim=1)
    speech = torch.cat((net.embed(queries), batch.features), dim=1)
    encoded, lengths = net.encoder(speech, batch.lengths + _PREFIX)
    scores = functional.log_softmax(net.ctc.ctc_lo(encoded), dim=-1)
    ctc = functional.ctc_loss(
        scores[:, _PREFIX:].transpose(0, 1),
        batch.tokens,
        lengths - _PREFIX,
        batch.token_lengths,
        blank=0,
        reduction="sum",
        zero_infinity=True,
    )
    tags = functional.nll_loss(scores[:, :_PREFIX].reshape(-1, scores.shape[-1]), batch.tags.reshape(-1))
    return ctc / batch.token_lengths.sum().clamp(min=1), tags


def measure_cmvn(corpus: Corpus) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """
    Measure mean and deviation of each mel over one frame in twenty.

    Parameters
    ----------
    corpus : Corpus
        The clips.

    Returns
    -------
    tuple of ndarray of float32, shape (80,)
        Mean and standard deviation.
    """
    some = corpus.features[::20].astype(np.float32)
    return some.mean(axis=0), some.std(axis=0)


class _Batches:
    def __init__(
        self,
        corpus: Corpus,
        tokenizer: sentencepiece.SentencePieceProcessor,
        mean: NDArray[np.float32],
        deviation: NDArray[np.float32],
        options: Options,
    ) -> None:
        self._corpus = corpus
        self._tokenizer = tokenizer
        self._mean = mean
        self._deviation = deviation
        self._options = options
        self._random = np.random.default_rng(options.seed)
        self._queries: dict[str, int] = build_net(tokenizer.get_piece_size()).lid_dict
        self._tokens = [
            tuple(np.array(tokenizer.encode(text), dtype=np.int64) for text in (label.plain, label.normal))
            for label in corpus.labels
        ]

    def forever(self) -> Iterator[Batch]:
        frames = -(-np.diff(self._corpus.offsets) // STRIDE)
        while True:
            order = np.argsort(frames * self._random.uniform(0.9, 1.1, len(frames)))
            groups: list[list[int]] = [[]]
            longest = 0
            for index in order:
                longest = max(longest, int(frames[index]))
                if longest * (len(groups[-1]) + 1) > self._options.batch_frames:
                    groups.append([])
                    longest = int(frames[index])
                groups[-1].append(int(index))
            for group in self._random.permutation(len(groups)):
                yield self._make(groups[group])

    def _make(self, indices: Sequence[int]) -> Batch:
        features, tokens, tags, languages, itns = [], [], [], [], []
        for index in indices:
            label = self._corpus.labels[index]
            itn = int(self._random.integers(2))
            features.append(self._features(index))
            tokens.append(self._tokens[index][itn])
            tags.append(self._tags(label, itn))
            languages.append(self._language_query(label))
            itns.append((15, 14)[itn])
        lengths = [len(clip) for clip in features]
        padded = np.zeros((len(features), max(lengths), MELS * STACK), dtype=np.float32)
        for row, clip in zip(padded, features, strict=True):
            row[: len(clip)] = clip
        return Batch(
            torch.from_numpy(padded),
            torch.tensor(lengths),
            torch.tensor(languages),
            torch.tensor(itns),
            torch.tensor(tags),
            torch.from_numpy(np.concatenate(tokens)),
            torch.tensor([len(text) for text in tokens]),
        )

    def _features(self, index: int) -> NDArray[np.float32]:
        start, end = self._corpus.offsets[index], self._corpus.offsets[index + 1]
        start += int(self._random.integers(0, 4))
        frames = self._corpus.features[start:end].astype(np.float32) + self._random.uniform(-1.5, 1.5)
        frames = (frames - self._mean) / self._deviation
        # Light SpecAugment: mel bands, then stretches of up to half a second.
        for _ in range(int(self._random.integers(0, 3))):
            low = int(self._random.integers(0, MELS - 10))
            frames[:, low : low + int(self._random.integers(1, 11))] = 0.0
        if self._random.random() < 0.5 and len(frames) > 100:
            at = int(self._random.integers(0, len(frames) - 20))
            frames[at : at + int(self._random.integers(1, 16))] = 0.0
        return stack_frames(frames)

    def _tags(self, label: Label, itn: int) -> list[int]:
        names = (label.language, label.emotion, label.event, ("woitn", "withitn")[itn])
        return [self._tokenizer.piece_to_id(f"<|{name}|>") for name in names]

    def _language_query(self, label: Label) -> int:
        if self._random.random() > 0.4:
            return self._queries["auto"]
        if label.language == "nospeech":
            # A caller who knows the call's language asks for it over music too.
            return self._queries[str(self._random.choice(["zh", "yue", "en", "ja", "ko", "nospeech"]))]
        return self._queries[label.language]


def read_log(path: Path) -> list[dict[str, Any]]:
    """
    Read the training log.

    Parameters
    ----------
    path : Path
        What `train_recogniser` wrote.

    Returns
    -------
    list of dict
        One a line.
    """
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
