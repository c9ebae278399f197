"""The bench's energy detector: whoever reads its scores must find the turns that a built call has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench.calls import LONGEST_MS, CallFile, Load
from bench.checkpoint import QUICK, bench_checkpoint
from bench.stock import StockFunasr, to_float
from callscope.settings import Settings
from callscope.sound.audio import Audio, AudioLimits, decode
from callscope.sound.frames import frame_powers, to_levels
from callscope.sound.speech import SpeechOptions, find_gap_sounds, find_speech
from callscope.timeline import Interval, intersection, union
from workers.recogniser.checkpoint import read_vad
from workers.recogniser.hub import CheckpointFolder
from workers.recogniser.vad import SpeechDetector

pytestmark = pytest.mark.integration

CALLS = 3


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = bench_checkpoint(tmp_path_factory.mktemp("bench") / "tiny", QUICK)
    return Settings(checkpoint=str(folder), vad_checkpoint=str(folder / "vad"), cpu_threads=1)


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[CallFile, Audio]]:
    files = Load(tmp_path_factory.mktemp("calls"), mean_ms=40_000).take(CALLS)
    return [(file, decode(file.path, limits=AudioLimits(max_duration_ms=LONGEST_MS))) for file in files]


def turns(file: CallFile, channel: int) -> list[Interval]:
    return [turn.interval for turn in file.call.turns if turn.channel == channel]


def overlap(found: Sequence[Interval], built: Sequence[Interval]) -> float:
    """Return intersection over union, in time."""
    both = sum(one.duration_ms for one in intersection(union(found), union(built)))
    return both / sum(one.duration_ms for one in union([*found, *built]))


def test_stock_funasrs_state_machine_finds_the_turns(settings: Settings, calls: list[tuple[CallFile, Audio]]) -> None:
    stock = StockFunasr(settings, batch_size_s=60)
    for file, audio in calls:
        for index, channel in enumerate(audio.channels):
            found = [interval for interval, _ in stock.read(to_float(channel.samples, channel.sample_rate_hz))]
            built = turns(file, index)
            assert len(found) == len(built)
            # It ends speech 100 ms late and begins it 200 ms early, by design.
            assert overlap(found, built) > 0.85


def test_callscope_finds_the_turns_and_no_sounds_between_them(
    settings: Settings, calls: list[tuple[CallFile, Audio]]
) -> None:
    detector = SpeechDetector(read_vad(CheckpointFolder("bench", Path(settings.checkpoint) / "vad")))
    for file, audio in calls:
        for index, channel in enumerate(audio.channels):
            scores = np.concatenate(detector(detector.stretches(channel)))
            levels = to_levels(frame_powers(channel))
            found = find_speech(scores, levels, options=SpeechOptions())
            built = turns(file, index)
            assert len(found) == len(built)
            assert overlap(found, built) > 0.95
            assert find_gap_sounds(levels, found, options=SpeechOptions()) == []
