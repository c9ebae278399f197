"""How loud a channel is, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel
from callscope.sound.frames import frame_powers, percentile, smooth, to_levels

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("rate_hz", [NARROWBAND_HZ, SAMPLE_RATE_HZ])
@pytest.mark.parametrize("samples", [0, 79, 160, 1_000, 250_001])
def test_powers_are_the_exact_mean_squares_of_whole_frames(samples: int, rate_hz: int) -> None:
    pcm = np.random.default_rng(samples).integers(-32_768, 32_768, samples).astype(np.int16)
    size = rate_hz // 100
    frames = pcm[: samples // size * size].reshape(-1, size).astype(np.int64)
    found = frame_powers(Channel(pcm, rate_hz))
    np.testing.assert_allclose(found, (frames**2).mean(axis=1) / 2**30, rtol=1e-6)


def test_levels_end_at_silence_and_at_full_scale() -> None:
    pcm = np.concatenate([np.zeros(160), np.full(160, -32_768), np.full(160, 1)]).astype(np.int16)
    levels = to_levels(frame_powers(Channel(pcm, SAMPLE_RATE_HZ)))
    np.testing.assert_allclose(levels, [-120, 0, -90.31], atol=0.01)


def test_smoothing_averages_around_a_frame() -> None:
    powers = np.array([0, 0, 0, 5, 0, 0, 0, 10.0])
    np.testing.assert_allclose(smooth(powers, 50), [0, 1, 1, 1, 1, 3, 2, 2], atol=1e-12)
    np.testing.assert_allclose(smooth(powers[3:4], 50), [1])


@given(rows=st.integers(1, 4), frames=st.integers(1, 400), percent=st.integers(0, 100), seed=st.integers(0, 2**32 - 1))
def test_percentiles_are_numpys(rows: int, frames: int, percent: int, seed: int) -> None:
    levels = np.random.default_rng(seed).normal(-40, 20, (rows, frames))
    expected = np.percentile(levels, percent, axis=1, keepdims=True)
    np.testing.assert_allclose(percentile(levels, percent), expected, rtol=1e-12)
