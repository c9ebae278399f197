"""
The network of SenseVoiceSmall, with FunASR's names for its weights, so that the same file loads into both.

It differs from FunASR's in what only speed is made of: scaled dot product attention, no dropout, one pass over the
batch, any number format, a language for each item.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from callscope.calls import Language
from workers.recogniser.checkpoint import EncoderConfig
from workers.recogniser.waves import on_device

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

_WORTH_FRAMES = 16
"""One frame of padding is worth whole tiles in so many."""


class Network(Protocol):
    """SenseVoiceSmall in some engine and number format. Called by several threads at once."""

    @property
    def name(self) -> str:
        """Engine and number format, such as ``torch-bf16``."""

    @property
    def batch_frames(self) -> int:
        """Most padded frames of a batch that it gains from on its device."""

    def read(
        self, features: Tensor, lengths: Sequence[int], languages: Sequence[Language | None]
    ) -> tuple[Tensor, Tensor]:
        """
        Read a batch.

        Parameters
        ----------
        features : Tensor, shape (batch, frames, features)
            float32, from the front end, on the network's device; padded to the longest with anything finite.
        lengths : sequence of int
            Own frames of each item.
        languages : sequence of Language or None
            What is spoken in each item; None lets the network find out.

        Returns
        -------
        ids : Tensor of int64, shape (batch, PREFIX_FRAMES + frames)
            The most probable token of each frame; what lies after an item's own ``PREFIX_FRAMES + length`` is padding.
        scores : Tensor, shape (batch, PREFIX_FRAMES - 1, vocabulary)
            float32: what the CTC head says of language, emotion and event.
        """


def query_rows(languages: Sequence[Language | None]) -> list[list[int]]:
    """Return the rows of the query embedding that make up each item's prefix."""
    return [
        [_ANY_LANGUAGE if language is None else _LANGUAGES[language], _EMOTION, _EVENT, _WITH_ITN]
        for language in languages
    ]


@dataclass(frozen=True, slots=True)
class Padding:
    """Which frames of a padded batch are an item's own."""

    keys: Tensor
    """0, or minus infinity for what may not be attended to; shape (batch, 1, 1, frames)."""
    frames: Tensor
    """1 or 0, shape (batch, frames, 1)."""


class Linear(nn.Linear):
    """A linear layer and what follows it, so that a device which can may do both in one step."""

    @override
    def forward(self, x: Tensor, *, added: Tensor | None = None, relu: bool = False) -> Tensor:
        """Return the product, ``added`` to it if given, or its negative values set to 0."""
        y = functional.linear(x, self.weight, self.bias)
        if added is not None:
            y += added
        return functional.relu_(y) if relu else y


class _Attention(nn.Module):
    """Self-attention with a memory: a depthwise convolution over the values, added to what attention returns."""

    def __init__(self, config: EncoderConfig, input_size: int) -> None:
        super().__init__()
        size = config.output_size
        self.heads = config.attention_heads
        before = (config.kernel_size - 1) // 2 + config.sanm_shfit
        after = config.kernel_size - 1 - before
        self.margin, self.skipped = max(before, after), max(0, after - before)
        self.linear_q_k_v = Linear(input_size, 3 * size)
        self.linear_out = Linear(size, size)
        self.fsmn_block = nn.Conv1d(size, size, config.kernel_size, groups=size, bias=False)

    @override
    def forward(self, x: Tensor, padding: Padding | None, *, added: Tensor | None) -> Tensor:
        projected: Tensor = self.linear_q_k_v(x)
        query, key, value = projected.view(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        keys = None if padding is None else padding.keys
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        y: Tensor = self.linear_out(attended.transpose(1, 2).flatten(2), added=added)
        values = projected.chunk(3, dim=-1)[2]
        # What padding remembers is nobody's; but it must not be remembered.
        values = values if padding is None else values * padding.frames
        y += values
        y += self._remember(values)
        return y

    def _remember(self, values: Tensor) -> Tensor:
        # Frames stay the outer dimension, which convolutions know as "channels last": nothing is transposed.
        columns = values.unsqueeze(1).permute(0, 3, 1, 2)
        kernel = self.fsmn_block.weight.unsqueeze(2)
        spread = functional.conv2d(columns, kernel, padding=(0, self.margin), groups=len(kernel))
        return spread.permute(0, 2, 3, 1).squeeze(1)[:, self.skipped : self.skipped + values.shape[1]]


class _FeedForward(nn.Module):
    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.w_1 = Linear(config.output_size, config.linear_units)
        self.w_2 = Linear(config.linear_units, config.output_size)

    @override
    def forward(self, x: Tensor, *, added: Tensor) -> Tensor:
        y: Tensor = self.w_2(self.w_1(x, relu=True), added=added)
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
        attended: Tensor = self.self_attn(self.norm1(x), padding, added=x if self.is_residual else None)
        y: Tensor = self.feed_forward(self.norm2(attended), added=attended)
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
        self.ctc = nn.ModuleDict({"ctc_lo": Linear(config.output_size, vocabulary)})
        self.tiles: tuple[int, ...] = ()
        """Numbers of frames that the device works on at once; batches are padded to the first of them that is near."""

    @override
    def forward(self, features: Tensor, lengths: Sequence[int], languages: Sequence[Language | None]) -> Tensor:
        """
        Encode a batch; the parameters are those of `Network.read`.

        Returns
        -------
        Tensor, shape (batch, PREFIX_FRAMES + frames, size)
            In the encoder's number format.
        """
        queries = [row for rows in query_rows(languages) for row in rows]
        prefix = self.embed(on_device(queries, features.device)).view(len(features), PREFIX_FRAMES, -1)
        x = torch.cat((prefix, features), dim=1)
        frames = x.shape[1]
        x = functional.pad(x, (0, 0, 0, self._spare(frames)))
        # The positions' sines need float32 beyond a few frames, so the format is changed only after them.
        x = (x * self.scale + _positions(x)).to(self.encoder.after_norm.weight.dtype)
        encoded: Tensor = self.encoder(x, _padding(x, [PREFIX_FRAMES + length for length in lengths]))
        return encoded[:, :frames]

    def _spare(self, frames: int) -> int:
        """Return how many frames of padding fill the last tile; none where this would cost more than it saves."""
        spares = (-frames % tile for tile in self.tiles)
        return next((spare for spare in spares if spare * _WORTH_FRAMES <= frames), 0)

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
    own = torch.arange(x.shape[1], device=x.device) < on_device(lengths, x.device).unsqueeze(1)
    keys = torch.zeros(own.shape, dtype=x.dtype, device=x.device).masked_fill_(~own, -math.inf)
    return Padding(keys=keys[:, None, None, :], frames=own.unsqueeze(2).to(x.dtype))
