"""Regions of speech, and the sounds between them, on built scores and signals."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.errors import RegionOutsideRecording
from callscope.ports import SAMPLE_RATE_HZ, SCORE_FRAME_MS, Channel, Scores
from callscope.sound.frames import SILENCE_DBFS, Levels, Powers, frame_powers
from callscope.sound.speech import SpeechOptions, find_gap_sounds, find_speech, level_slope_db_s, loudness_dbfs
from callscope.timeline import Interval
from tests.sounds import as_pcm
from tests.unit.sound.signals import Wave, levels_of, noise

pytestmark = pytest.mark.unit

OPTIONS = SpeechOptions()
SCORES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.35, 0.4, 0.5, 0.9, 1.0]), st.integers(1, 60)), max_size=60
).map(lambda runs: np.repeat([score for score, _ in runs], [count for _, count in runs]).astype(np.float32))


def silence(duration_ms: int) -> Levels:
    return np.full(duration_ms // SCORE_FRAME_MS, SILENCE_DBFS)


def scores_of(duration_ms: int, *spoken: tuple[int, int]) -> Scores:
    scores = np.zeros(duration_ms // SCORE_FRAME_MS, np.float32)
    for start_ms, end_ms in spoken:
        scores[start_ms // SCORE_FRAME_MS : end_ms // SCORE_FRAME_MS] = 1
    return scores


def channel_of(duration_ms: int, *sounds: tuple[int, int], dbfs: float = -20, floor_dbfs: float = -70) -> Levels:
    wave = noise(duration_ms, dbfs=floor_dbfs, seed=1)
    for start_ms, end_ms in sounds:
        part = slice(start_ms * SAMPLE_RATE_HZ // 1000, end_ms * SAMPLE_RATE_HZ // 1000)
        wave[part] = noise(duration_ms, dbfs=dbfs)[part]
    return levels_of(wave)


# --- speech -------------------------------------------------------------------------------------------------------


@given(scores=SCORES, seed=st.integers(0, 99), spare=st.integers(0, 50), max_region_ms=st.integers(600, 3_000))
@settings(deadline=None)
def test_regions_are_apart_in_order_inside_and_short_enough(
    scores: Scores, seed: int, spare: int, max_region_ms: int
) -> None:
    random = np.random.default_rng(seed)
    levels = np.concatenate(
        [np.repeat(random.uniform(-80, -10, len(scores) // 7 + 1), 7)[: len(scores)], silence(spare)]
    )
    levels += random.uniform(-3, 3, len(levels))
    options = replace(OPTIONS, max_region_ms=max_region_ms)
    regions = find_speech(scores, levels, options=options)
    for region in regions:
        assert 0 < region.duration_ms <= max_region_ms
    for before, after in pairwise(regions):
        assert before.end_ms <= after.start_ms
    if regions:
        assert regions[-1].end_ms <= len(levels) * SCORE_FRAME_MS


@pytest.mark.parametrize("duration_ms", [0, 10, 100, 20_000])
def test_no_scores_above_zero_are_no_speech(duration_ms: int) -> None:
    assert find_speech(scores_of(duration_ms), silence(duration_ms), options=OPTIONS) == []


def test_speech_all_the_way_is_cut_and_nothing_is_lost() -> None:
    duration_ms = 100_000
    regions = find_speech(np.ones(10_000, np.float32), levels_of(noise(duration_ms, dbfs=-20)), options=OPTIONS)
    assert regions[0].start_ms == 0
    assert regions[-1].end_ms == duration_ms
    assert all(before.end_ms == after.start_ms for before, after in pairwise(regions))
    assert all(region.duration_ms <= OPTIONS.max_region_ms for region in regions)
    assert all(region.duration_ms >= OPTIONS.max_region_ms * 2 // 3 for region in regions[:-1])


def test_a_long_region_is_cut_where_it_is_quietest() -> None:
    levels = channel_of(40_000, (0, 24_000), (24_300, 40_000))
    first, second = find_speech(np.ones(4_000, np.float32), levels, options=OPTIONS)
    assert 24_000 < first.end_ms < 24_300
    assert second == Interval(first.end_ms, 40_000)


def test_a_cut_leaves_no_splinter() -> None:
    duration_ms = OPTIONS.max_region_ms + 10
    _, second = find_speech(np.ones(duration_ms // 10, np.float32), silence(duration_ms), options=OPTIONS)
    assert second.duration_ms >= OPTIONS.min_speech_ms


@pytest.mark.parametrize(("early_ms", "late_ms"), [(0, 0), (-100, 100), (100, -100), (-60, 90), (80, 60), (-90, -70)])
def test_bounds_are_where_the_sound_is_not_where_the_scores_are(early_ms: int, late_ms: int) -> None:
    levels = channel_of(6_000, (1_000, 2_000), (3_500, 4_500))
    scores = scores_of(6_000, (1_000 + early_ms, 2_000 + late_ms), (3_500 + early_ms, 4_500 + late_ms))
    assert find_speech(scores, levels, options=OPTIONS) == [Interval(1_000, 2_000), Interval(3_500, 4_500)]


def test_bounds_move_no_further_than_they_may() -> None:
    levels = channel_of(6_000, (500, 5_000))
    found = find_speech(scores_of(6_000, (1_000, 2_000)), levels, options=OPTIONS)
    assert found == [Interval(900, 2_100)]
    too_wide = find_speech(scores_of(6_000, (300, 5_200)), levels, options=OPTIONS)
    assert too_wide == [Interval(300, 5_200)]


def test_speech_in_loud_noise_keeps_its_bounds() -> None:
    levels = channel_of(6_000, (1_000, 2_000), dbfs=-20, floor_dbfs=-22)
    (found,) = find_speech(scores_of(6_000, (1_000, 2_000)), levels, options=OPTIONS)
    assert abs(found.start_ms - 1_000) <= OPTIONS.refine_ms
    assert abs(found.end_ms - 2_000) <= OPTIONS.refine_ms


@pytest.mark.parametrize(("pause_ms", "regions"), [(440, 1), (450, 2), (2_000, 2)])
def test_a_silence_ends_a_region_and_a_pause_does_not(pause_ms: int, regions: int) -> None:
    spoken = (1_000, 2_000), (2_000 + pause_ms, 3_000 + pause_ms)
    levels = channel_of(6_000, *spoken)
    assert len(find_speech(scores_of(6_000, *spoken), levels, options=OPTIONS)) == regions


def test_scores_may_lack_the_last_frames_or_round_the_last_one_up() -> None:
    levels = channel_of(1_005, (0, 1_005))
    assert find_speech(np.ones(97, np.float32), levels, options=OPTIONS) == [Interval(0, 1_000)]
    assert find_speech(np.ones(101, np.float32), levels, options=OPTIONS) == [Interval(0, 1_000)]


def test_scores_of_another_recording_are_refused() -> None:
    with pytest.raises(RegionOutsideRecording):
        find_speech(np.ones(102, np.float32), silence(1_000), options=OPTIONS)


# --- sounds between ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration_ms", "dbfs", "found"), [(600, -40, True), (500, -40, False), (600, -52, False), (4_000, -40, True)]
)
def test_a_sound_is_found_when_it_is_long_and_loud_enough(duration_ms: int, dbfs: float, *, found: bool) -> None:
    levels = channel_of(8_000, (2_000, 2_000 + duration_ms), dbfs=dbfs)
    expected = [Interval(2_000, 2_000 + duration_ms)] if found else []
    assert find_gap_sounds(levels, [], options=OPTIONS) == expected


@pytest.mark.parametrize(("burst_ms", "every_ms"), [(130, 300), (200, 500)])
def test_bursts_of_a_laugh_or_a_cough_are_one_sound(burst_ms: int, every_ms: int) -> None:
    starts_ms = range(2_000, 3_500, every_ms)
    levels = channel_of(8_000, *((start_ms, start_ms + burst_ms) for start_ms in starts_ms))
    assert find_gap_sounds(levels, [], options=OPTIONS) == [Interval(2_000, starts_ms[-1] + burst_ms)]


def test_clicks_far_apart_are_no_sound() -> None:
    levels = channel_of(8_000, *((start_ms, start_ms + 100) for start_ms in range(1_000, 7_000, 600)))
    assert find_gap_sounds(levels, [], options=OPTIONS) == []


def test_speech_and_its_margins_are_left_out() -> None:
    levels = channel_of(8_000, (1_000, 6_000))
    found = find_gap_sounds(levels, [Interval(2_003, 3_000), Interval(3_500, 4_000)], options=OPTIONS)
    assert found == [Interval(1_000, 1_900), Interval(4_100, 6_000)]


def test_speech_at_the_very_beginning_is_left_out() -> None:
    levels = channel_of(4_000, (0, 2_000))
    assert find_gap_sounds(levels, [Interval(0, 1_000)], options=OPTIONS) == [Interval(1_100, 2_000)]


def test_long_music_is_cut() -> None:
    found = find_gap_sounds(channel_of(75_000, (1_000, 74_000)), [], options=OPTIONS)
    assert (found[0].start_ms, found[-1].end_ms) == (1_000, 74_000)
    assert all(sound.duration_ms <= OPTIONS.max_region_ms for sound in found)
    assert all(before.end_ms == after.start_ms for before, after in pairwise(found))


def test_silence_holds_no_sounds() -> None:
    assert find_gap_sounds(silence(5_000), [], options=OPTIONS) == []


# --- loudness ---------------------------------------------------------------------------------------------------------


def powers_of(wave: Wave, rate_hz: int = SAMPLE_RATE_HZ) -> Powers:
    return frame_powers(Channel(as_pcm(wave), rate_hz))


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_loudness_is_the_root_mean_square(rate_hz: int) -> None:
    powers = powers_of(np.full(rate_hz, 0.5, np.float32), rate_hz)
    assert loudness_dbfs(powers, Interval(100, 900)) == pytest.approx(-6.02, abs=0.01)


def test_full_scale_overflows_nothing() -> None:
    powers = powers_of(np.full(SAMPLE_RATE_HZ, -1, np.float32))
    assert loudness_dbfs(powers, Interval(0, 1_000)) == 0


@pytest.mark.parametrize("interval", [Interval(0, 1_000), Interval(500, 500)])
def test_nothing_is_quieter_than_silence(interval: Interval) -> None:
    assert loudness_dbfs(np.zeros(100), interval) == SILENCE_DBFS


def test_loudness_beyond_the_end_is_refused() -> None:
    with pytest.raises(RegionOutsideRecording):
        loudness_dbfs(np.zeros(100), Interval(500, 1_001))


@pytest.mark.parametrize("built_db_s", [-30.0, -6.0, 0.0, 12.5])
def test_the_slope_of_a_level_is_the_one_built(built_db_s: float) -> None:
    powers = np.full(300, 1e-12)
    powers[100:200] = 10 ** ((-30 + built_db_s * np.arange(100) / 100) / 10)
    assert level_slope_db_s(powers, Interval(1_000, 2_000)) == pytest.approx(built_db_s, abs=0.01)
    assert level_slope_db_s(powers, Interval(1_300, 1_400)) == pytest.approx(built_db_s, abs=0.01)


@given(st.lists(st.floats(1e-9, 1), min_size=10, max_size=40))
def test_the_slope_of_any_level_is_that_of_least_squares(powers: list[float]) -> None:
    whole = Interval(0, 10 * len(powers))
    built = np.polyfit(np.arange(len(powers)) / 100, 10 * np.log10(powers), 1)[0]
    assert level_slope_db_s(np.array(powers), whole) == pytest.approx(built, abs=0.01)


def test_a_level_of_less_than_a_tenth_of_a_second_has_no_slope() -> None:
    assert level_slope_db_s(np.ones(100), Interval(100, 190)) is None
    assert level_slope_db_s(np.ones(100), Interval(100, 191)) == 0


def test_the_slope_of_a_level_outside_the_channel_is_refused() -> None:
    with pytest.raises(RegionOutsideRecording, match="1001 ms of a channel of 1000"):
        level_slope_db_s(np.ones(100), Interval(500, 1_001))
