"""The vectorised segmentation gives the very bounds that its rules give when they are followed frame by frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.ports import Scores
from callscope.sound.frames import Levels, Powers, to_levels
from callscope.sound.leaks import compare_channels, remove_leaks
from callscope.sound.speech import SpeechOptions, find_gap_sounds, find_speech
from callscope.timeline import Interval
from tests.unit.sound.plain import plain_own, plain_sounds, plain_speech

pytestmark = pytest.mark.unit

OPTIONS = st.builds(
    SpeechOptions,
    min_speech_ms=st.sampled_from([10, 120, 200]),
    min_silence_ms=st.sampled_from([10, 200, 450]),
    max_region_ms=st.sampled_from([700, 2_000, 29_500]),
    refine_ms=st.sampled_from([0, 40, 100]),
    min_sound_ms=st.sampled_from([10, 550]),
    sound_pause_ms=st.sampled_from([10, 400]),
    speech_margin_ms=st.sampled_from([0, 100]),
    leak_db=st.sampled_from([6.0, 15.0]),
    min_leak_ms=st.sampled_from([100, 400]),
)
FRAMES = st.integers(0, 1_200)
SEEDS = st.integers(0, 2**32 - 1)


def sustained(random: np.random.Generator, frames: int, low: float, high: float) -> Levels:
    """Return values that stay near one for a while, as voices and scores do."""
    lengths = random.integers(1, 60, frames + 1)
    steps = np.repeat(random.uniform(low, high, frames + 1), lengths)[:frames]
    return steps + random.normal(0, (high - low) / 30, frames)


def random_scores(random: np.random.Generator, frames: int) -> Scores:
    return np.clip(sustained(random, frames, -0.5, 1.3), 0, 1).astype(np.float32)


@given(seed=SEEDS, frames=FRAMES, options=OPTIONS)
@settings(deadline=None)
def test_speech_and_sounds_are_those_of_the_plain_rules(seed: int, frames: int, options: SpeechOptions) -> None:
    random = np.random.default_rng(seed)
    scores = random_scores(random, max(0, frames + int(random.integers(-3, 2))))
    levels = sustained(random, frames, -90, -5)
    levels[sustained(random, frames, -1, 2) < 0] = -120  # digital silence between
    speech = find_speech(scores, levels, options=options)
    assert speech == plain_speech(scores, levels, options)
    assert find_gap_sounds(levels, speech, options=options) == plain_sounds(levels, speech, options)


def echoing_call(random: np.random.Generator, frames: int, channels: int) -> list[Powers]:
    """Return voices of which each is heard, late and softly, on the next channel."""
    voices = [10 ** (sustained(random, frames, -70, -10) / 10) for _ in range(channels)]
    heard = []
    for voice, neighbour in zip(voices, voices[1:] + voices[:1], strict=True):
        late = int(random.integers(0, 25))
        echo = np.concatenate([np.zeros(late), neighbour])[:frames] * 10 ** (random.uniform(-35, -5) / 10)
        own = voice * np.repeat(random.uniform(0, 1, frames // 100 + 1) < random.uniform(0, 1), 100)[:frames]
        heard.append(own + echo + 1e-8)
    return heard


@given(seed=SEEDS, frames=FRAMES.filter(bool), channels=st.integers(1, 3), options=OPTIONS)
@settings(deadline=None)
def test_what_is_no_echo_is_what_the_plain_rules_leave(
    seed: int, frames: int, channels: int, options: SpeechOptions
) -> None:
    random = np.random.default_rng(seed)
    powers = echoing_call(random, frames, channels)
    regions = [find_speech(random_scores(random, frames), to_levels(power), options=options) for power in powers]
    for channel, line in enumerate(compare_channels(powers, options=options)):
        found = remove_leaks(line, regions[channel], options=options)
        assert found == plain_own(powers, channel, regions[channel], options)


def test_the_calls_that_are_compared_hold_echo_of_every_kind() -> None:
    whole = in_part = untouched = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        powers = echoing_call(random, 1_000, 2)
        line, _ = compare_channels(powers, options=SpeechOptions())
        for start_ms in range(0, 10_000, 2_500):
            region = Interval(start_ms, start_ms + 2_500)
            left = remove_leaks(line, [region], options=replace(SpeechOptions(), min_leak_ms=100))
            whole += not left
            untouched += left == [region]
            in_part += bool(left) and left != [region]
    assert min(whole, in_part, untouched) >= 10
