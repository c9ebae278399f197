"""
The network of SenseVoiceSmall, with FunASR's names for its weights, so that the same file loads into both.

It differs from FunASR's in what only speed is made of: scaled dot product attention, no dropout, one pass over the
batch, any number format.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from callscope.calls import Language
from workers.recogniser.checkpoint import EncoderConfig

PREFIX_FRAMES = 4
"""Output frames ahead of the speech: language, emotion, event, text normalisation."""


# Rows of the query embedding, fixed by the class of the model.
_QUERIES = 16
_ANY_LANGUAGE = 0
_LANGUAGES = {
    Language.ZH: 3,
    Language.EN: 4,
    Language.YUE: 7,
    Language.JA: 11,
    Language.KO: 12,
    Language.NOSPEECH: 13,
}
_EMOTION, _EVENT, _WITH_ITN = 1, 2, 14


@dataclass(frozen=True, slots=True)
class Padding:
    """Which frames of a padded batch are an item's own."""

    keys: Tensor
    """bool, shape (batch, 1, 1, frames): what may be attended to."""
    frames: Tensor
    """0 or 1 in the network's number format, shape (batch, frames, 1)."""


class _Attention(nn.Module):
    """Self-attention with a memory: a depthwise convolution over the values, added to what attention returns."""

    def __init__(self, config: EncoderConfig, input_size: int) -> None:
        super().__init__()
        size = config.output_size
        self.heads = config.attention_heads
        before = (config.kernel_size - 1) // 2 + config.sanm_shfit
        self.margins = (before, config.kernel_size - 1 - before)
        self.linear_q_k_v = nn.Linear(input_size, 3 * size)
        self.linear_out = nn.Linear(size, size)
        self.fsmn_block = nn.Conv1d(size, size, config.kernel_size, groups=size, bias=False)

    @override
    def forward(self, x: Tensor, padding: Padding | None) -> Tensor:
        projected: Tensor = self.linear_q_k_v(x)
        query, key, value = projected.view(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        keys = None if padding is None else padding.keys
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        joined: Tensor = self.linear_out(attended.transpose(1, 2).flatten(2))
        return joined + self._remember(projected.chunk(3, dim=-1)[2], padding)

    def _remember(self, value: Tensor, padding: Padding | None) -> Tensor:
        if padding is not None:
            value = value * padding.frames
        spread: Tensor = self.fsmn_block(functional.pad(value.transpose(1, 2), self.margins))
        memory = spread.transpose(1, 2) + value
        return memory if padding is None else memory * padding.frames


class _FeedForward(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.w_1 = nn.Linear(config.output_size, config.linear_units)
        self.w_2 = nn.Linear(config.linear_units, config.output_size)

    @override
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.w_2(functional.relu(self.w_1(x), inplace=True))
        return y


class _Block(nn.Module):
    def __init__(self, config: EncoderConfig, input_size: int) -> None:
        super().__init__()
        self.self_attn = _Attention(config, input_size)
        self.feed_forward = _FeedForward(config)
        self.norm1 = nn.LayerNorm(input_size)
        self.norm2 = nn.LayerNorm(config.output_size)
        self.is_residual = input_size == config.output_size

    @override
    def forward(self, x: Tensor, padding: Padding | None) -> Tensor:
        attended: Tensor = self.self_attn(self.norm1(x), padding)
        x = x + attended if self.is_residual else attended
        y: Tensor = x + self.feed_forward(self.norm2(x))
        return y


class _Encoder(nn.Module):
    def __init__(self, config: EncoderConfig, input_size: int) -> None:
        super().__init__()
        size = config.output_size
        self.encoders0 = nn.ModuleList([_Block(config, input_size)])
        self.encoders = nn.ModuleList(_Block(config, size) for _ in range(config.num_blocks - 1))
        self.tp_encoders = nn.ModuleList(_Block(config, size) for _ in range(config.tp_blocks))
        self.after_norm = nn.LayerNorm(size)
        self.tp_norm = nn.LayerNorm(size)

    @override
    def forward(self, x: Tensor, padding: Padding | None) -> Tensor:
        for block in (*self.encoders0, *self.encoders):
            x = block(x, padding)
        x = self.after_norm(x)
        for block in self.tp_encoders:
            x = block(x, padding)
        encoded: Tensor = self.tp_norm(x)
        return encoded


class SenseVoice(nn.Module):
    """
    SenseVoiceSmall: features in, encoded frames out, and the CTC head to read them with.

    Parameters
    ----------
    config : EncoderConfig
        Sizes.
    features, vocabulary : int
        Length of a feature frame; number of tokens, the blank included.
    """

    def __init__(self, config: EncoderConfig, *, features: int, vocabulary: int) -> None:
        super().__init__()
        self.scale = math.sqrt(config.output_size)
        self.encoder = _Encoder(config, features)
        self.embed = nn.Embedding(_QUERIES, features)
        self.ctc = nn.ModuleDict({"ctc_lo": nn.Linear(config.output_size, vocabulary)})

    @override
    def forward(self, features: Tensor, lengths: Sequence[int], language: Language | None = None) -> Tensor:
        """
        Encode a batch.

        Parameters
        ----------
        features : Tensor, shape (batch, frames, features)
            float32, from the front end; padded to the longest.
        lengths : sequence of int
            Own frames of each item.
        language : Language, optional
            What is spoken; None lets the network find out.

        Returns
        -------
        Tensor, shape (batch, PREFIX_FRAMES + frames, size)
            In the network's number format.
        """
        spoken = _ANY_LANGUAGE if language is None else _LANGUAGES[language]
        queries = [spoken, _EMOTION, _EVENT, _WITH_ITN]
        prefix = self.embed(torch.tensor(queries, device=features.device)).float()
        x = torch.cat((prefix.expand(len(features), -1, -1), features), dim=1)
        # The positions' sines need float32 beyond a few frames, so the format is changed only after them.
        x = (x * self.scale + _positions(x)).to(self.embed.weight.dtype)
        encoded: Tensor = self.encoder(x, _padding(x, [PREFIX_FRAMES + length for length in lengths]))
        return encoded

    def logits(self, encoded: Tensor) -> Tensor:
        """Return the CTC head's scores of encoded frames, shape (..., vocabulary)."""
        scores: Tensor = self.ctc["ctc_lo"](encoded)
        return scores


def _positions(x: Tensor) -> Tensor:
    """Return sines, then cosines, of positions from 1, in x's shape without its batch."""
    half = x.shape[-1] // 2
    rates = torch.exp(torch.arange(half, device=x.device) * (-math.log(10_000.0) / (half - 1)))
    angles = torch.arange(1, x.shape[1] + 1, device=x.device).unsqueeze(1) * rates
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


def _padding(x: Tensor, lengths: Sequence[int]) -> Padding | None:
    """Return None for a batch without padding: the kernels that know no mask are the faster ones."""
    if min(lengths) == x.shape[1]:
        return None
    own = torch.arange(x.shape[1], device=x.device) < torch.tensor(lengths, device=x.device).unsqueeze(1)
    return Padding(keys=own[:, None, None, :], frames=own.unsqueeze(2).to(x.dtype))
