"""From int16 at a channel's own rate to float32 at the recogniser's, batched and on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel, Samples

_FULL_SCALE = 32_768.0
_REACH = 32
"""Narrowband samples on either side that a sample between two others is made of."""
_KAISER_BETA = 7.0
"""With `_REACH`: flat to 3.7 kHz within 0.003 dB, images of it (from 4.3 kHz) 71 dB down."""
_BLOCK = 64
"""Narrowband samples that one row of the product doubles: larger wastes work, smaller copies more."""


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """A stretch of a channel, in samples of the recogniser's rate, with what resampling needs around it."""

    samples: Samples
    """At ``sample_rate_hz``, context included; zeros beyond the channel's ends. May be a view of the channel."""
    sample_rate_hz: int
    length: int
    """Samples at the recogniser's rate, without the context."""


def excerpt(channel: Channel, start: int, end: int, *, least: int = 0) -> Excerpt:
    """
    Return the stretch [start, end) of a channel.

    Parameters
    ----------
    channel : Channel
        Where the stretch reaches beyond it, the stretch ends with it.
    start, end : int >= 0
        In samples of `SAMPLE_RATE_HZ`; ``start`` even for a narrowband channel.
    least : int >= 0
        A shorter stretch is filled up to this length: silence follows it, whatever the channel goes on with.

    Raises
    ------
    ValueError
        ``start`` lies between two samples of the channel.
    """
    factor = SAMPLE_RATE_HZ // channel.sample_rate_hz
    if start % factor:
        raise ValueError(f"sample {start} lies between two of a channel at {channel.sample_rate_hz} Hz")
    end = min(end, factor * len(channel.samples))
    length = max(end - start, least, 0)
    heard = channel.samples[: -(-end // factor)] if end - start < least else channel.samples
    first, last = start // factor, -(-(start + length) // factor)
    if channel.sample_rate_hz == NARROWBAND_HZ:
        first, last = first - _REACH + 1, last + _REACH
    return Excerpt(_between(heard, first, last), channel.sample_rate_hz, length)


def _between(samples: Samples, first: int, last: int) -> Samples:
    """Return the samples [first, last), zeros where there are none."""
    if first >= 0 and last <= len(samples):
        return samples[first:last]
    found = samples[max(first, 0) : max(last, 0)]
    before = max(-first, 0)
    padded = np.zeros(last - first, dtype=np.int16)
    padded[before : before + len(found)] = found
    return padded


class Waves(nn.Module):
    """
    Bring excerpts onto the device in one copy of int16, and there to the recogniser's rate.

    Narrowband sound is doubled by a linear-phase windowed sinc without delay: every other sample is the channel's own,
    those between are made of their neighbours in the channel. An excerpt holds these neighbours even where it is cut,
    so that a cut changes no sample.
    """

    doubling: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("doubling", _doubling(), persistent=False)

    @override
    def forward(self, excerpts: Sequence[Excerpt]) -> Tensor:
        """
        Return the samples of each excerpt.

        Parameters
        ----------
        excerpts : sequence of Excerpt
            One at least, of either rate.

        Returns
        -------
        Tensor, shape (batch, longest)
            float32 in [-1, 1] at 16 kHz on the module's device, zeros after each excerpt's own length. Beside a loud
            jump the narrowband filter may overshoot.
        """
        device = self.doubling.device
        longest = max(item.length for item in excerpts)
        order = sorted(range(len(excerpts)), key=lambda index: excerpts[index].sample_rate_hz)
        narrow = sum(item.sample_rate_hz == NARROWBAND_HZ for item in excerpts)
        blocks = -(-longest // (2 * _BLOCK))
        widths = [blocks * _BLOCK + 2 * _REACH - 1] * narrow + [longest] * (len(excerpts) - narrow)
        # Not cleared: what no excerpt fills is set to zero after the doubling.
        host = torch.empty(sum(widths), dtype=torch.int16, pin_memory=device.type == "cuda")
        rows, begin = host.numpy(), 0
        for index, width in zip(order, widths, strict=True):
            samples = excerpts[index].samples
            rows[begin : begin + len(samples)] = samples
            begin += width
        flat = host.to(device, non_blocking=host.is_pinned())
        parts = []
        if narrow:
            around = flat[: narrow * widths[0]].view(narrow, -1).unfold(1, len(self.doubling), _BLOCK)
            parts.append((around.float() @ self.doubling).flatten(1)[:, :longest])
        if narrow < len(excerpts):
            parts.append(flat[narrow * widths[0] if narrow else 0 :].view(-1, longest) / _FULL_SCALE)
        waves = parts[0] if len(parts) == 1 else torch.cat(parts)[on_device(_inverse(order), device)]
        if any(item.length < longest for item in excerpts):
            lengths = on_device([item.length for item in excerpts], device)
            waves.masked_fill_(torch.arange(longest, device=device) >= lengths.unsqueeze(1), 0)
        return waves


def on_device(values: Sequence[int], device: torch.device) -> Tensor:
    """Return the values as an int64 tensor on the device, without waiting for what the device is at."""
    host = torch.tensor(values, dtype=torch.int64, pin_memory=device.type == "cuda")
    return host.to(device, non_blocking=host.is_pinned())


def _inverse(order: Sequence[int]) -> list[int]:
    return sorted(range(len(order)), key=order.__getitem__)


def _doubling() -> Tensor:
    """
    Return the matrix from a block of narrowband samples, with its neighbours, to twice as many, in [-1, 1].

    A product with a band matrix is the one form of a polyphase filter that is fast on every device.
    """
    distances = torch.arange(1 - _REACH, _REACH + 1, dtype=torch.float64) - 0.5
    taps = torch.sinc(distances) * torch.i0(_KAISER_BETA * (1 - (distances / _REACH).square()).sqrt())
    taps /= taps.sum() * _FULL_SCALE
    matrix = torch.zeros(_BLOCK + 2 * _REACH - 1, _BLOCK, 2, dtype=torch.float64)
    for column in range(_BLOCK):
        matrix[column + _REACH - 1, column, 0] = 1 / _FULL_SCALE
        matrix[column : column + 2 * _REACH, column, 1] = taps
    return matrix.flatten(1).float()
