"""The lean engine is held to stock FunASR: same samples, same weights, same tokens."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch

from callscope.calls import Language
from callscope.evaluation import read_reference
from callscope.pipeline import AnalysisOptions, find_clips
from callscope.ports import Clip, Recogniser
from callscope.settings import Settings
from callscope.sound.audio import AudioLimits, decode
from tests.checkpoints import PUBLISHED, build_sense_voice, build_vad
from tests.sounds import babble, whole
from workers.recogniser import load_recogniser
from workers.recogniser.funasr_engine import FunasrEngine
from workers.recogniser.recogniser import BatchingRecogniser
from workers.recogniser.torch_engine import LeanEngine

pytestmark = pytest.mark.integration

SAMPLES = Path(__file__).parents[3] / "samples"
REFERENCES = sorted((SAMPLES / "reference").glob("*.json"))
# Every length of the last, incomplete stack of frames, one frame, less than one frame, and the longest clip.
CHANNELS = [babble(ms, seed=ms) for ms in (0, 10, 25, 30, 100, 480, 490, 500, 510, 520, 530, 2_000, 7_654, 30_000)]
NARROWBAND = [babble(ms, seed=ms, sample_rate_hz=8_000) for ms in (20, 25, 1_234, 5_001)]


@pytest.mark.parametrize("language", [None, *Language])
def test_tokens_and_text_are_stock_funasr_s(ours: Recogniser, stock: Recogniser, language: Language | None) -> None:
    clips = [whole(channel) for channel in (CHANNELS + NARROWBAND if language is None else CHANNELS[-3:-1])]
    mine, theirs = (engine.transcribe(clips, language=language) for engine in (ours, stock))
    assert [transcript.token_ids for transcript in mine] == [transcript.token_ids for transcript in theirs]
    assert [transcript.text for transcript in mine] == [transcript.text for transcript in theirs]
    # Random weights that always said the same would prove nothing.
    assert len({token for transcript in mine for token in transcript.token_ids}) > 10


def test_distributions_are_stock_funasr_s(ours: Recogniser, stock: Recogniser) -> None:
    clips = [whole(channel) for channel in CHANNELS[-4:]]
    for mine, theirs in zip(ours.transcribe(clips), stock.transcribe(clips), strict=True):
        assert mine.emotion_distribution == pytest.approx(theirs.emotion_distribution, abs=1e-5)
        assert mine.event_distribution == pytest.approx(theirs.event_distribution, abs=1e-5)
        assert (mine.language, mine.words) == (theirs.language, theirs.words)


def test_speech_scores_are_stock_funasr_s(ours: Recogniser, stock: Recogniser) -> None:
    channels = [channel for channel in CHANNELS + NARROWBAND if channel.duration_ms >= 400]
    for mine, theirs in zip(ours.speech_scores(channels), stock.speech_scores(channels), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-4)
        assert np.ptp(mine) > 0.01


def test_scores_of_the_same_features_are_stock_funasr_s(lean_engine: LeanEngine, stock_engine: FunasrEngine) -> None:
    features = torch.randn(1, 700, 400, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        mine = lean_engine._detector.encoder(features)
        theirs = stock_engine._detector.model.encoder(features, cache={})
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("others", [[], [400], [2_950, 3_050], [2_000] * 9, [30_000]], ids=str)
def test_tokens_are_stock_funasr_s_in_any_company(
    lean_engine: LeanEngine, stock_engine: FunasrEngine, others: list[int]
) -> None:
    clips = [whole(babble(ms, seed=index)) for index, ms in enumerate([3_000, *others])]
    with lean_engine.lane():
        mine = lean_engine.read([lean_engine.passage(clip, None) for clip in clips])
    with stock_engine.lane():
        theirs = stock_engine.read([stock_engine.passage(clip, None) for clip in clips])
    assert [reading.frame_ids for reading in mine] == [reading.frame_ids for reading in theirs]


def test_tokens_are_stock_funasr_s_at_the_published_sizes(tmp_path: Path) -> None:
    # All but the depth: 4 blocks of the published 70, for stock FunASR holds the weights three times while it loads.
    folder = build_sense_voice(tmp_path / "wide", dataclasses.replace(PUBLISHED, num_blocks=3, tp_blocks=1))
    build_vad(folder / "vad")
    clips = [whole(channel) for channel in CHANNELS[-4:-1]]
    with ExitStack() as stack:
        mine, theirs = (
            stack.enter_context(recogniser).transcribe(clips) for recogniser in _both(checkpoint=str(folder))
        )
    assert [transcript.token_ids for transcript in mine] == [transcript.token_ids for transcript in theirs]


def _both(checkpoint: str = "demo") -> Iterator[BatchingRecogniser]:
    for engine in ("torch", "funasr"):
        yield load_recogniser(Settings(checkpoint=checkpoint, engine=engine, dtype="fp32"))


@pytest.fixture(scope="module")
def demo() -> Iterator[tuple[Recogniser, Recogniser]]:
    with ExitStack() as stack:
        ours, stock = (stack.enter_context(recogniser) for recogniser in _both())
        yield ours, stock


@pytest.fixture(scope="module")
def calls(demo: tuple[Recogniser, Recogniser]) -> dict[str, list[Clip]]:
    """Every region of each sample call, as the pipeline cuts it."""
    found = {}
    for path in REFERENCES:
        reference = read_reference(path)
        audio = decode(SAMPLES / reference.file, limits=AudioLimits(max_duration_ms=600_000))
        found[reference.name] = find_clips(audio, demo[0], AnalysisOptions())
    return found


def test_tokens_of_every_region_of_every_sample_call_are_stock_funasr_s(
    demo: tuple[Recogniser, Recogniser], calls: dict[str, list[Clip]]
) -> None:
    assert len(calls) >= 8
    for name, clips in calls.items():
        assert len(clips) > 4
        mine, theirs = (recogniser.transcribe(clips) for recogniser in demo)
        assert [t.token_ids for t in mine] == [t.token_ids for t in theirs], name


def test_speech_scores_of_every_sample_call_are_stock_funasr_s(
    demo: tuple[Recogniser, Recogniser], calls: dict[str, list[Clip]]
) -> None:
    for name, clips in calls.items():
        (mine,), (theirs,) = (recogniser.speech_scores([clips[0].channel]) for recogniser in demo)
        np.testing.assert_allclose(mine, theirs, atol=1e-3, err_msg=name)
