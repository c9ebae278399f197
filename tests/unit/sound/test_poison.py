"""Every file that lies has one right answer."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from callscope.errors import PermanentFailure, TooLong
from callscope.sound.audio import AudioLimits, decode
from tests.poison import ANALYSED, EXPECTED_CODES, build_poison_files

pytestmark = pytest.mark.unit

LIMITS = AudioLimits(max_duration_ms=4 * 3_600_000)


@pytest.fixture(scope="module")
def poison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("poison")
    build_poison_files(folder)
    return folder


@pytest.mark.parametrize("name", [name for name, code in EXPECTED_CODES.items() if code != ANALYSED])
def test_a_lie_is_a_permanent_failure_with_its_own_code(poison: Path, name: str) -> None:
    with pytest.raises(PermanentFailure) as caught:
        decode(poison / name, limits=LIMITS)
    assert caught.value.code == EXPECTED_CODES[name]
    assert name in caught.value.what


@pytest.mark.parametrize("name", ["truncated.wav", "streamed.wav", "streamed-zero.wav"])
def test_an_odd_header_hides_no_sound(poison: Path, name: str) -> None:
    audio = decode(poison / name, limits=LIMITS)
    assert audio.facts.duration_ms == 3_000
    assert audio.facts.truncated is (name == "truncated.wav")
    assert audio.channels[0].samples.max() > 0.25 * 32_768


def test_a_damaged_mp3_gives_what_is_left_and_says_so(poison: Path) -> None:
    audio = decode(poison / "damaged.mp3", limits=LIMITS)
    assert audio.facts.truncated
    # Of 20 s the last third and a hole are gone.
    assert 12_000 < audio.facts.duration_ms < 13_600
    assert audio.channels[0].samples[-8_000:].max() > 0.25 * 32_768


def test_a_bomb_is_left_before_it_fills_the_memory(poison: Path) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TooLong):
            decode(poison / "day-of-silence.flac", limits=AudioLimits(max_duration_ms=60_000))
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
