"""Bring a channel to the recogniser's sample rate, block by block."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from callscope.ports import SAMPLE_RATE_HZ

Wave = NDArray[np.float32]
"""Sound of one channel, full scale 1, shape (n,)."""


class Resampler:
    """
    Turns the blocks of one channel into `SAMPLE_RATE_HZ`.

    libswresample's windowed sinc is linear-phase and its delay is taken out, so that a click stays where it was
    to the sample, however the sound is cut into blocks.

    Parameters
    ----------
    sample_rate_hz : int
        Of the blocks.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._taken = 0
        self._given = 0
        self._graph = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)

    def push(self, block: Wave) -> Wave:
        """Take the next samples, shape (n,); return those that are ready, shape (m,)."""
        self._taken += len(block)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block)[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = self._rate_hz
        return self._give(self._graph.resample(frame))

    def finish(self) -> Wave:
        """Return the rest, so that the whole is as long as what was taken, to the sample."""
        if self._taken == 0:
            return np.zeros(0, np.float32)
        rest = self._give(self._graph.resample(None))
        missing = -(-self._taken * SAMPLE_RATE_HZ // self._rate_hz) - self._given
        return np.pad(rest, (0, missing)) if missing > 0 else rest[: len(rest) + missing]

    def _give(self, frames: list[av.AudioFrame]) -> Wave:
        pieces = [frame.to_ndarray()[0] for frame in frames]
        ready = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        self._given += len(ready)
        return ready
