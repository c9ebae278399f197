"""What callers of the port get, whoever else is served by the same executor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import pytest

from callscope.calls import Emotion, EventKind, Language, Transcript
from callscope.errors import DeviceLost, Outage, OutOfDeviceMemory, RecogniserFailed
from callscope.ports import SCORE_FRAME_MS, Channel, Clip, Scores
from callscope.timeline import Interval
from workers.recogniser.engine import Passage, Reading, Stretch
from workers.recogniser.recogniser import BatchingRecogniser
from workers.recogniser.waves import Excerpt

pytestmark = pytest.mark.unit

PATIENCE_S = 30
RATE_HZ = 8_000
FRAME = RATE_HZ * SCORE_FRAME_MS // 1_000
STRETCH_FRAMES = 50


class Counting:
    """
    An engine that scores a frame by its first sample, and reads a clip as the sum of its samples.

    A batch with a sample that is a key of `faults` fails.
    """

    checkpoint = "counting-00000000"
    name = "counting-fp32"
    device = "cpu"
    lanes = 2
    batch_frames = 100
    stretch_frames = 100

    def __init__(self) -> None:
        self.faults: dict[int, Exception] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.read_lengths: list[list[int]] = []

    def lane(self) -> AbstractContextManager[None]:
        return nullcontext()

    def stretches(self, channel: Channel) -> list[Stretch]:
        whole = channel.samples[: len(channel.samples) // FRAME * FRAME]
        parts = [
            whole[start : start + STRETCH_FRAMES * FRAME] for start in range(0, len(whole), STRETCH_FRAMES * FRAME)
        ]
        return [
            Stretch(Excerpt(part, RATE_HZ, 2 * len(part)), len(part) // FRAME, 0, len(part) // FRAME) for part in parts
        ]

    def detect(self, stretches: Sequence[Stretch]) -> list[Scores]:
        self._run([stretch.excerpt for stretch in stretches])
        return [(stretch.excerpt.samples[::FRAME] / 32_768).astype(np.float32) for stretch in stretches]

    def passage(self, clip: Clip, language: Language | None) -> Passage:
        start, end = (ms * RATE_HZ // 1_000 for ms in (clip.interval.start_ms, clip.interval.end_ms))
        part = clip.channel.samples[start:end]
        return Passage(
            Excerpt(part, RATE_HZ, 2 * len(part)), 1 + len(part) // FRAME, clip.interval.duration_ms, language
        )

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        self.read_lengths.append([passage.frames for passage in passages])
        self._run([passage.excerpt for passage in passages])
        return [Reading([int(passage.excerpt.samples.sum())], {}, {}, {}) for passage in passages]

    def spell(self, reading: Reading, passage: Passage) -> Transcript:
        return Transcript(
            text=threading.current_thread().name,
            language=passage.language or Language.ZH,
            emotion_distribution={Emotion.NEUTRAL: 1.0},
            event_distribution={EventKind.SPEECH: 1.0},
            words=(),
            token_ids=tuple(reading.frame_ids),
        )

    def _run(self, excerpts: Sequence[Excerpt]) -> None:
        for excerpt in excerpts:
            for sample, error in self.faults.items():
                if (excerpt.samples == sample).any():
                    raise error
        self.entered.release()
        assert self.gate.wait(PATIENCE_S)


@pytest.fixture
def engine() -> Counting:
    return Counting()


@pytest.fixture
def recogniser(engine: Counting) -> Iterator[BatchingRecogniser]:
    with BatchingRecogniser(engine) as made:
        yield made
        engine.gate.set()


def channel_of(frames: int, *, seed: int = 0) -> Channel:
    samples = np.random.default_rng(seed).integers(-1_000, 1_000, frames * FRAME).astype(np.int16)
    return Channel(samples, RATE_HZ)


def clips_of(channel: Channel, *, every_ms: int = 100) -> list[Clip]:
    bounds = range(0, channel.duration_ms, every_ms)
    return [Clip(channel, Interval(start, min(start + every_ms, channel.duration_ms))) for start in bounds]


def sum_of(clip: Clip) -> int:
    samples = clip.channel.samples[clip.interval.start_ms * 8 : clip.interval.end_ms * 8]
    return int(samples.sum())


def after(looks: int) -> Callable[[], None]:
    """Return a `look_up` that gives up at its so many-th call."""
    left = iter(range(looks - 1))

    def look_up() -> None:
        if next(left, None) is None:
            raise KeyError("given up")

    return look_up


def test_it_is_what_its_engine_is(recogniser: BatchingRecogniser) -> None:
    for view in (recogniser, recogniser.bound(urgent=True)):
        assert (view.checkpoint, view.engine, view.device) == ("counting-00000000", "counting-fp32", "cpu")


@pytest.mark.parametrize("urgent", [False, True])
def test_scores_are_joined_by_channel(recogniser: BatchingRecogniser, *, urgent: bool) -> None:
    channels = [channel_of(frames, seed=frames) for frames in (0, 1, 49, 50, 51, 777)]
    for channel, score in zip(channels, recogniser.bound(urgent=urgent).speech_scores(channels), strict=True):
        assert score.dtype == np.float32
        assert np.array_equal(score, (channel.samples[::FRAME] / 32_768).astype(np.float32))
    assert recogniser.speech_scores([]) == []


def test_transcripts_come_in_the_order_of_the_clips(recogniser: BatchingRecogniser) -> None:
    clips = [Clip(channel_of(400), Interval(7 * n, 7 * n + (n * 37) % 900)) for n in range(300)]
    transcripts = recogniser.transcribe(clips, language=Language.YUE)
    assert [transcript.token_ids for transcript in transcripts] == [(sum_of(clip),) for clip in clips]
    assert {transcript.language for transcript in transcripts} == {Language.YUE}
    assert recogniser.transcribe([]) == []


def test_text_is_made_in_the_callers_thread(recogniser: BatchingRecogniser) -> None:
    texts = {transcript.text for transcript in recogniser.transcribe(clips_of(channel_of(100)))}
    assert texts == {threading.current_thread().name}


def test_callers_share_batches(engine: Counting, recogniser: BatchingRecogniser) -> None:
    engine.gate.clear()
    with ThreadPoolExecutor(12) as threads:
        first = [threads.submit(recogniser.transcribe, [Clip(channel_of(99), Interval(0, 990))]) for _ in range(2)]
        for _ in range(2):
            assert engine.entered.acquire(timeout=PATIENCE_S)
        later = [threads.submit(recogniser.transcribe, [Clip(channel_of(9), Interval(0, 90))]) for _ in range(10)]
        while len(recogniser._executor._works[recogniser._reading].backlog) < 10:
            assert engine.entered.acquire(blocking=False) is False
        engine.gate.set()
        for call in first + later:
            call.result(PATIENCE_S)
    assert max(map(len, engine.read_lengths)) == 5
    assert recogniser.statistics()["read"].items == 12


@pytest.mark.parametrize("kind", [RecogniserFailed, OutOfDeviceMemory])
def test_a_clip_at_fault_is_named_and_harms_no_other_call(
    engine: Counting, recogniser: BatchingRecogniser, kind: type[RecogniserFailed]
) -> None:
    engine.faults[2_000] = kind("not a number", why="seen in row 3")
    good, bad = channel_of(100), channel_of(100)
    bad.samples[35 * FRAME] = 2_000
    with ThreadPoolExecutor(9) as threads:
        calls = [threads.submit(recogniser.transcribe, clips_of(good)) for _ in range(8)]
        with pytest.raises(kind, match="clip 3, 300 to 400 ms") as raised:
            recogniser.transcribe(clips_of(bad))
        assert type(raised.value) is kind
        assert raised.value.why == "not a number: seen in row 3"
        for call in calls:
            assert len(call.result(PATIENCE_S)) == 10


def test_a_channel_at_fault_is_named(engine: Counting, recogniser: BatchingRecogniser) -> None:
    engine.faults[2_000] = ZeroDivisionError("by nought")
    bad = channel_of(300)
    bad.samples[-1] = 2_000
    with pytest.raises(RecogniserFailed, match="channel 1") as raised:
        recogniser.speech_scores([channel_of(300), bad, channel_of(300)])
    assert raised.value.why == "ZeroDivisionError: by nought"


def test_a_failure_gives_up_the_rest_of_its_call(engine: Counting, recogniser: BatchingRecogniser) -> None:
    engine.faults[2_000] = RecogniserFailed("no")
    engine.gate.clear()
    bad = channel_of(10_000)
    bad.samples[0] = 2_000
    # More than may wait: it fails while it still submits, though nothing else of it ever ends.
    with pytest.raises(RecogniserFailed, match="clip 0"):
        recogniser.transcribe(clips_of(bad, every_ms=990))
    assert not recogniser._executor._works[recogniser._reading].backlog
    engine.gate.set()
    recogniser.close()
    assert recogniser.statistics()["read"].items <= engine.lanes


def test_a_lost_device_is_told_to_every_call(engine: Counting) -> None:
    engine.faults[2_000] = DeviceLost("illegal memory access", why="Xid 31")
    bad = channel_of(100)
    bad.samples[0] = 2_000
    with BatchingRecogniser(engine) as recogniser:
        for channel in (bad, channel_of(100)):
            with pytest.raises(DeviceLost, match="illegal memory access"):
                recogniser.transcribe(clips_of(channel))
            with pytest.raises(DeviceLost, match="illegal memory access"):
                recogniser.speech_scores([channel])


def test_a_closed_recogniser_is_an_outage(engine: Counting, recogniser: BatchingRecogniser) -> None:
    engine.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        call = threads.submit(recogniser.transcribe, clips_of(channel_of(1_000), every_ms=990))
        for _ in range(2):
            assert engine.entered.acquire(timeout=PATIENCE_S)
        closing = threads.submit(recogniser.close)
        assert isinstance(call.exception(PATIENCE_S), Outage)
        engine.gate.set()
        closing.result(PATIENCE_S)
    with pytest.raises(Outage):
        recogniser.speech_scores([channel_of(10)])


def test_who_looks_up_can_give_up_while_waiting(engine: Counting, recogniser: BatchingRecogniser) -> None:
    engine.gate.clear()
    with pytest.raises(KeyError, match="given up"):
        recogniser.bound(look_up=after(3)).transcribe(clips_of(channel_of(1_000)))
    with pytest.raises(KeyError, match="given up"):
        recogniser.bound(look_up=after(3)).speech_scores([channel_of(1_000)])
    assert not any(work.backlog for work in recogniser._executor._works.values())


def test_who_looks_up_can_give_up_while_there_is_no_room(engine: Counting, recogniser: BatchingRecogniser) -> None:
    engine.gate.clear()
    endless = clips_of(channel_of(10_000), every_ms=990) * 2
    with ThreadPoolExecutor(1) as threads:
        blocked = threads.submit(recogniser.bound(look_up=after(5)).transcribe, endless)
        with pytest.raises(KeyError):
            recogniser.bound(look_up=after(2)).transcribe(endless)
        # Somebody waits for this one: it is never held up for room.
        urgent = recogniser.bound(urgent=True, look_up=after(2))
        with pytest.raises(KeyError):
            urgent.transcribe(endless)
        assert isinstance(blocked.exception(PATIENCE_S), KeyError)
    assert recogniser.statistics()["read"].items == 0


def test_a_call_larger_than_the_backlogs_bound_is_answered(recogniser: BatchingRecogniser) -> None:
    clips = clips_of(channel_of(10_000), every_ms=300)
    frames = sum(recogniser._engine.passage(clip, None).frames for clip in clips)
    assert frames > 3 * recogniser._reading.capacity_frames
    assert [transcript.token_ids for transcript in recogniser.transcribe(clips)] == [(sum_of(clip),) for clip in clips]
