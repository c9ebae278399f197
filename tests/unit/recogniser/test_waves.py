"""Sound on its way to the device: cuts that change nothing, the doubling's response, batches of any mixture."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel
from tests.sounds import as_pcm, babble
from workers.recogniser.waves import Excerpt, Waves, excerpt

pytestmark = pytest.mark.unit

WAVES = Waves()
NARROW = babble(1_000, seed=1, sample_rate_hz=NARROWBAND_HZ)
WIDE = babble(1_000, seed=2)


def _length(channel: Channel) -> int:
    return len(channel.samples) * SAMPLE_RATE_HZ // channel.sample_rate_hz


def _whole(channel: Channel) -> NDArray[np.float32]:
    return _one(excerpt(channel, 0, _length(channel)))


def _one(item: Excerpt) -> NDArray[np.float32]:
    waves: torch.Tensor = WAVES([item])
    return waves[0].numpy()


def test_wideband_sound_is_scaled_alone() -> None:
    np.testing.assert_array_equal(_whole(WIDE), WIDE.samples.astype(np.float32) / 32_768)


def test_doubled_sound_keeps_its_own_samples_where_they_were() -> None:
    np.testing.assert_array_equal(_whole(NARROW)[::2], NARROW.samples.astype(np.float32) / 32_768)


@given(
    channel=st.sampled_from([NARROW, WIDE]), start=st.integers(0, 8_000).map(lambda half: 2 * half), size=st.integers(1)
)
def test_a_cut_changes_no_sample(channel: Channel, start: int, size: int) -> None:
    whole = _whole(channel)
    start = min(start, len(whole) - 2)
    np.testing.assert_allclose(_one(excerpt(channel, start, start + size)), whole[start : start + size], atol=1e-7)


def _tone(hz: float, sample_rate_hz: int) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(sample_rate_hz) / sample_rate_hz)


@pytest.mark.parametrize("hz", [20, 300, 1_000, 2_000, 3_000, 3_400, 3_700])
def test_a_tone_is_doubled_without_delay_loss_or_image(hz: int) -> None:
    doubled = _whole(Channel(as_pcm(_tone(hz, NARROWBAND_HZ)), NARROWBAND_HZ)).astype(np.float64)
    inside = slice(1_000, 15_000)
    assert np.abs(doubled - _tone(hz, SAMPLE_RATE_HZ))[inside].max() < 0.5 * 10 ** (-60 / 20)
    spectrum = np.abs(np.fft.rfft(doubled[inside] * np.kaiser(14_000, 14)))
    image = round((NARROWBAND_HZ - hz) * 14_000 / SAMPLE_RATE_HZ)
    loss = 20 * np.log10(spectrum.max() / spectrum[image - 20 : image + 20].max())
    assert loss > 65


def test_batches_mix_rates_and_lengths_and_end_in_zeros() -> None:
    items = [
        excerpt(WIDE, 3_201, 9_000),
        excerpt(NARROW, 800, 8_001),
        excerpt(WIDE, 0, 16_000),
        excerpt(NARROW, 0, 160),
        excerpt(NARROW, 12_000, 16_000),
    ]
    together: torch.Tensor = WAVES(items)
    assert together.shape == (5, 16_000)
    assert together.dtype == torch.float32
    for row, item in zip(together.numpy(), items, strict=True):
        np.testing.assert_allclose(row[: item.length], _one(item), atol=1e-7)
        assert not row[item.length :].any()


@pytest.mark.parametrize("channel", [NARROW, WIDE])
def test_a_stretch_ends_with_its_channel(channel: Channel) -> None:
    assert excerpt(channel, 15_000, 99_000).length == 1_000


@pytest.mark.parametrize("channel", [NARROW, WIDE])
def test_a_short_stretch_is_filled_up_with_silence(channel: Channel) -> None:
    item = excerpt(channel, 4_000, 4_160, least=400)
    filled = _one(item)
    assert item.length == 400
    np.testing.assert_array_equal(filled[:160:2], _whole(channel)[4_000:4_160:2])
    # Only what the filter rings on past the end.
    assert not filled[160 + 2 * 32 :].any()


def test_a_stretch_past_its_channel_is_silence() -> None:
    item = excerpt(NARROW, 20_000, 20_160, least=400)
    assert not _one(item).any()


def test_the_inside_of_a_channel_is_not_copied() -> None:
    assert np.shares_memory(excerpt(NARROW, 1_600, 3_200).samples, NARROW.samples)


def test_a_start_between_two_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="sample 161 lies between two"):
        excerpt(NARROW, 161, 400)
