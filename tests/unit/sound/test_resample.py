"""Resampling: nothing moves, nothing is lost below half the rate, nothing folds down from above it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.ports import SAMPLE_RATE_HZ
from callscope.sound.resample import Resampler
from tests.unit.sound.signals import Wave, chirp, power_dbfs

pytestmark = pytest.mark.unit

RATES_HZ = (4_000, 8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)


def resample(wave: Wave, rate_hz: int, block: int = 10_000) -> Wave:
    resampler = Resampler(rate_hz)
    parts = [resampler.push(wave[start : start + block]) for start in range(0, len(wave), block)]
    return np.concatenate([*parts, resampler.finish()])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_click_stays_where_it_was(rate_hz: int) -> None:
    wave = np.zeros(3 * rate_hz, np.float32)
    wave[[rate_hz, 2 * rate_hz]] = 1
    heard = resample(wave, rate_hz)
    assert len(heard) == 3 * SAMPLE_RATE_HZ
    for second in (1, 2):
        around = heard[second * SAMPLE_RATE_HZ - 800 : second * SAMPLE_RATE_HZ + 800]
        assert abs(int(np.argmax(np.abs(around))) - 800) <= 1


@given(
    rate_hz=st.sampled_from(RATES_HZ),
    cuts=st.lists(st.integers(0, 5_000), max_size=6),
    frames=st.integers(1, 5_000),
)
@settings(max_examples=60, deadline=None)
def test_cutting_into_blocks_changes_nothing(rate_hz: int, cuts: list[int], frames: int) -> None:
    wave = np.random.default_rng(frames).uniform(-0.5, 0.5, frames).astype(np.float32)
    resampler = Resampler(rate_hz)
    pieces = np.split(wave, sorted(min(cut, frames) for cut in cuts))
    heard = np.concatenate([*(resampler.push(piece) for piece in pieces if len(piece)), resampler.finish()])
    assert len(heard) == -(-frames * SAMPLE_RATE_HZ // rate_hz)
    np.testing.assert_allclose(heard, resample(wave, rate_hz), atol=1e-6)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100])
def test_speech_keeps_its_level(rate_hz: int) -> None:
    heard = resample(chirp(2_000, rate_hz=rate_hz, low_hz=100, high_hz=3_400), rate_hz)
    built = chirp(2_000, rate_hz=SAMPLE_RATE_HZ, low_hz=100, high_hz=3_400)
    difference = heard - built
    assert power_dbfs(difference, 50, 1_950) < power_dbfs(built, 50, 1_950) - 40


def test_what_lies_above_the_band_does_not_fold_into_it() -> None:
    heard = resample(chirp(2_000, rate_hz=48_000, low_hz=9_000, high_hz=20_000), 48_000)
    assert power_dbfs(heard, 50, 1_950) < -70


def test_nothing_in_gives_nothing_out() -> None:
    assert len(Resampler(8_000).finish()) == 0
