"""The speech detector: FunASR's FSMN with its names for the weights, run over a whole channel in a few large steps."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from workers.recogniser.checkpoint import FsmnConfig, VadCheckpoint, load_weights
from workers.recogniser.features import FrontEnd

_STEP_FRAMES = 1_000
"""Ten seconds at once: fits the caches, and memory stays flat over an hour-long recording."""


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(OrderedDict(linear=nn.Linear(inputs, outputs, bias=bias)))


class _Memory(nn.Module):
    """Depthwise convolutions over the frames before and, where the config says so, after each frame."""

    def __init__(self, config: FsmnConfig) -> None:
        super().__init__()
        size = config.proj_dim
        self.before = (config.lorder - 1) * config.lstride
        self.after = config.rorder * config.rstride
        self.rstride = config.rstride
        self.conv_left = nn.Conv2d(
            size, size, (config.lorder, 1), dilation=(config.lstride, 1), groups=size, bias=False
        )
        self.conv_right = (
            nn.Conv2d(size, size, (config.rorder, 1), dilation=(config.rstride, 1), groups=size, bias=False)
            if config.rorder
            else None
        )

    @override
    def forward(self, x: Tensor) -> Tensor:
        columns = x.transpose(1, 2).unsqueeze(3)
        memory: Tensor = columns + self.conv_left(functional.pad(columns, (0, 0, self.before, 0)))
        if self.conv_right is not None:
            ahead = functional.pad(columns, (0, 0, 0, self.after))[:, :, self.rstride :]
            memory = memory + self.conv_right(ahead)
        return memory.squeeze(3).transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, config: FsmnConfig) -> None:
        super().__init__()
        self.linear = _linear(config.linear_dim, config.proj_dim, bias=False)
        self.fsmn_block = _Memory(config)
        self.affine = _linear(config.proj_dim, config.linear_dim)

    @override
    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.affine(self.fsmn_block(self.linear(x))))


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
    def forward(self, features: Tensor) -> Tensor:
        """Return the probability of each output, shape (batch, frames, outputs), of features (batch, frames, n)."""
        x = functional.relu(self.in_linear2(self.in_linear1(features)))
        logits: Tensor = self.out_linear2(self.out_linear1(self.fsmn(x)))
        return logits.softmax(dim=-1)


class SpeechDetector(nn.Module):
    """
    Samples in, probability of speech for each 10 ms out. Always float32: it is 1 % of the work.

    Parameters
    ----------
    checkpoint : VadCheckpoint
        Weights and config.

    Raises
    ------
    CheckpointInvalid
        The weights aren't those of the config.
    """

    def __init__(self, checkpoint: VadCheckpoint) -> None:
        super().__init__()
        with torch.device("meta"):
            self.encoder = Fsmn(checkpoint.config.encoder_conf)
        load_weights(self, checkpoint.weights, folder=checkpoint.folder)
        self.float()
        self.front_end = FrontEnd(checkpoint.config.frontend_conf, checkpoint.cmvn)
        self.silence = list(checkpoint.config.model_conf.sil_pdf_ids)

    @override
    def forward(self, samples: Tensor) -> Tensor:
        """
        Return the speech scores of a channel.

        Parameters
        ----------
        samples : Tensor, shape (samples,)
            float32 in [-1, 1] at 16 kHz, of any length.

        Returns
        -------
        Tensor, shape (frames,)
            float32 in [0, 1]; frame i begins at 10 i ms. Empty for less than one frame.
        """
        frames = self.front_end.filter_bank.frames(len(samples))
        scores = [self._score(samples, start, frames) for start in range(0, frames, _STEP_FRAMES)]
        return torch.cat(scores) if scores else samples.new_zeros(0)

    def _score(self, samples: Tensor, start: int, frames: int) -> Tensor:
        """Score one step: with the context that its frames depend on, so that steps leave no seam."""
        end = min(frames, start + _STEP_FRAMES)
        before, after = self.encoder.context
        first, last = max(0, start - before), min(frames, end + after)
        bank, reach = self.front_end.filter_bank, len(self.front_end.neighbours) // 2
        skipped, needed = max(0, first - reach), min(frames, last + reach)
        piece = samples[skipped * bank.shift : (needed - 1) * bank.shift + bank.length]
        features = self.front_end.stack(
            bank(piece).unsqueeze(0),
            [frames],
            first=first,
            count=last - first,
            skipped=skipped,
        )
        probabilities: Tensor = self.encoder(features)[0, start - first : end - first]
        return 1 - probabilities[:, self.silence].sum(dim=-1)
