"""What the voice activity detector gets right: scores, the simplest regions from them, held-out figures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from funasr import AutoModel

from training.heldout import read_heldout
from training.voices import Signal

_SPEECH_THRESHOLD: Final = 0.5


@dataclass(frozen=True, slots=True)
class DetectionFigures:
    """Counts over the held-out set, and how far starts and ends of clips in speech lie from the truth."""

    utterances: int
    lost: int
    others: int
    fired: int
    median_start_ms: float
    median_end_ms: float
    within_100_ms: float


def speech_scores(detector: AutoModel, wave: Signal) -> Signal:
    """
    Compute the detector's probability of speech for each 10 ms.

    Parameters
    ----------
    detector : AutoModel
        Of an FSMN checkpoint.
    wave : ndarray of float32, shape (n,)
        16 kHz.

    Returns
    -------
    ndarray of float32, shape (t,)
        Frame i looks at 25 ms from 10 i ms on.
    """
    frontend = detector.kwargs["frontend"]
    cache: dict[str, Any] = {}
    frontend.init_cache(cache)
    features, _ = frontend(torch.from_numpy(wave)[None], torch.tensor([len(wave)]), cache=cache, is_final=True)
    with torch.inference_mode():
        scores: torch.Tensor = detector.model.encoder(features, cache={})
    return (1.0 - scores[0, :, 0]).numpy()


def detect_regions(scores: Signal, *, join_ms: int = 400, drop_ms: int = 150) -> list[tuple[int, int]]:
    """
    Turn scores into regions, as simply as can be.

    Parameters
    ----------
    scores : ndarray of float32, shape (t,)
        Of `speech_scores`.
    join_ms : int
        Shorter gaps are closed.
    drop_ms : int
        Shorter regions are dropped.

    Returns
    -------
    list of tuple of int
        Start and end in milliseconds.
    """
    active = np.concatenate(([0], (scores >= _SPEECH_THRESHOLD).astype(np.int8), [0]))
    # The middle of a 25 ms frame lies in the next 10 ms.
    edges = np.flatnonzero(np.diff(active)).reshape(-1, 2) * 10 + 10
    joined: list[list[int]] = []
    for start_ms, end_ms in edges.tolist():
        if joined and start_ms - joined[-1][1] < join_ms:
            joined[-1][1] = end_ms
        else:
            joined.append([start_ms, end_ms])
    return [(start_ms, end_ms) for start_ms, end_ms in joined if end_ms - start_ms >= drop_ms]


def measure_detection(detector: AutoModel, folder: Path) -> DetectionFigures:
    """
    Run the detector over the held-out set.

    Parameters
    ----------
    detector : AutoModel
        Of an FSMN checkpoint.
    folder : Path
        What `training.heldout.make_heldout` wrote.

    Returns
    -------
    DetectionFigures
        Lost: speech with no region. Fired: no speech, and a region all the same.
    """
    starts, ends = [], []
    utterances = lost = others = fired = 0
    for clip in read_heldout(folder):
        regions = detect_regions(speech_scores(detector, clip.wave))
        if clip.speech_ms is None:
            others += 1
            fired += bool(regions)
            continue
        utterances += 1
        if not regions:
            lost += 1
            continue
        starts.append(abs(regions[0][0] - clip.speech_ms[0]))
        ends.append(abs(regions[-1][1] - clip.speech_ms[1]))
    near = [start <= 100 and end <= 100 for start, end in zip(starts, ends, strict=True)]
    return DetectionFigures(
        utterances, lost, others, fired, float(np.median(starts)), float(np.median(ends)), float(np.mean(near))
    )
