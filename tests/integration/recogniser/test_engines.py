"""What the port promises, of every engine; and what the torch engine promises beyond it."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from callscope.errors import CheckpointInvalid, CheckpointMissing, DeviceMissing, InvalidSetting, RecogniserFailed
from callscope.ports import Clip, Recogniser
from callscope.settings import Settings
from callscope.timeline import Interval
from tests.checkpoints import PUBLISHED, build_sense_voice, build_vad
from tests.sounds import babble, whole
from workers.recogniser import load_recogniser, torch_engine
from workers.recogniser.funasr_engine import FunasrRecogniser
from workers.recogniser.torch_engine import TorchRecogniser

pytestmark = pytest.mark.integration

CHANNELS = [babble(ms, seed=ms) for ms in (0, 5, 24, 25, 60, 333, 1_000, 1_001, 4_321, 12_000, 30_000)]


@pytest.fixture(params=["torch", "funasr"])
def recogniser(request: pytest.FixtureRequest, ours: TorchRecogniser, stock: FunasrRecogniser) -> Recogniser:
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
    assert recogniser.transcribe([]) == []


def test_a_transcript_is_whole(recogniser: Recogniser) -> None:
    for channel in CHANNELS:
        (transcript,) = recogniser.transcribe([whole(channel)])
        assert sum(transcript.emotion_distribution.values()) == pytest.approx(1)
        assert sum(transcript.event_distribution.values()) == pytest.approx(1)
        assert "<|" not in transcript.text
        assert "".join(word.text for word in transcript.words) == "".join(transcript.text.split())
        bounds = [bound for word in transcript.words for bound in (word.start_ms, word.end_ms)]
        assert bounds == sorted(bounds)
        assert all(0 <= bound <= len(channel) // 16 for bound in bounds)


def test_a_clip_is_its_interval_alone(recogniser: Recogniser) -> None:
    channel = babble(6_000, seed=3)
    (inside,) = recogniser.transcribe([Clip(channel, Interval(2_000, 4_000))])
    (copied,) = recogniser.transcribe([whole(channel[32_000:64_000].copy())])
    assert inside == copied


def test_samples_that_may_not_be_written_to_are_read(recogniser: Recogniser) -> None:
    channel = babble(1_000, seed=4)
    channel.setflags(write=False)
    assert len(recogniser.transcribe([whole(channel)])) == 1
    assert len(recogniser.speech_scores([channel])[0]) == 98


def test_there_is_a_score_for_each_10_ms(recogniser: Recogniser) -> None:
    scores = recogniser.speech_scores([babble(ms, seed=ms) for ms in (0, 24, 200, 3_000)])
    assert [len(score) for score in scores] == [0, 0, 18, 298]
    assert all(score.dtype == np.float32 for score in scores)
    assert all(((score >= 0) & (score <= 1)).all() for score in scores)


def test_several_threads_may_ask_at_once(recogniser: Recogniser) -> None:
    clips = [[whole(babble(ms, seed=ms)) for ms in (900, 1_700, 2_500)] for _ in range(6)]
    expected = [t.token_ids for t in recogniser.transcribe(clips[0])]
    with ThreadPoolExecutor(6) as threads:
        for transcripts in threads.map(recogniser.transcribe, clips):
            assert [t.token_ids for t in transcripts] == expected


def test_an_item_at_fault_is_named_and_harms_no_other(ours: TorchRecogniser) -> None:
    good = [whole(babble(ms, seed=ms)) for ms in (1_000, 1_300)]
    bad = whole(np.full(20_000, np.nan, dtype=np.float32))
    with pytest.raises(RecogniserFailed, match="clip 1, 0 to 1250 ms"):
        ours.transcribe([good[0], bad, good[1]])
    items = [ours._item(index, clip) for index, clip in enumerate([good[0], bad, good[1]])]
    with torch.inference_mode():
        readings = ours._run(items, None)
        alone = [ours._run([item], None)[0] for item in items]
    for index in (0, 2):
        assert readings[index].frame_ids == alone[index].frame_ids
        assert readings[index].emotions == pytest.approx(alone[index].emotions, abs=1e-5)


def test_a_batch_that_fails_is_read_item_by_item(ours: TorchRecogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [whole(babble(ms, seed=ms)) for ms in (500, 700, 900)]
    expected = ours.transcribe(clips)
    whole_batch = ours._run

    def run(batch: list[torch_engine._Item], language: None) -> object:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("device is full")
        return whole_batch(batch, language)

    monkeypatch.setattr(ours, "_run", run)
    assert [t.token_ids for t in ours.transcribe(clips)] == [t.token_ids for t in expected]


def test_batches_are_bounded_and_hold_every_item(ours: TorchRecogniser) -> None:
    clips = [whole(babble(ms, seed=ms)) for ms in (30_000, 100, 12_000, 7_000, 30_000, 29_000, 5_000, 100, 28_000)]
    items = [ours._item(index, clip) for index, clip in enumerate(clips)]
    batches = list(torch_engine._batches(items))
    assert sorted(item.index for batch in batches for item in batch) == list(range(9))
    assert len(batches) > 1
    for batch in batches:
        assert len(batch) * (max(item.stacks for item in batch) + 4) <= torch_engine._BATCH_FRAMES


def test_bf16_reads_nearly_what_fp32_reads(ours: TorchRecogniser, folder: Path) -> None:
    halved = load_recogniser(Settings(checkpoint=str(folder), dtype="bf16"))
    assert halved.engine == "torch-bf16"
    clips = [whole(babble(ms, seed=ms)) for ms in (2_000, 5_000, 20_000)]
    for mine, exact in zip(halved.transcribe(clips), ours.transcribe(clips), strict=True):
        assert mine.emotion_distribution == pytest.approx(exact.emotion_distribution, abs=0.02)


@pytest.mark.parametrize("engine", ["torch", "funasr"])
def test_a_missing_device_is_no_reason_to_take_another(folder: Path, engine: str) -> None:
    with pytest.raises(DeviceMissing, match="cuda:99"):
        load_recogniser(Settings(checkpoint=str(folder), device="cuda:99", engine=engine))


@pytest.mark.parametrize("engine", ["torch", "funasr"])
def test_a_damaged_folder_is_refused_before_anything_runs(folder: Path, tmp_path: Path, engine: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "vad" / "model.pt").write_bytes(b"")
    with pytest.raises(CheckpointInvalid, match=r"vad/model\.pt"):
        load_recogniser(Settings(checkpoint=str(copy), engine=engine))
    shutil.rmtree(copy / "vad")
    with pytest.raises(CheckpointMissing, match="no speech detector"):
        load_recogniser(Settings(checkpoint=str(copy), engine=engine))


def test_stock_funasr_is_not_asked_for_what_it_cannot_do(folder: Path) -> None:
    with pytest.raises(InvalidSetting, match="fp32 only"):
        load_recogniser(Settings(checkpoint=str(folder), engine="funasr", dtype="bf16"))


def test_the_threads_are_the_settings(folder: Path) -> None:
    before = torch.get_num_threads()
    try:
        load_recogniser(Settings(checkpoint=str(folder), cpu_threads=before + 1))
        assert torch.get_num_threads() == before + 1
        load_recogniser(Settings(checkpoint=str(folder)))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_a_checkpoint_of_the_published_shape_is_read(tmp_path: Path) -> None:
    folder = build_sense_voice(tmp_path / "published", PUBLISHED)
    build_vad(folder / "vad")
    recogniser = load_recogniser(Settings(checkpoint=str(folder)))
    shutil.rmtree(folder)  # half a gigabyte: pytest would keep it for three runs
    assert isinstance(recogniser, TorchRecogniser)
    assert sum(weight.numel() for weight in recogniser._network.parameters()) == 233_999_167
    (transcript,) = recogniser.transcribe([whole(babble(2_000, seed=5))])
    assert len(transcript.token_ids) > 4
