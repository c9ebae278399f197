"""The speech detector: stretches of many channels in a batch, scored as each channel would be in one piece."""

from pathlib import Path

import numpy as np
import pytest
import torch

from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel, Scores
from tests.checkpoints import build_vad
from tests.sounds import babble
from workers.recogniser.checkpoint import FsmnConfig, VadCheckpoint, read_vad
from workers.recogniser.hub import CheckpointFolder
from workers.recogniser.vad import Fsmn, SpeechDetector
from workers.recogniser.waves import excerpt

pytestmark = pytest.mark.unit

DEMO = Path(__file__).parents[3] / "checkpoints" / "demo" / "vad"


def _in_one_piece(detector: SpeechDetector, channel: Channel) -> Scores:
    """The whole channel through the front end and the network, nothing cut and nothing beside it."""
    length = len(channel.samples) * SAMPLE_RATE_HZ // channel.sample_rate_hz
    with torch.inference_mode():
        samples = detector.waves([excerpt(channel, 0, length)])
        features = detector.front_end(samples, [detector.front_end.filter_bank.frames(length)])
        silence = detector.encoder(features)[0, :, detector.silence].sum(dim=1)
    scores: Scores = (1 - silence).numpy()
    return scores


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (1_600, 8), (16_000, 98)])
@pytest.mark.parametrize("rate_hz", [NARROWBAND_HZ, SAMPLE_RATE_HZ])
def test_there_is_a_score_for_each_whole_frame(vad: VadCheckpoint, samples: int, frames: int, rate_hz: int) -> None:
    sound = babble(1_000, seed=1, sample_rate_hz=rate_hz).samples[: samples * rate_hz // SAMPLE_RATE_HZ]
    detector = SpeechDetector(vad)
    stretches = detector.stretches(Channel(sound, rate_hz))
    scores = np.concatenate([np.zeros(0, np.float32), *(detector(stretches) if stretches else [])])
    assert scores.shape == (frames,)
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("rorder", [0, 3])
@pytest.mark.parametrize("stretch_ms", [310, 1_310, 60_000])
def test_stretches_of_many_channels_leave_no_seam(tmp_path: Path, rorder: int, stretch_ms: int) -> None:
    checkpoint = read_vad(CheckpointFolder("vad", build_vad(tmp_path / "vad", rorder=rorder)))
    detector = SpeechDetector(checkpoint, stretch_ms=stretch_ms)
    channels = [
        babble(8_000, seed=2),
        babble(5_430, seed=3, sample_rate_hz=NARROWBAND_HZ),
        babble(30, seed=4),
        babble(1_990, seed=5, sample_rate_hz=NARROWBAND_HZ),
    ]
    cut = [detector.stretches(channel) for channel in channels]
    together = iter(detector([stretch for stretches in cut for stretch in stretches]))
    for channel, stretches in zip(channels, cut, strict=True):
        joined = np.concatenate([next(together) for _ in stretches])
        np.testing.assert_allclose(joined, _in_one_piece(detector, channel), atol=1e-5)
        assert len(joined) == 1 or np.ptp(joined) > 0.01


def test_the_demo_detector_leaves_no_seam() -> None:
    detector = SpeechDetector(read_vad(CheckpointFolder("vad", DEMO)), stretch_ms=2_000)
    channel = babble(15_000, seed=6, sample_rate_hz=NARROWBAND_HZ)
    joined = np.concatenate(detector(detector.stretches(channel)))
    np.testing.assert_allclose(joined, _in_one_piece(detector, channel), atol=1e-5)
    assert np.ptp(joined) > 0.01


@pytest.mark.parametrize("stretch_ms", [10, 500, 20_000])
@pytest.mark.parametrize("duration_ms", [25, 400, 1_234, 40_000])
def test_stretches_are_of_one_length_and_no_longer_than_asked(
    vad: VadCheckpoint, stretch_ms: int, duration_ms: int
) -> None:
    detector = SpeechDetector(vad, stretch_ms=stretch_ms)
    stretches = detector.stretches(babble(duration_ms, seed=1))
    frames = {stretch.frames for stretch in stretches}
    before, after = detector.encoder.context
    assert max(frames) - min(frames) <= 1
    assert max(frames) <= stretch_ms // 10 + before + after + 4  # of stacking
    assert [stretch.excerpt.length for stretch in stretches] == [160 * stretch.frames + 240 for stretch in stretches]


def test_a_network_in_bf16_scores_nearly_the_same() -> None:
    checkpoint = read_vad(CheckpointFolder("vad", DEMO))
    channel = babble(5_000, seed=7)
    exact, rounded = (
        detector(detector.stretches(channel))[0]
        for detector in (SpeechDetector(checkpoint), SpeechDetector(checkpoint, dtype=torch.bfloat16))
    )
    assert rounded.dtype == np.float32
    assert 0 < np.abs(rounded - exact).max() < 0.05


def test_the_memory_reaches_as_far_as_its_orders_and_strides_say() -> None:
    config = FsmnConfig(
        input_dim=8,
        input_affine_dim=8,
        fsmn_layers=2,
        linear_dim=8,
        proj_dim=8,
        lorder=4,
        rorder=3,
        lstride=2,
        rstride=2,
        output_affine_dim=8,
        output_dim=4,
    )
    torch.manual_seed(1)
    network = Fsmn(config)
    features = torch.randn(1, 60, 8)
    changed = features.clone()
    changed[0, 30] += 5
    with torch.inference_mode():
        moved = (network(changed) - network(features)).abs().amax(dim=2)[0].nonzero().flatten()
    before, after = network.context
    assert (before, after) == (12, 12)
    assert (moved.min(), moved.max()) == (30 - after, 30 + before)
