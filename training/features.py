"""The features of FunASR's own front end, cut in two: log mel once, stacking whenever a batch is made."""

from typing import Any, Final

import numpy as np
import torch
from funasr.utils import fbank
from numpy.typing import NDArray

from training.voices import SAMPLE_RATE_HZ, Signal

STACK: Final = 7
STRIDE: Final = 6
MELS: Final = 80
FRONTEND: Final[dict[str, Any]] = {
    "fs": SAMPLE_RATE_HZ,
    "window": "hamming",
    "n_mels": MELS,
    "frame_length": 25,
    "frame_shift": 10,
    "dither": 0.0,
}


def log_mel(wave: Signal) -> NDArray[np.float32]:
    """
    Compute log mel energies as `funasr.frontends.wav_frontend.WavFrontend` does before it stacks frames.

    Parameters
    ----------
    wave : ndarray of float32, shape (n,)
        16 kHz, in [-1, 1], at least 25 ms.

    Returns
    -------
    ndarray of float32, shape ((n - 400) // 160 + 1, 80)
        Natural logarithms, of samples scaled to 16 bits, no dither.
    """
    scaled = torch.from_numpy(wave)[None] * (1 << 15)
    frames: torch.Tensor = fbank.fbank(
        scaled,
        num_mel_bins=MELS,
        frame_length=25,
        frame_shift=10,
        dither=0.0,
        energy_floor=0.0,
        window_type="hamming",
        sample_frequency=SAMPLE_RATE_HZ,
    )
    features: Signal = frames.numpy()
    return features


def stack_frames(frames: NDArray[np.float32], stack: int = STACK, stride: int = STRIDE) -> NDArray[np.float32]:
    """
    Stack neighbouring frames into one ("low frame rate"), edges repeated.

    Parameters
    ----------
    frames : ndarray of float32, shape (t, d)
        At least one frame.
    stack, stride : int
        Frames put together, and frames from one stack to the next.

    Returns
    -------
    ndarray of float32, shape (ceil(t / stride), d * stack)
        The same as FunASR's ``apply_lfr``.
    """
    count = -(-len(frames) // stride)
    first = np.arange(count) * stride - (stack - 1) // 2
    index = np.clip(first[:, None] + np.arange(stack), 0, len(frames) - 1)
    stacked: Signal = frames[index].reshape(count, -1)
    return stacked
