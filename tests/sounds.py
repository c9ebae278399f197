"""Sound with a known build, for recogniser tests: voiced, with pauses, never the same twice for different seeds."""

from __future__ import annotations

import numpy as np

from callscope.ports import SAMPLE_RATE_HZ, Clip, Samples
from callscope.timeline import Interval


def babble(duration_ms: int, *, seed: int) -> Samples:
    """Return harmonics on a wandering pitch, in bursts like syllables, over faint noise."""
    random = np.random.default_rng(seed)
    seconds = np.arange(duration_ms * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    pitch = random.uniform(90, 250) * (1 + 0.2 * np.sin(2 * np.pi * random.uniform(0.3, 2) * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE_HZ
    voice = sum(random.uniform(0.01, 0.1) * np.sin(k * phase) for k in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * random.uniform(2, 5) * seconds), 0, None)
    return (voice * syllables + 0.003 * random.standard_normal(len(seconds))).astype(np.float32)


def whole(channel: Samples) -> Clip:
    """Return the clip that is all of a channel."""
    return Clip(channel, Interval(0, len(channel) * 1000 // SAMPLE_RATE_HZ))
