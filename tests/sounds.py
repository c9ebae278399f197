"""Sound with a known build, for recogniser tests: voiced, with pauses, never the same twice for different seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callscope.ports import SAMPLE_RATE_HZ, Channel, Clip, Samples
from callscope.timeline import Interval


def babble(duration_ms: int, *, seed: int, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Channel:
    """Return harmonics on a wandering pitch, in bursts like syllables, over faint noise."""
    random = np.random.default_rng(seed)
    seconds = np.arange(duration_ms * sample_rate_hz // 1000) / sample_rate_hz
    pitch = random.uniform(90, 250) * (1 + 0.2 * np.sin(2 * np.pi * random.uniform(0.3, 2) * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate_hz
    voice = sum(random.uniform(0.01, 0.1) * np.sin(k * phase) for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * random.uniform(2, 5) * seconds), 0, None)
    return Channel(as_pcm(voice * syllables + 0.003 * random.standard_normal(len(seconds))), sample_rate_hz)


def as_pcm(wave: NDArray[np.floating[Any]]) -> Samples:
    """Return sound of full scale 1 as int16."""
    return np.clip(np.round(wave * 32_768), -32_768, 32_767).astype(np.int16)


def whole(channel: Channel) -> Clip:
    """Return the clip that is all of a channel."""
    return Clip(channel, Interval(0, channel.duration_ms))
