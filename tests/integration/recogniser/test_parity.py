"""The torch engine is held to stock FunASR: same samples, same weights, same tokens."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from typing_extensions import override

from callscope.calls import Language, Transcript
from callscope.evaluation import read_reference
from callscope.ports import Clip, Samples
from callscope.settings import Settings
from tests.checkpoints import PUBLISHED, build_sense_voice, build_vad
from tests.sounds import babble, whole
from workers.offline import analyse_file
from workers.recogniser import load_recogniser
from workers.recogniser.funasr_engine import FunasrRecogniser
from workers.recogniser.torch_engine import TorchRecogniser

pytestmark = pytest.mark.integration

SAMPLES = Path(__file__).parents[3] / "samples"
REFERENCES = sorted((SAMPLES / "reference").glob("*.json"))
# Every length of the last, incomplete stack of frames, one frame, less than one frame, and the longest clip.
CHANNELS = [babble(ms, seed=ms) for ms in (0, 10, 25, 30, 100, 480, 490, 500, 510, 520, 530, 2_000, 7_654, 30_000)]


@pytest.mark.parametrize("language", [None, *Language])
def test_tokens_and_text_are_stock_funasr_s(
    ours: TorchRecogniser, stock: FunasrRecogniser, language: Language | None
) -> None:
    clips = [whole(channel) for channel in (CHANNELS if language is None else CHANNELS[-3:-1])]
    mine, theirs = (engine.transcribe(clips, language=language) for engine in (ours, stock))
    assert [transcript.token_ids for transcript in mine] == [transcript.token_ids for transcript in theirs]
    assert [transcript.text for transcript in mine] == [transcript.text for transcript in theirs]
    # Random weights that always said the same would prove nothing.
    assert len({token for transcript in mine for token in transcript.token_ids}) > 10


def test_distributions_are_stock_funasr_s(ours: TorchRecogniser, stock: FunasrRecogniser) -> None:
    clips = [whole(channel) for channel in CHANNELS[-4:]]
    for mine, theirs in zip(ours.transcribe(clips), stock.transcribe(clips), strict=True):
        assert mine.emotion_distribution == pytest.approx(theirs.emotion_distribution, abs=1e-5)
        assert mine.event_distribution == pytest.approx(theirs.event_distribution, abs=1e-5)
        assert (mine.language, mine.words) == (theirs.language, theirs.words)


def test_speech_scores_are_stock_funasr_s(ours: TorchRecogniser, stock: FunasrRecogniser) -> None:
    channels = [channel for channel in CHANNELS if len(channel) >= 7_000]
    for mine, theirs in zip(ours.speech_scores(channels), stock.speech_scores(channels), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-4)
        assert np.ptp(mine) > 0.01


def test_scores_of_the_same_features_are_stock_funasr_s(ours: TorchRecogniser, stock: FunasrRecogniser) -> None:
    features = torch.randn(1, 700, 400, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        mine = ours._detector.encoder(features)
        theirs = stock._detector.model.encoder(features, cache={})
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0)


def test_tokens_are_stock_funasr_s_at_the_published_sizes(tmp_path: Path) -> None:
    # All but the depth: 4 blocks of the published 70, for stock FunASR holds the weights three times while it loads.
    folder = build_sense_voice(tmp_path / "wide", dataclasses.replace(PUBLISHED, num_blocks=3, tp_blocks=1))
    build_vad(folder / "vad")
    clips = [whole(channel) for channel in CHANNELS[-4:-1]]
    mine, theirs = (
        load_recogniser(Settings(checkpoint=str(folder), engine=engine)).transcribe(clips)
        for engine in ("torch", "funasr")
    )
    assert [transcript.token_ids for transcript in mine] == [transcript.token_ids for transcript in theirs]


@pytest.fixture(scope="module")
def demo() -> tuple[TorchRecogniser, FunasrRecogniser]:
    ours, stock = load_recogniser(Settings()), load_recogniser(Settings(engine="funasr"))
    assert isinstance(ours, TorchRecogniser)
    assert isinstance(stock, FunasrRecogniser)
    return ours, stock


@pytest.fixture(scope="module")
def calls(demo: tuple[TorchRecogniser, FunasrRecogniser]) -> dict[str, list[Clip]]:
    """Every region of each sample call, as the pipeline cuts it."""
    ours, _ = demo
    asked: list[Clip] = []

    class Noting(TorchRecogniser):
        def __init__(self) -> None:
            self.__dict__ = ours.__dict__

        @override
        def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
            asked.extend(clips)
            return super().transcribe(clips, language=language)

    found = {}
    for path in REFERENCES:
        reference = read_reference(path)
        analyse_file(SAMPLES / reference.file, Noting(), Settings())
        found[reference.name], asked = asked, []
    return found


def test_tokens_of_every_region_of_every_sample_call_are_stock_funasr_s(
    demo: tuple[TorchRecogniser, FunasrRecogniser], calls: dict[str, list[Clip]]
) -> None:
    assert len(calls) >= 8
    for name, clips in calls.items():
        assert len(clips) > 4
        mine, theirs = (engine.transcribe(clips) for engine in demo)
        assert [t.token_ids for t in mine] == [t.token_ids for t in theirs], name


def test_speech_scores_of_every_sample_call_are_stock_funasr_s(
    demo: tuple[TorchRecogniser, FunasrRecogniser], calls: dict[str, list[Clip]]
) -> None:
    for name, clips in calls.items():
        channels: list[Samples] = [clips[0].channel]
        (mine,), (theirs,) = (engine.speech_scores(channels) for engine in demo)
        np.testing.assert_allclose(mine, theirs, atol=1e-3, err_msg=name)
