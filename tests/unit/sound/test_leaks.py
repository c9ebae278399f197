"""Echo is taken out; somebody who speaks, however softly, stays."""

from __future__ import annotations

import numpy as np
import pytest

from callscope.ports import SAMPLE_RATE_HZ, Channel
from callscope.sound.frames import frame_powers
from callscope.sound.leaks import compare_channels, remove_leaks
from callscope.sound.speech import SpeechOptions
from callscope.timeline import Interval
from tests.sounds import as_pcm
from tests.unit.sound.signals import Wave, noise

pytestmark = pytest.mark.unit

OPTIONS = SpeechOptions()
CALL_MS = 20_000


def voice(start_ms: int, end_ms: int, *, dbfs: float, seed: int) -> Wave:
    """Return a channel with syllables of uneven length and loudness in this stretch."""
    random = np.random.default_rng(seed)
    syllables = [
        level * np.hanning(length * SAMPLE_RATE_HZ // 1000)
        for level, length in zip(random.uniform(0.1, 1, 200), random.integers(80, 320, 200), strict=True)
    ]
    count = (end_ms - start_ms) * SAMPLE_RATE_HZ // 1000
    channel = np.zeros(CALL_MS * SAMPLE_RATE_HZ // 1000, np.float32)
    start = start_ms * SAMPLE_RATE_HZ // 1000
    channel[start : start + count] = np.concatenate(syllables)[:count] * random.standard_normal(count)
    power = float(np.mean(channel[start : start + count] ** 2))
    scaled: Wave = (channel * 10 ** (dbfs / 20) / power**0.5).astype(np.float32)
    return scaled


def echo(channel: Wave, *, db: float, delay_ms: int) -> Wave:
    delay = delay_ms * SAMPLE_RATE_HZ // 1000
    return (10 ** (db / 20) * np.concatenate([np.zeros(delay, np.float32), channel[: len(channel) - delay]])).astype(
        np.float32
    )


def line(*sounds: Wave, seed: int) -> Wave:
    mixed: Wave = np.sum([*sounds, noise(CALL_MS, dbfs=-65, seed=seed)], axis=0, dtype=np.float32)
    return mixed


def removed(channels: list[Wave], regions: list[list[Interval]]) -> list[list[Interval]]:
    powers = [frame_powers(Channel(as_pcm(wave), SAMPLE_RATE_HZ)) for wave in channels]
    lines = compare_channels(powers, options=OPTIONS)
    return [remove_leaks(line, found, options=OPTIONS) for line, found in zip(lines, regions, strict=True)]


def kept(channels: list[Wave], *regions: Interval) -> list[Interval]:
    """Return what is left of regions on the last channel."""
    return removed(channels, [*([] for _ in channels[:-1]), list(regions)])[-1]


def covered(intervals: list[Interval], start_ms: int, end_ms: int) -> int:
    return sum(interval.overlap_ms(Interval(start_ms, end_ms)) for interval in intervals)


@pytest.mark.parametrize("db", [-19, -24, -30])
@pytest.mark.parametrize("delay_ms", [0, 60, 180])
@pytest.mark.parametrize("seed", range(3))
def test_an_echo_is_dropped(db: int, delay_ms: int, seed: int) -> None:
    speaker = voice(2_000, 7_000, dbfs=-15, seed=seed)
    channels = [line(speaker, seed=101), line(echo(speaker, db=db, delay_ms=delay_ms), seed=102)]
    # The detector finds all of it, or only its loudest words.
    assert kept(channels, Interval(2_000 + delay_ms, 7_000 + delay_ms)) == []
    assert kept(channels, Interval(3_000, 3_500), Interval(5_000, 5_800)) == []
    assert removed(channels, [[Interval(2_000, 7_000)], []]) == [[Interval(2_000, 7_000)], []]


@pytest.mark.parametrize("db", [0, -10, -20, -28])
@pytest.mark.parametrize("seed", range(3))
def test_two_who_talk_at_once_are_both_kept_however_softly_one_speaks(db: int, seed: int) -> None:
    loud = voice(2_000, 9_000, dbfs=-15, seed=seed)
    soft = voice(4_000, 6_000, dbfs=-15 + db, seed=seed + 50)
    channels = [line(loud, seed=101), line(soft, seed=102)]
    region = Interval(4_000, 6_000)
    assert covered(kept(channels, region), 4_000, 6_000) >= 1_600


def test_a_short_yes_under_a_loud_speaker_is_kept() -> None:
    channels = [
        line(voice(2_000, 9_000, dbfs=-15, seed=1), seed=101),
        line(voice(5_000, 5_400, dbfs=-40, seed=9), seed=102),
    ]
    assert kept(channels, Interval(5_000, 5_400)) == [Interval(5_000, 5_400)]


@pytest.mark.parametrize("seed", range(3))
def test_an_answer_loses_the_echo_before_it(seed: int) -> None:
    customer = voice(2_000, 6_000, dbfs=-15, seed=seed)
    answer = voice(6_300, 9_000, dbfs=-18, seed=seed + 50)
    channels = [line(customer, seed=101), line(echo(customer, db=-22, delay_ms=50), answer, seed=102)]
    (found,) = kept(channels, Interval(2_050, 9_000))
    assert abs(found.start_ms - 6_300) <= 400
    assert found.end_ms == 9_000


@pytest.mark.parametrize("seed", range(3))
def test_a_turn_of_the_other_does_not_join_two_of_ones_own(seed: int) -> None:
    customer = voice(6_000, 9_000, dbfs=-15, seed=seed)
    agent = voice(2_000, 5_900, dbfs=-18, seed=seed + 50) + voice(9_200, 12_000, dbfs=-18, seed=seed + 70)
    channels = [line(customer, seed=101), line(echo(customer, db=-22, delay_ms=50), agent, seed=102)]
    found = kept(channels, Interval(2_000, 12_000))
    assert covered(found, 6_400, 8_800) == 0
    assert covered(found, 2_000, 5_800) >= 3_600
    assert covered(found, 9_400, 12_000) >= 2_400


def test_the_loudest_of_all_other_channels_counts() -> None:
    speaker = voice(2_000, 7_000, dbfs=-15, seed=1)
    channels = [line(seed=100), line(speaker, seed=101), line(echo(speaker, db=-22, delay_ms=40), seed=102)]
    assert kept(channels, Interval(2_040, 7_040)) == []


def test_an_echo_at_both_ends_of_the_call_is_dropped() -> None:
    speaker = voice(0, CALL_MS, dbfs=-15, seed=1)
    channels = [line(speaker, seed=101), line(echo(speaker, db=-22, delay_ms=40), seed=102)]
    assert kept(channels, Interval(0, 300), Interval(19_700, CALL_MS)) == []


def test_a_call_shorter_than_an_echos_delay_has_none() -> None:
    loud, soft = noise(150, dbfs=-10, seed=1), noise(150, dbfs=-40, seed=2)
    assert kept([loud, soft], Interval(0, 150)) == [Interval(0, 150)]


def test_a_steady_hum_is_nobodys_echo() -> None:
    hum = np.full(CALL_MS * SAMPLE_RATE_HZ // 1000, 0.001, np.float32)
    loud = np.full(CALL_MS * SAMPLE_RATE_HZ // 1000, 0.1, np.float32)
    assert kept([loud, hum], Interval(1_000, 3_000)) == [Interval(1_000, 3_000)]


def test_one_channel_has_no_other() -> None:
    region = Interval(1_000, 3_000)
    assert removed([voice(0, 5_000, dbfs=-20, seed=1)], [[region]]) == [[region]]
