from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

from bench.calls import LONGEST_MS, SHORTEST_MS, Call, Load, SpokenTurn, plan_call, read_voices, render
from callscope.sound.audio import AudioLimits, decode
from callscope.timeline import Interval

pytestmark = pytest.mark.unit

MEAN_MS = 52_000


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return [plan_call(number, mean_ms=MEAN_MS) for number in range(1_000)]


def test_durations_are_heavy_tailed_around_the_mean_that_was_asked_for(calls: list[Call]) -> None:
    durations = np.array([call.duration_ms for call in calls])
    assert durations.mean() == pytest.approx(MEAN_MS, rel=0.1)
    assert durations.min() >= SHORTEST_MS
    assert durations.max() <= LONGEST_MS
    assert np.median(durations) < 0.9 * durations.mean()
    assert durations.max() > 5 * durations.mean()


def test_each_channel_speaks_for_about_forty_percent(calls: list[Call]) -> None:
    total = sum(call.duration_ms for call in calls)
    for channel in (0, 1):
        spoken = sum(call.speech_share(channel) * call.duration_ms for call in calls)
        assert spoken / total == pytest.approx(0.4, abs=0.03)


def test_turns_are_of_a_persons_length_inside_the_call(calls: list[Call]) -> None:
    lengths = [turn.interval.duration_ms for call in calls for turn in call.turns]
    assert 1_000 <= min(lengths) < 2_000
    assert 10_000 < max(lengths) <= 15_000
    assert np.mean([2_000 <= length <= 8_000 for length in lengths]) > 0.7
    assert all(turn.interval.end_ms <= call.duration_ms for call in calls for turn in call.turns)


def test_a_channel_never_talks_over_itself_but_the_parties_do_now_and_then(calls: list[Call]) -> None:
    together = turns = 0
    for call in calls:
        for channel in (0, 1):
            own = [turn.interval for turn in call.turns if turn.channel == channel]
            assert all(before.end_ms < after.start_ms for before, after in pairwise(own))
        together += sum(b.interval.start_ms < a.interval.end_ms for a, b in pairwise(call.turns))
        turns += len(call.turns)
    assert 0.04 < together / turns < 0.12


def test_the_same_call_is_the_same_sound() -> None:
    voices, call = read_voices(), plan_call(7, mean_ms=MEAN_MS)
    assert plan_call(7, mean_ms=MEAN_MS) == call
    assert np.array_equal(render(call, voices), render(call, voices))
    assert plan_call(7, mean_ms=MEAN_MS, seed=2) != call


def test_speech_is_where_the_plan_says_and_noise_elsewhere() -> None:
    call = Call(1, 10_000, (SpokenTurn(1, Interval(2_000, 6_000)),))
    sound = render(call, read_voices())
    # Power over about half a second: pauses within a turn are shorter.
    power = lfilter([1 / 4_000], [1, -(1 - 1 / 4_000)], (sound / 32_768.0) ** 2, axis=0)
    level = 10 * np.log10(power + 1e-12)
    assert level[2_500 * 8 : 6_000 * 8, 1].min() > -45
    assert level[:, 0].max() < -55
    assert level[9_500 * 8 :, 1].max() < -48


def test_a_load_writes_what_is_decoded_as_it_was_planned(tmp_path: Path) -> None:
    load = Load(tmp_path, mean_ms=MEAN_MS)
    first, second = load.take(2, start=3)
    audio = decode(first.path, limits=AudioLimits(max_duration_ms=LONGEST_MS))
    assert audio.facts.duration_ms == first.call.duration_ms == plan_call(3, mean_ms=MEAN_MS).duration_ms
    assert (audio.facts.channels, audio.facts.sample_rate_hz, audio.facts.dual_mono) == (2, 8_000, False)
    assert first.path != second.path
    before = first.path.stat().st_mtime_ns
    assert load.take(1, start=3)[0].path.stat().st_mtime_ns == before, "a file that is there is taken"
    assert load.of_length(180_000).call.duration_ms == 180_000
