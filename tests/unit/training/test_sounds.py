import numpy as np
import pytest

from training.channel import mu_law, pass_line, set_level, telephone
from training.features import log_mel, stack_frames
from training.sounds import DURATIONS_S, EVENTS, make_noise
from training.voices import HELDOUT_VOICES, SAMPLE_VOICES, TRAIN_VOICES, speech_frames, tighten_pauses

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_as_long_as_asked_and_the_same_for_a_seed(event: str) -> None:
    seconds = DURATIONS_S[event][0]
    one, two = (EVENTS[event](seconds, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, two)
    assert len(one) == int(seconds * 16_000)
    assert np.abs(one).max() == pytest.approx(0.5, abs=1e-3)


def test_the_level_is_that_of_the_loudest_20_ms() -> None:
    wave = np.concatenate((np.zeros(3_200), np.ones(320), np.zeros(3_200))).astype(np.float32)
    assert np.abs(set_level(wave, -20.0)).max() == pytest.approx(0.1, rel=1e-3)


def test_mu_law_keeps_quiet_samples_finely_and_clips_what_is_too_loud() -> None:
    assert mu_law(np.array([0.0, 2.0, -2.0], dtype=np.float32)).tolist() == pytest.approx([0.0, 1.0, -1.0])
    quiet = np.linspace(-0.01, 0.01, 100).astype(np.float32)
    assert np.abs(mu_law(quiet) - quiet).max() < 5e-4


def test_the_telephone_takes_away_what_is_above_4_khz() -> None:
    time_s = np.arange(16_000) / 16_000
    high = (0.3 * np.sin(2 * np.pi * 6_000 * time_s)).astype(np.float32)
    assert np.abs(telephone(high, np.random.default_rng(0))[1_000:-1_000]).max() < 0.02


def test_every_line_keeps_the_length_and_the_range() -> None:
    for seed in range(12):
        wave = pass_line(make_noise(0.5, np.random.default_rng(seed)) * 3, np.random.default_rng(seed))
        assert len(wave) == 8_000
        assert np.abs(wave).max() <= 1.0


def test_speech_frames_close_the_gaps_of_stops_and_keep_pauses() -> None:
    wave = np.ones(16_000, dtype=np.float32)
    wave[1_600:3_200] = 0.0  # 100 ms
    wave[6_400:11_200] = 0.0  # 300 ms
    active = speech_frames(wave)
    assert active[:40].all()
    assert not active[40:70].any()
    assert active[70:].all()


def test_tightening_trims_the_ends_and_shortens_pauses() -> None:
    burst = np.ones(1_600, dtype=np.float32)
    wave = np.concatenate((np.zeros(4_800), burst, np.zeros(16_000), burst, np.zeros(4_800))).astype(np.float32)
    tight = tighten_pauses(wave, longest_ms=300)
    assert len(tight) == 2 * 1_600 + 300 * 16
    assert tight[0] == tight[-1] == 1.0


def test_features_are_those_of_the_front_end_and_stack_as_it_does() -> None:
    frames = log_mel(make_noise(1.0, np.random.default_rng(2)))
    assert frames.shape == (98, 80)
    stacked = stack_frames(frames)
    assert stacked.shape == (17, 560)
    assert np.array_equal(stacked[0, :80], frames[0])
    assert np.array_equal(stacked[1, 240:320], frames[6])


def test_the_voices_of_training_held_out_set_and_samples_are_apart() -> None:
    groups = [set(TRAIN_VOICES), set(HELDOUT_VOICES), set(SAMPLE_VOICES)]
    assert len(set.union(*groups)) == sum(len(group) for group in groups)
