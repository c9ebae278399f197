"""Signals whose every property is known because they are built."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callscope.ports import SAMPLE_RATE_HZ, Channel
from callscope.sound.frames import Levels, frame_powers, to_levels
from tests.sounds import as_pcm

Wave = NDArray[np.float32]
"""Full scale 1."""


def chirp(duration_ms: int, *, rate_hz: int, low_hz: float = 200, high_hz: float = 1_500) -> Wave:
    """Return a rising tone, shape (n,): its phase tells the time everywhere."""
    time_s = np.arange(duration_ms * rate_hz // 1000) / rate_hz
    sweep_hz_s = (high_hz - low_hz) * 1000 / duration_ms
    return (0.4 * np.sin(2 * np.pi * (low_hz + sweep_hz_s * time_s / 2) * time_s)).astype(np.float32)


def conversation(*, rate_hz: int, channels: int = 2) -> Wave:
    """
    Return 4 s in which the channels take turns, shape (channels, n).

    Channel 0 sounds from 500 to 1,500 ms, channel 1 from 2,000 to 3,500 ms; silence is digital.
    """
    wave = np.zeros((channels, 4 * rate_hz), np.float32)
    for channel, (start_ms, end_ms) in zip(range(channels), ((500, 1_500), (2_000, 3_500)), strict=False):
        wave[channel, start_ms * rate_hz // 1000 : end_ms * rate_hz // 1000] = chirp(end_ms - start_ms, rate_hz=rate_hz)
    return wave


def noise(duration_ms: int, *, dbfs: float, seed: int = 0) -> Wave:
    """Return white noise of this loudness at 16 kHz."""
    count = duration_ms * SAMPLE_RATE_HZ // 1000
    return (10 ** (dbfs / 20) * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def levels_of(wave: Wave, *, rate_hz: int = SAMPLE_RATE_HZ) -> Levels:
    return to_levels(frame_powers(Channel(as_pcm(wave), rate_hz)))


def as_wave(channel: Channel) -> Wave:
    return (channel.samples / 32_768).astype(np.float32)


def power_dbfs(wave: Wave, start_ms: int, end_ms: int, *, rate_hz: int = SAMPLE_RATE_HZ) -> float:
    part = wave[start_ms * rate_hz // 1000 : end_ms * rate_hz // 1000].astype(np.float64)
    return float(10 * np.log10(np.mean(part**2) + 1e-12))


def delay_samples(found: Wave, built: Wave) -> int:
    """Return by how many samples ``found`` lags behind ``built``, by cross-correlation."""
    size = 1 << (len(found) + len(built)).bit_length()
    product = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(built, size)), size)
    peak = int(np.argmax(product))
    return peak if peak < len(found) else peak - size
