from __future__ import annotations

import numpy as np
import pytest

from callscope.ports import Channel
from callscope.sound.waveform import WAVEFORM_HOP_MS, peaks

pytestmark = pytest.mark.unit

RATE_HZ = 8_000
HOP = RATE_HZ * WAVEFORM_HOP_MS // 1000


def channel(*values: int) -> Channel:
    return Channel(np.array(values, np.int16), RATE_HZ)


def test_each_hop_has_the_height_of_its_loudest_sample() -> None:
    samples = np.zeros(4 * HOP, np.int16)
    samples[3] = 32_767
    samples[HOP + 5] = -32_768
    samples[2 * HOP] = 16_384
    assert list(peaks(Channel(samples, RATE_HZ))) == [255, 255, 128, 0]


def test_the_faintest_sound_is_not_silence() -> None:
    assert list(peaks(channel(*[0] * (HOP - 1), -1))) == [1]


def test_what_is_left_at_the_end_has_a_peak_too() -> None:
    assert list(peaks(channel(*[0] * HOP, 0, -32_768))) == [0, 255]


def test_an_hour_has_a_peak_for_every_twentieth_of_a_second() -> None:
    assert len(peaks(Channel(np.zeros(3_600 * RATE_HZ, np.int16), RATE_HZ))) == 72_000


def test_a_channel_without_sound_has_no_peak() -> None:
    assert peaks(channel()) == b""
