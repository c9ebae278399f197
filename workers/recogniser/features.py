"""From samples to features, batched and on any device: Kaldi's filter bank, stacked frames, normalisation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from typing_extensions import override

from callscope.ports import SAMPLE_RATE_HZ
from workers.recogniser.checkpoint import Cmvn, FrontendConfig

_LOWEST_HZ = 20.0
_PREEMPHASIS = 0.97
_INT16_SCALE = 32_768.0
"""Kaldi counts samples as 16-bit integers."""
_FLOOR = torch.finfo(torch.float32).eps
"""Kaldi's least energy: digital silence is log(eps), not minus infinity."""


class FilterBank(nn.Module):
    """
    Log-mel filter bank as Kaldi computes it (snip_edges, no dither), to within 1e-3 of its own logarithms.

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
        frames = (samples * _INT16_SCALE).unfold(-1, self.length, self.shift)
        frames = frames - frames.mean(dim=-1, keepdim=True)
        before = torch.cat((frames[..., :1], frames[..., :-1]), dim=-1)
        spectrum = torch.fft.rfft((frames - _PREEMPHASIS * before) * self.window, n=self.points)
        power = spectrum.real.square() + spectrum.imag.square()
        energies: Tensor = power[..., :-1] @ self.bands
        return energies.clamp_min(_FLOOR).log()


def _mel_bands(count: int, points: int) -> Tensor:
    """Return the triangular bands, equally spaced and linear in mel, shape (points / 2, count)."""

    def mel(frequency_hz: Tensor) -> Tensor:
        return 1127.0 * torch.log1p(frequency_hz / 700.0)

    edges_hz = torch.tensor([_LOWEST_HZ, SAMPLE_RATE_HZ / 2], dtype=torch.float64)
    lowest, highest = mel(edges_hz).tolist()
    corners = torch.linspace(lowest, highest, count + 2, dtype=torch.float64)
    left, centre, right = corners[:-2], corners[1:-1], corners[2:]
    bins = mel(torch.arange(points // 2, dtype=torch.float64) * SAMPLE_RATE_HZ / points).unsqueeze(1)
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
    neighbours: Tensor

    def __init__(self, config: FrontendConfig, cmvn: Cmvn) -> None:
        super().__init__()
        self.filter_bank = FilterBank(config)
        self.stride = config.lfr_n
        offsets = torch.arange(config.lfr_m) - (config.lfr_m - 1) // 2
        self.register_buffer("neighbours", offsets, persistent=False)
        self.register_buffer("shift", torch.from_numpy(cmvn.shift), persistent=False)
        self.register_buffer("scale", torch.from_numpy(cmvn.scale), persistent=False)

    def stacks(self, samples: int) -> int:
        """Return how many stacked frames that many samples give; 0 for less than one frame."""
        return math.ceil(self.filter_bank.frames(samples) / self.stride)

    def stack(self, energies: Tensor, frames: Sequence[int], *, first: int, count: int, skipped: int = 0) -> Tensor:
        """
        Stack and normalise a stretch of frames; past either end of the sound the outermost frame is repeated.

        Parameters
        ----------
        energies : Tensor, shape (batch, frames, mels)
            Of the filter bank.
        frames : sequence of int
            Number of frames of each sound, from its very beginning; one at least.
        first, count : int
            First stacked frame and how many.
        skipped : int
            Frames of the sound that come before ``energies`` begins.

        Returns
        -------
        Tensor, shape (batch, count, mels * lfr_m)
        """
        centres = torch.arange(first, first + count, device=energies.device) * self.stride
        wanted = (centres.unsqueeze(1) + self.neighbours).unsqueeze(0)
        last = torch.tensor(frames, device=energies.device).view(-1, 1, 1) - 1
        rows = wanted.clamp_min(0).minimum(last) - skipped
        items = torch.arange(len(energies), device=energies.device).view(-1, 1, 1)
        return (energies[items, rows].flatten(2) + self.shift) * self.scale

    @override
    def forward(self, samples: Tensor, frames: Sequence[int]) -> Tensor:
        """
        Return the features of a batch.

        Parameters
        ----------
        samples : Tensor, shape (batch, samples)
            float32 in [-1, 1] at 16 kHz, each padded with anything to the longest.
        frames : sequence of int
            Filter-bank frames of each; one at least.

        Returns
        -------
        Tensor, shape (batch, stacks, features)
            What lies after an item's own ``ceil(frames / lfr_n)`` is padding.
        """
        count = math.ceil(self.filter_bank.frames(samples.shape[-1]) / self.stride)
        return self.stack(self.filter_bank(samples), frames, first=0, count=count)
