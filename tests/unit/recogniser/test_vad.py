"""The speech detector over channels of any length."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.checkpoints import build_vad
from tests.sounds import babble
from workers.recogniser import vad as module
from workers.recogniser.checkpoint import VadCheckpoint, read_vad
from workers.recogniser.hub import CheckpointFolder
from workers.recogniser.vad import SpeechDetector

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (1_600, 8), (16_000, 98)])
def test_there_is_a_score_for_each_whole_frame(vad: VadCheckpoint, samples: int, frames: int) -> None:
    scores = SpeechDetector(vad)(torch.from_numpy(babble(1_000, seed=1)[:samples]))
    assert scores.shape == (frames,)
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("rorder", [0, 3])
@torch.inference_mode()
def test_steps_leave_no_seam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rorder: int) -> None:
    folder = build_vad(tmp_path / "vad", rorder=rorder)
    detector = SpeechDetector(read_vad(CheckpointFolder("vad", folder)))
    samples = torch.from_numpy(babble(8_000, seed=2))
    at_once = detector(samples)
    monkeypatch.setattr(module, "_STEP_FRAMES", 131)
    in_steps = detector(samples)
    assert at_once.std() > 0.002
    np.testing.assert_allclose(in_steps, at_once, atol=1e-5)
