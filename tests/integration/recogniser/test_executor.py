"""The executor over a real network: what many callers get at once is what each would have got alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel, Clip
from callscope.settings import Settings
from callscope.timeline import Interval
from tests.sounds import babble
from workers.recogniser.load import load_recogniser
from workers.recogniser.recogniser import BatchingRecogniser

pytestmark = pytest.mark.integration

CALLERS = 64
PATIENCE_S = 300


class GivenUp(Exception):
    """What a caller raises that is tired of waiting."""


@pytest.fixture(scope="module")
def recogniser(folder: Path) -> Iterator[BatchingRecogniser]:
    with load_recogniser(Settings(checkpoint=str(folder), engine="torch", dtype="fp32")) as made:
        yield made


def recording(number: int) -> tuple[list[Channel], list[Clip]]:
    """Return channels of either rate, voice and noise, and clips of them of any length."""
    source = random.Random(number)  # noqa: S311 - repeatable
    voice = babble(3_000 + 17 * number, seed=number)
    noise = np.random.default_rng(number).normal(0, 500, NARROWBAND_HZ * 4).astype(np.int16)
    channels = [voice, Channel(noise, NARROWBAND_HZ)]
    clips = []
    for _ in range(6):
        channel = source.choice(channels)
        start_ms = source.randrange(channel.duration_ms)
        clips.append(Clip(channel, Interval(start_ms, source.randint(start_ms, channel.duration_ms))))
    return channels, clips


def give_up() -> None:
    raise GivenUp


def test_64_callers_get_what_each_would_get_alone(recogniser: BatchingRecogniser) -> None:
    recordings = [recording(number) for number in range(CALLERS)]
    assert {channel.sample_rate_hz for channels, _ in recordings for channel in channels} == {
        NARROWBAND_HZ,
        SAMPLE_RATE_HZ,
    }

    def call(number: int) -> tuple[list[np.ndarray], list[tuple[int, ...]]] | None:
        channels, clips = recordings[number]
        # Some are urgent, and some of them give up as soon as they have to wait.
        view = recogniser.bound(urgent=number % 8 == 0)
        if number % 8 == 5:
            view = recogniser.bound(look_up=give_up)
        try:
            scores = view.speech_scores(channels)
            return scores, [transcript.token_ids for transcript in view.transcribe(clips)]
        except GivenUp:
            return None

    before = recogniser.statistics()
    with ThreadPoolExecutor(CALLERS) as threads:
        together = list(threads.map(call, range(CALLERS), timeout=PATIENCE_S))
    after = recogniser.statistics()
    assert all(after[kind].batches - before[kind].batches < after[kind].items - before[kind].items for kind in after)
    assert all(answer is not None for number, answer in enumerate(together) if number % 8 != 5)
    for (channels, clips), answer in zip(recordings, together, strict=True):
        if answer is None:
            continue
        scores, tokens = answer
        assert tokens == [recogniser.transcribe([clip])[0].token_ids for clip in clips]
        for channel, score in zip(channels, scores, strict=True):
            (alone,) = recogniser.speech_scores([channel])
            assert score == pytest.approx(alone, abs=1e-5)
