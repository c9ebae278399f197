"""The pitch at the end of a region, on tones whose pitch is built."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from callscope.errors import InvalidSetting
from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel
from callscope.sound.pitch import PitchSlope, end_pitches, warm_up
from callscope.timeline import Interval
from tests.sounds import as_pcm, babble
from tests.unit.sound.signals import Wave, noise

pytestmark = pytest.mark.unit

RATES = pytest.mark.parametrize("rate_hz", [NARROWBAND_HZ, SAMPLE_RATE_HZ])


def voice(duration_ms: int, *, rate_hz: int, end_hz: float = 150, slope_st_s: float = 0.0) -> Wave:
    """Return seven harmonics that reach ``end_hz`` at their end."""
    time_s = np.arange(duration_ms * rate_hz // 1000) / rate_hz
    pitch_hz = end_hz * 2 ** (slope_st_s * (time_s - duration_ms / 1000) / 12)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate_hz
    orders = np.arange(1, 8)[:, np.newaxis]
    wave: Wave = (0.15 * (np.sin(orders * phase) / orders).sum(axis=0)).astype(np.float32)
    return wave


def pitch_of(wave: Wave, *, rate_hz: int = NARROWBAND_HZ) -> PitchSlope:
    channel = Channel(as_pcm(wave), rate_hz)
    return end_pitch(channel, Interval(0, channel.duration_ms))


def end_pitch(channel: Channel, interval: Interval) -> PitchSlope:
    (found,) = end_pitches([(channel, interval)])
    return found


@RATES
@pytest.mark.parametrize("slope_st_s", [-10.0, -4.0, 0.0, 4.0, 10.0])
@pytest.mark.parametrize("end_hz", [130.0, 180.0, 260.0])
def test_rising_and_falling_tones(rate_hz: int, slope_st_s: float, end_hz: float) -> None:
    found = pitch_of(voice(1_000, rate_hz=rate_hz, end_hz=end_hz, slope_st_s=slope_st_s), rate_hz=rate_hz)
    middle_hz = end_hz * 2 ** (-slope_st_s / 24)
    assert found.median_hz == pytest.approx(middle_hz, rel=0.02)
    assert found.slope_st_s == pytest.approx(slope_st_s, abs=0.3)


@RATES
def test_only_the_last_second_and_a_half_counts(rate_hz: int) -> None:
    high, low = (voice(2_000, rate_hz=rate_hz, end_hz=hz) for hz in (320, 110))
    found = pitch_of(np.concatenate([high, low]), rate_hz=rate_hz)
    assert found.median_hz == pytest.approx(110, rel=0.02)
    assert found.slope_st_s == pytest.approx(0, abs=0.1)


def test_only_the_interval_counts() -> None:
    wave = np.concatenate([voice(1_000, rate_hz=8_000, end_hz=hz) for hz in (320, 110, 220)])
    found = end_pitch(Channel(as_pcm(wave), 8_000), Interval(1_000, 2_000))
    assert found.median_hz == pytest.approx(110, rel=0.02)


def test_each_stretch_is_found_as_if_alone() -> None:
    channel = babble(60_000, seed=1, sample_rate_hz=8_000)
    stretches = [
        (channel, Interval(start_ms, start_ms + 100 + 77 * n)) for n, start_ms in enumerate(range(0, 50_000, 1_300))
    ]
    found = end_pitches(stretches)
    assert found == [end_pitch(*stretch) for stretch in stretches]
    assert len({pitch.median_hz for pitch in found}) > len(found) // 2
    assert end_pitches([]) == []


def test_pauses_and_consonants_do_not_bend_the_slope() -> None:
    wave = voice(1_200, rate_hz=16_000, end_hz=180, slope_st_s=8)
    wave[3_200:6_400] = 0
    wave[9_600:12_800] = 0.3 * noise(200, dbfs=-20)
    found = pitch_of(wave, rate_hz=16_000)
    assert found.slope_st_s == pytest.approx(8, abs=0.5)


def test_noise_at_the_level_of_a_bad_line_is_borne() -> None:
    wave = voice(1_000, rate_hz=16_000, end_hz=150, slope_st_s=6) + noise(1_000, dbfs=-30)
    assert pitch_of(wave, rate_hz=16_000).slope_st_s == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_pitch(seed: int) -> None:
    assert pitch_of(noise(1_500, dbfs=-20, seed=seed), rate_hz=16_000) == PitchSlope()


@pytest.mark.parametrize("wave", [np.zeros(16_000, np.float32), voice(1_000, rate_hz=8_000) * 0.001])
def test_silence_has_no_pitch(wave: Wave) -> None:
    assert pitch_of(wave) == PitchSlope()


def test_less_than_a_fifth_of_a_second_has_no_pitch() -> None:
    assert pitch_of(voice(199, rate_hz=8_000)) == PitchSlope()
    assert end_pitch(Channel(np.zeros(0, np.int16), 8_000), Interval(0, 0)) == PitchSlope()
    short = np.concatenate([np.zeros(8_000, np.float32), voice(120, rate_hz=8_000)])
    assert pitch_of(short) == PitchSlope()


@pytest.mark.parametrize("seed", range(8))
def test_a_wandering_voice_stays_in_its_range(seed: int) -> None:
    channel = babble(3_000, seed=seed, sample_rate_hz=8_000)
    found = end_pitch(channel, Interval(0, 3_000))
    assert found.median_hz is not None
    assert 70 <= found.median_hz <= 310


@RATES
@pytest.mark.parametrize("pitch_hz", [45.0, 600.0])
def test_what_no_voice_reaches_has_no_pitch_there(rate_hz: int, pitch_hz: float) -> None:
    found = pitch_of(voice(1_000, rate_hz=rate_hz, end_hz=pitch_hz), rate_hz=rate_hz)
    assert found.median_hz is None or 56 < found.median_hz < 505


def test_a_deep_voice_is_not_cut_off() -> None:
    assert pitch_of(voice(1_000, rate_hz=8_000, end_hz=62)).median_hz == pytest.approx(62, rel=0.02)


def test_without_librosa_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    warm_up()
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(InvalidSetting, match="CALLSCOPE_PITCH"):
        warm_up()


def test_nothing_else_loads_librosa() -> None:
    code = "import sys, callscope.pipeline; sys.exit(bool({'librosa', 'numba', 'scipy'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
