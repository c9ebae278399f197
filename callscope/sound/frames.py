"""A channel in frames of 10 ms: its loudness, and stretches of frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callscope.ports import SAMPLE_RATE_HZ, SCORE_FRAME_MS, Samples
from callscope.timeline import Interval

SILENCE_DBFS = -120.0
"""What digital silence is called; nothing is quieter."""

_FRAME_SAMPLES = SAMPLE_RATE_HZ * SCORE_FRAME_MS // 1000

Levels = NDArray[np.float32]
"""Loudness of each frame in dBFS, shape (frames,), at least `SILENCE_DBFS`."""
Mask = NDArray[np.bool_]
"""One truth for each frame, shape (frames,)."""
Runs = NDArray[np.int64]
"""Half-open stretches of frames, disjoint and ascending, shape (n, 2)."""


def frame_levels(samples: Samples, *, smooth_ms: int = SCORE_FRAME_MS) -> Levels:
    """Return the loudness of every whole frame, averaged over ``smooth_ms`` around it."""
    frames = samples[: len(samples) // _FRAME_SAMPLES * _FRAME_SAMPLES].reshape(-1, _FRAME_SAMPLES)
    power = np.einsum("ij,ij->i", frames, frames) / _FRAME_SAMPLES
    width = min(smooth_ms // SCORE_FRAME_MS, len(power))
    if width > 1:
        power = np.convolve(power, np.full(width, 1 / width, np.float32), mode="same")
    levels: Levels = 10 * np.log10(np.maximum(power, np.float32(10 ** (SILENCE_DBFS / 10))))
    return levels


def find_runs(mask: Mask) -> Runs:
    """Return the stretches of true frames."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def cover(runs: Runs, frames: int) -> Mask:
    """Return which frames the runs cover."""
    steps = np.zeros(frames + 1, np.int64)
    steps[runs[:, 0]] += 1
    steps[runs[:, 1]] -= 1
    return np.cumsum(steps[:-1]) > 0


def bridge(runs: Runs, pause_ms: int) -> Runs:
    """Join runs that are less than a pause apart."""
    apart = (runs[1:, 0] - runs[:-1, 1]) * SCORE_FRAME_MS >= pause_ms
    first, last = np.concatenate([[True], apart]), np.concatenate([apart, [True]])
    return runs if len(runs) == 0 else np.stack([runs[first, 0], runs[last, 1]], axis=1)


def as_intervals(runs: Runs) -> list[Interval]:
    """Return runs of frames as milliseconds."""
    return [Interval(start * SCORE_FRAME_MS, end * SCORE_FRAME_MS) for start, end in runs.tolist()]
