"""The speech detector: FunASR's FSMN with its names for the weights, run over stretches of many channels at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from callscope.ports import SAMPLE_RATE_HZ, SCORE_FRAME_MS, Channel, Scores
from workers.recogniser.checkpoint import FsmnConfig, VadCheckpoint, load_weights
from workers.recogniser.engine import Stretch
from workers.recogniser.features import FrontEnd
from workers.recogniser.waves import Waves, excerpt, on_device


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(OrderedDict(linear=nn.Linear(inputs, outputs, bias=bias)))


class _Memory(nn.Module):
    """Depthwise convolutions over the frames before and, where the config says so, after each frame."""

    def __init__(self, config: FsmnConfig) -> None:
        super().__init__()
        size, left, right = config.proj_dim, config.lorder, config.rorder
        self.conv_left = _depthwise(size, left, config.lstride, reach=(left - 1) * config.lstride)
        self.conv_right = _depthwise(size, right, config.rstride, reach=right * config.rstride) if right else None

    @override
    def forward(self, x: Tensor) -> Tensor:
        # Frames stay the outer dimension, which convolutions know as "channels last": nothing is transposed. They pad
        # both sides by themselves, cheaper than a copy; what they give beyond the frames is left out.
        columns = x.unsqueeze(2).permute(0, 3, 1, 2)
        frames = x.shape[1]
        memory: Tensor = columns + self.conv_left(columns)[:, :, :frames]
        if self.conv_right is not None:
            memory += self.conv_right(columns)[:, :, -frames:]
        return memory.permute(0, 2, 3, 1).squeeze(2)


def _depthwise(size: int, order: int, stride: int, *, reach: int) -> nn.Conv2d:
    return nn.Conv2d(size, size, (order, 1), dilation=(stride, 1), padding=(reach, 0), groups=size, bias=False)


class _Block(nn.Module):
    def __init__(self, config: FsmnConfig) -> None:
        super().__init__()
        self.linear = _linear(config.linear_dim, config.proj_dim, bias=False)
        self.fsmn_block = _Memory(config)
        self.affine = _linear(config.proj_dim, config.linear_dim)

    @override
    def forward(self, x: Tensor, padding: Tensor | None) -> Tensor:
        x = self.linear(x)
        if padding is not None:
            x.masked_fill_(padding, 0)
        return functional.relu_(self.affine(self.fsmn_block(x)))


class Fsmn(nn.Module):
    """
    FSMN: feed-forward, so a whole channel needs no state machine.

    Parameters
    ----------
    config : FsmnConfig
        Sizes.
    """

    def __init__(self, config: FsmnConfig) -> None:
        super().__init__()
        self.in_linear1 = _linear(config.input_dim, config.input_affine_dim)
        self.in_linear2 = _linear(config.input_affine_dim, config.linear_dim)
        self.fsmn = nn.Sequential(*(_Block(config) for _ in range(config.fsmn_layers)))
        self.out_linear1 = _linear(config.linear_dim, config.output_affine_dim)
        self.out_linear2 = _linear(config.output_affine_dim, config.output_dim)
        self.context = (
            config.fsmn_layers * (config.lorder - 1) * config.lstride,
            config.fsmn_layers * config.rorder * config.rstride,
        )
        """Frames before and after a frame that its output depends on."""

    @override
    def forward(self, features: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """
        Return the probability of each output.

        Parameters
        ----------
        features : Tensor, shape (batch, frames, features)
            Of any number format; the network computes in that of its weights.
        lengths : sequence of int, optional
            Frames of each item, what follows them is padding; None: all of them.

        Returns
        -------
        Tensor, shape (batch, frames, outputs)
            float32.
        """
        padding = None
        if lengths is not None and self.context[1] and min(lengths) < features.shape[1]:
            # Only a network that looks ahead sees padding: to the frames before it there must be nothing there.
            frames = torch.arange(features.shape[1], device=features.device)
            padding = (frames >= on_device(lengths, features.device).unsqueeze(1)).unsqueeze(2)
        x = features.to(next(self.parameters()).dtype)
        x = functional.relu_(self.in_linear2(self.in_linear1(x)))
        for block in self.fsmn:
            x = block(x, padding)
        logits: Tensor = self.out_linear2(self.out_linear1(x))
        return logits.float().softmax(dim=-1)


class SpeechDetector(nn.Module):
    """
    Channels in, probability of speech for each 10 ms out.

    A channel is scored in stretches that can share a batch with those of any other: each carries the sound that its
    scores depend on, so that the stretches leave no seam.

    Parameters
    ----------
    checkpoint : VadCheckpoint
        Weights and config.
    stretch_ms : int > 0
        Most that one stretch scores. A CPU is fastest where a stretch fits its caches; a GPU wants it long, for the
        context is computed twice.
    dtype : torch.dtype
        Number format of the network; samples, features and probabilities are always float32.

    Raises
    ------
    CheckpointInvalid
        The weights aren't those of the config.
    """

    silence: Tensor

    def __init__(
        self, checkpoint: VadCheckpoint, *, stretch_ms: int = 20_000, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        with torch.device("meta"):
            self.encoder = Fsmn(checkpoint.config.encoder_conf)
        load_weights(self, checkpoint.weights, folder=checkpoint.folder)
        self.encoder.to(dtype)
        self.waves = Waves()
        self.front_end = FrontEnd(checkpoint.config.frontend_conf, checkpoint.cmvn)
        silence = torch.tensor(checkpoint.config.model_conf.sil_pdf_ids)
        self.register_buffer("silence", silence, persistent=False)
        self._most = stretch_ms // SCORE_FRAME_MS
        before, after = self.encoder.context
        stacked = self.front_end.size - 1
        self._context = before + self.front_end.reach, after + stacked - self.front_end.reach

    def stretches(self, channel: Channel) -> list[Stretch]:
        """Cut a channel into stretches of about the same length; none for less than one frame."""
        bank = self.front_end.filter_bank
        frames = bank.frames(len(channel.samples) * (SAMPLE_RATE_HZ // channel.sample_rate_hz))
        if not frames:
            return []
        before, after = self._context
        shared = before + after
        count = max(1, -(-(frames - shared) // self._most))
        edges = [index * (frames - shared) // count for index in range(count + 1)]
        stretches = []
        for first, following in pairwise(edges):
            last = following + shared
            begin = first + before if first else 0
            end = last - after if last < frames else frames
            sound = excerpt(channel, first * bank.shift, (last - 1) * bank.shift + bank.length)
            stretches.append(Stretch(sound, frames=last - first, before=begin - first, own=end - begin))
        return stretches

    @torch.inference_mode()
    @override
    def forward(self, stretches: Sequence[Stretch]) -> list[Scores]:
        """
        Return the scores of each stretch's own frames.

        Parameters
        ----------
        stretches : sequence of Stretch
            One at least, of any channels.

        Returns
        -------
        list of Scores
            Those of a channel's stretches, joined, are the channel's: score i is of the frame that begins at 10 i ms.
        """
        lengths = [stretch.frames for stretch in stretches]
        samples = self.waves([stretch.excerpt for stretch in stretches])
        probabilities: Tensor = self.encoder(self.front_end(samples, lengths), lengths)
        scores = (1 - probabilities.index_select(2, self.silence).sum(dim=2)).cpu().numpy()
        return [row[item.before : item.before + item.own] for row, item in zip(scores, stretches, strict=True)]
