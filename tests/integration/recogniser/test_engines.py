"""What the port promises, of every engine; and what the lean engine promises beyond it."""

import copy
import dataclasses
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs
from torch import Tensor

from callscope.calls import Language
from callscope.errors import (
    CheckpointInvalid,
    CheckpointMissing,
    DeviceMissing,
    InvalidSetting,
    OutOfDeviceMemory,
    RecogniserFailed,
)
from callscope.ports import Channel, Clip, Recogniser
from callscope.settings import Settings
from callscope.timeline import Interval
from tests.checkpoints import PUBLISHED, build_sense_voice, build_vad
from tests.sounds import babble, whole
from workers.recogniser import load_recogniser
from workers.recogniser.encoder import Network
from workers.recogniser.load import load_engine
from workers.recogniser.recogniser import BatchingRecogniser
from workers.recogniser.torch_engine import LeanEngine

pytestmark = pytest.mark.integration

CHANNELS = [babble(ms, seed=ms) for ms in (0, 5, 24, 25, 60, 333, 1_000, 1_001, 4_321, 12_000, 30_000)]
CHANNELS += [babble(ms, seed=ms, sample_rate_hz=8_000) for ms in (0, 25, 999, 4_000)]


@pytest.fixture(params=["torch", "funasr"])
def recogniser(
    request: pytest.FixtureRequest, ours: BatchingRecogniser, stock: BatchingRecogniser
) -> BatchingRecogniser:
    return ours if request.param == "torch" else stock


def test_an_engine_says_what_it_is(recogniser: Recogniser, folder: Path) -> None:
    assert recogniser.checkpoint.startswith(f"{folder.name}-")
    assert len(recogniser.checkpoint) == len(folder.name) + 9
    assert recogniser.engine in {"torch-fp32", "funasr-fp32"}
    assert recogniser.device == "cpu"


def test_clips_of_any_length_are_read_in_order(recogniser: Recogniser) -> None:
    transcripts = recogniser.transcribe([whole(channel) for channel in CHANNELS])
    alone = [recogniser.transcribe([whole(channel)])[0] for channel in CHANNELS]
    assert [t.token_ids for t in transcripts] == [t.token_ids for t in alone]


def test_a_transcript_is_whole(recogniser: Recogniser) -> None:
    for channel in CHANNELS:
        (transcript,) = recogniser.transcribe([whole(channel)])
        assert sum(transcript.emotion_distribution.values()) == pytest.approx(1)
        assert sum(transcript.event_distribution.values()) == pytest.approx(1)
        assert "<|" not in transcript.text
        assert "".join(word.text for word in transcript.words) == "".join(transcript.text.split())
        bounds = [bound for word in transcript.words for bound in (word.start_ms, word.end_ms)]
        assert bounds == sorted(bounds)
        assert all(0 <= bound <= channel.duration_ms for bound in bounds)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_a_clip_is_its_interval_alone(recogniser: Recogniser, rate_hz: int) -> None:
    channel = babble(6_000, seed=3, sample_rate_hz=rate_hz)
    (inside,) = recogniser.transcribe([Clip(channel, Interval(2_000, 4_000))])
    longer = Channel(channel.samples[: 4_100 * rate_hz // 1_000].copy(), rate_hz)
    assert recogniser.transcribe([Clip(longer, Interval(2_000, 4_000))]) == [inside]


def test_a_clip_ends_with_its_channel(recogniser: Recogniser) -> None:
    channel = babble(1_500, seed=8)
    beyond, exact = recogniser.transcribe([Clip(channel, Interval(500, end_ms)) for end_ms in (9_000, 1_500)])
    assert beyond == exact


def test_samples_that_may_not_be_written_to_are_read(recogniser: Recogniser) -> None:
    channel = babble(1_000, seed=4)
    channel.samples.setflags(write=False)
    assert len(recogniser.transcribe([whole(channel)])) == 1
    assert len(recogniser.speech_scores([channel])[0]) == 98


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_there_is_a_score_for_each_10_ms(recogniser: Recogniser, rate_hz: int) -> None:
    scores = recogniser.speech_scores([babble(ms, seed=ms, sample_rate_hz=rate_hz) for ms in (0, 24, 200, 3_000)])
    assert [len(score) for score in scores] == [0, 0, 18, 298]
    assert all(score.dtype == np.float32 for score in scores)
    assert all(((score >= 0) & (score <= 1)).all() for score in scores)


def test_several_threads_may_ask_at_once(recogniser: Recogniser) -> None:
    clips = [[whole(babble(ms, seed=ms)) for ms in (900, 1_700, 2_500)] for _ in range(6)]
    expected = [t.token_ids for t in recogniser.transcribe(clips[0])]
    with ThreadPoolExecutor(6) as threads:
        for transcripts in threads.map(recogniser.transcribe, clips):
            assert [t.token_ids for t in transcripts] == expected


def test_the_language_may_differ_within_a_batch(lean_engine: LeanEngine) -> None:
    channels = [babble(ms, seed=ms) for ms in (2_900, 3_000, 3_100, 3_000)]
    languages = [Language.ZH, None, Language.KO, Language.EN]
    passages = [lean_engine.passage(whole(channel), lang) for channel, lang in zip(channels, languages, strict=True)]
    with lean_engine.lane():
        together = lean_engine.read(passages)
        alone = [lean_engine.read([passage])[0] for passage in passages]
        unknown = lean_engine.read([dataclasses.replace(passage, language=None) for passage in passages])
    assert [reading.frame_ids for reading in together] == [reading.frame_ids for reading in alone]
    changed = [reading.languages != other.languages for reading, other in zip(together, unknown, strict=True)]
    assert changed == [True, False, True, True]


class FaultyNetwork:
    """A network that goes wrong on batches with an item of one length."""

    def __init__(self, network: Network, length: int, fault: Exception | None) -> None:
        self.name = network.name
        self.batch_frames = network.batch_frames
        self._network = network
        self._length = length
        self._fault = fault

    def read(
        self, features: Tensor, lengths: Sequence[int], languages: Sequence[Language | None]
    ) -> tuple[Tensor, Tensor]:
        ids, scores = self._network.read(features, lengths, languages)
        if self._length in lengths:
            if self._fault:
                raise self._fault
            scores[lengths.index(self._length)] = torch.nan
        return ids, scores


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (None, RecogniserFailed),
        (RuntimeError("a kernel gave up"), RecogniserFailed),
        (torch.OutOfMemoryError("device is full"), OutOfDeviceMemory),
    ],
)
def test_an_item_at_fault_is_named_and_harms_no_other(
    lean_engine: LeanEngine, fault: Exception | None, named: type[RecogniserFailed]
) -> None:
    good = [whole(babble(ms, seed=ms)) for ms in (1_000, 1_030, 1_300)]
    bad = whole(babble(1_200, seed=5))
    faulty = copy.copy(lean_engine)
    length = lean_engine.passage(bad, None).frames - 4
    faulty._network = FaultyNetwork(lean_engine._network, length, fault)
    with BatchingRecogniser(lean_engine) as recogniser:
        expected = [transcript.token_ids for transcript in recogniser.transcribe(good)]
    with BatchingRecogniser(faulty) as recogniser, ThreadPoolExecutor(2) as threads:
        failing = threads.submit(recogniser.transcribe, [good[0], bad])
        assert [transcript.token_ids for transcript in recogniser.transcribe(good)] == expected
        with pytest.raises(named, match="clip 1, 0 to 1200 ms"):
            failing.result()
        assert recogniser.statistics()["read"].failures == 1


def test_bf16_reads_nearly_what_fp32_reads(ours: BatchingRecogniser, folder: Path) -> None:
    clips = [whole(babble(ms, seed=ms)) for ms in (2_000, 5_000, 20_000)]
    with load_recogniser(Settings(checkpoint=str(folder), engine="torch", dtype="bf16")) as halved:
        assert halved.engine == "torch-bf16"
        for mine, exact in zip(halved.transcribe(clips), ours.transcribe(clips), strict=True):
            assert mine.emotion_distribution == pytest.approx(exact.emotion_distribution, abs=0.02)
            assert mine.emotion_distribution != exact.emotion_distribution
        channels = [babble(ms, seed=ms) for ms in (3_000, 25_000)]
        for scores, exact_scores in zip(halved.speech_scores(channels), ours.speech_scores(channels), strict=True):
            np.testing.assert_allclose(scores, exact_scores, atol=0.02)


@pytest.mark.parametrize("engine", ["auto", "torch", "funasr"])
def test_a_missing_device_is_no_reason_to_take_another(folder: Path, engine: str) -> None:
    with pytest.raises(DeviceMissing, match="cuda:99"):
        load_recogniser(Settings(checkpoint=str(folder), device="cuda:99", engine=engine))


@pytest.mark.parametrize("engine", ["torch", "funasr"])
def test_a_damaged_folder_is_refused_before_anything_runs(folder: Path, tmp_path: Path, engine: str) -> None:
    copied = shutil.copytree(folder, tmp_path / "copy")
    (copied / "vad" / "model.pt").write_bytes(b"")
    with pytest.raises(CheckpointInvalid, match=r"vad/model\.pt"):
        load_recogniser(Settings(checkpoint=str(copied), engine=engine))
    shutil.rmtree(copied / "vad")
    with pytest.raises(CheckpointMissing, match="no speech detector"):
        load_recogniser(Settings(checkpoint=str(copied), engine=engine))


def test_stock_funasr_is_not_asked_for_what_it_cannot_do(folder: Path) -> None:
    with pytest.raises(InvalidSetting, match="ENGINE=funasr with CALLSCOPE_DTYPE=bf16"):
        load_recogniser(Settings(checkpoint=str(folder), engine="funasr", dtype="bf16"))


def test_what_was_chosen_is_told_once(folder: Path) -> None:
    with capture_logs() as logs:
        engine = load_engine(Settings(checkpoint=str(folder)))
    (told,) = [entry for entry in logs if entry["event"] == "engine_chosen"]
    assert f"{told['engine']}-{told['dtype']}" == engine.name
    assert told["device"] == "cpu"
    assert told["why"]


def test_each_lane_of_a_cpu_has_one_core(folder: Path) -> None:
    engine = load_engine(Settings(checkpoint=str(folder), engine="torch", cpu_threads=3))
    assert engine.lanes == 3

    def threads_in_lane() -> tuple[int, bool]:
        with engine.lane():
            return torch.get_num_threads(), torch.is_inference_mode_enabled()

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(threads_in_lane).result() == (1, True)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_a_checkpoint_of_the_published_shape_is_read(tmp_path: Path, dtype: str) -> None:
    folder = build_sense_voice(tmp_path / "published", PUBLISHED)
    build_vad(folder / "vad")
    with load_recogniser(Settings(checkpoint=str(folder), engine="torch", dtype=dtype)) as recogniser:
        shutil.rmtree(folder)  # half a gigabyte: pytest would keep it for three runs
        (transcript,) = recogniser.transcribe([whole(babble(2_000, seed=5))])
    assert len(transcript.token_ids) > 4
