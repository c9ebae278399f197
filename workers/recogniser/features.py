"""From samples to features, batched and on any device: Kaldi's filter bank, stacked frames, normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from callscope.ports import SAMPLE_RATE_HZ
from workers.recogniser.checkpoint import Cmvn, FrontendConfig
from workers.recogniser.waves import on_device

_LOWEST_HZ = 20.0
_PREEMPHASIS = 0.97
_INT16_SCALE = 32_768.0
"""Kaldi counts samples as 16-bit integers."""
_FLOOR = torch.finfo(torch.float32).eps
"""Kaldi's least energy: digital silence is log(eps), not minus infinity."""

_CACHED_FRAMES = 250
"""Frames that a CPU works on at once: half a megabyte a step. More falls out of its caches, and page faults return."""


class FilterBank(nn.Module):
    """
    Log-mel filter bank as Kaldi computes it (snip_edges, no dither), to within the rounding of float32.

    Parameters
    ----------
    config : FrontendConfig
        Number of mel bands, frame length and shift.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.length = config.frame_length * SAMPLE_RATE_HZ // 1000
        self.shift = config.frame_shift * SAMPLE_RATE_HZ // 1000
        self.points = 1 << (self.length - 1).bit_length()
        window = torch.hamming_window(self.length, periodic=False, dtype=torch.float64)
        window = functional.pad(window * _INT16_SCALE, (0, self.points - self.length))
        self.register_buffer("window", window.float(), persistent=False)
        self.register_buffer("bands", _mel_bands(config.n_mels, self.points), persistent=False)

    def frames(self, samples: int) -> int:
        """Return how many frames fit into that many samples; 0 for less than one frame."""
        return 0 if samples < self.length else 1 + (samples - self.length) // self.shift

    @override
    def forward(self, samples: Tensor) -> Tensor:
        """
        Return the log-mel energies of each frame.

        Parameters
        ----------
        samples : Tensor, shape (..., samples)
            float32 in [-1, 1] at 16 kHz; one frame at least.

        Returns
        -------
        Tensor, shape (..., frames, mels)
            float32, natural logarithms. A frame depends on its own samples alone.
        """
        count = self.frames(samples.shape[-1])
        step = count
        if samples.device.type == "cpu":
            step = max(1, _CACHED_FRAMES * samples.shape[-1] // max(1, samples.numel()))
        parts = [self._energies(samples, first, min(first + step, count)) for first in range(0, count, step)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-2)

    def _energies(self, samples: Tensor, first: int, last: int) -> Tensor:
        whole = samples[..., first * self.shift : (last - 1) * self.shift + self.length]
        means = whole.unfold(-1, self.length, self.shift).mean(dim=-1, keepdim=True)
        # Framed at the transform's size at once: the window's zeros are cheaper than a copy that pads.
        spare = functional.pad(whole, (0, self.points - self.length))
        frames = spare.unfold(-1, self.points, self.shift) - means
        emphasised = torch.empty_like(frames)
        torch.sub(frames[..., 1:], frames[..., :-1], alpha=_PREEMPHASIS, out=emphasised[..., 1:])
        torch.mul(frames[..., :1], 1 - _PREEMPHASIS, out=emphasised[..., :1])
        spectrum = torch.fft.rfft(emphasised.mul_(self.window))
        power = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
        energies: Tensor = power @ self.bands
        return energies.clamp_min_(_FLOOR).log_()


def _mel_bands(count: int, points: int) -> Tensor:
    """Return the triangular bands, equally spaced and linear in mel, shape (points / 2 + 1, count)."""

    def mel(frequency_hz: Tensor) -> Tensor:
        return 1127.0 * torch.log1p(frequency_hz / 700.0)

    edges_hz = torch.tensor([_LOWEST_HZ, SAMPLE_RATE_HZ / 2], dtype=torch.float64)
    lowest, highest = mel(edges_hz).tolist()
    corners = torch.linspace(lowest, highest, count + 2, dtype=torch.float64)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    bins = mel(torch.arange(points // 2 + 1, dtype=torch.float64) * SAMPLE_RATE_HZ / points).unsqueeze(1)
    rising, falling = (bins - left) / (centre - left), (right - bins) / (right - centre)
    return torch.minimum(rising, falling).clamp_min(0).float()


class FrontEnd(nn.Module):
    """
    A checkpoint's whole front end: filter bank, each frame stacked with its neighbours, normalisation.

    Always float32: the normalisation's scales span several orders of magnitude.

    Parameters
    ----------
    config : FrontendConfig
        ``lfr_m`` frames are stacked every ``lfr_n`` frames, the stack's middle on the frame itself.
    cmvn : Cmvn
        Of the stacked features.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, config: FrontendConfig, cmvn: Cmvn) -> None:
        super().__init__()
        self.filter_bank = FilterBank(config)
        self.size, self.stride = config.lfr_m, config.lfr_n
        self.reach = (config.lfr_m - 1) // 2
        """Frames before the first that its stack asks for."""
        self.register_buffer("shift", torch.from_numpy(cmvn.shift), persistent=False)
        self.register_buffer("scale", torch.from_numpy(cmvn.scale), persistent=False)

    def stacks(self, samples: int) -> int:
        """Return how many stacked frames that many samples give; 0 for less than one frame."""
        return -(-self.filter_bank.frames(samples) // self.stride)

    def stack(self, energies: Tensor, frames: Sequence[int]) -> Tensor:
        """
        Stack and normalise frames; past either end of a sound its outermost frame is repeated.

        Parameters
        ----------
        energies : Tensor, shape (batch, longest, mels)
            Of the filter bank.
        frames : sequence of int
            Of each sound; one at least, the most ``longest``.

        Returns
        -------
        Tensor, shape (batch, stacks, mels * lfr_m)
        """
        batch, longest, mels = energies.shape
        device = energies.device
        count = -(-longest // self.stride)
        wanted = torch.arange((count - 1) * self.stride + self.size, device=device) - self.reach
        last = on_device(frames, device).unsqueeze(1) - 1
        rows = wanted.clamp_min(0).minimum(last) + torch.arange(batch, device=device).unsqueeze(1) * longest
        # Rows are copied once; the stacks are a view on them, each overlapping the next.
        repeated = energies.flatten(0, 1).index_select(0, rows.flatten()).view(batch, -1)
        stacks = repeated.unfold(1, self.size * mels, self.stride * mels)
        return (stacks + self.shift).mul_(self.scale)

    @override
    def forward(self, samples: Tensor, frames: Sequence[int]) -> Tensor:
        """
        Return the features of a batch.

        Parameters
        ----------
        samples : Tensor, shape (batch, samples)
            float32 in [-1, 1] at 16 kHz, each padded with anything to the longest, or further.
        frames : sequence of int
            Filter-bank frames of each; one at least.

        Returns
        -------
        Tensor, shape (batch, stacks, features)
            What lies after an item's own ``ceil(frames / lfr_n)`` is padding.
        """
        bank = self.filter_bank
        needed = (max(frames) - 1) * bank.shift + bank.length
        return self.stack(bank(samples[:, :needed]), frames)
