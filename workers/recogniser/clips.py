"""A clip's samples, ready for a front end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from callscope.ports import SAMPLE_RATE_HZ, Clip, Samples


def cut(clip: Clip, *, least: int) -> tuple[Tensor, int]:
    """
    Return a clip's samples and its duration.

    Parameters
    ----------
    clip : Clip
        Where it reaches beyond its channel, it ends with it.
    least : int
        Samples of one frame: a shorter clip is filled up with silence.

    Returns
    -------
    samples : Tensor, shape (max(n, least),)
        float32.
    duration_ms : int
        Of the clip, without what was filled up.
    """
    per_ms = SAMPLE_RATE_HZ // 1000
    samples = clip.channel[clip.interval.start_ms * per_ms : clip.interval.end_ms * per_ms]
    padded = functional.pad(as_tensor(samples), (0, max(0, least - len(samples))))
    return padded, len(samples) // per_ms


def as_tensor(samples: Samples) -> Tensor:
    """Return the samples as a tensor, over the same memory where torch may write to it."""
    return torch.from_numpy(np.require(samples, np.float32, ["C", "W"]))
