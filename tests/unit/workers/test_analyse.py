"""A job from its message to its notes, with the recogniser that workers share over an engine that fails on command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import soundfile

from callscope.calls import RecordingRef
from callscope.errors import DeviceLost
from callscope.jobs import STARTED_TASK, STORE_TASK, AnalyseJob, pack
from callscope.ports import Channel, Clip, Scores
from callscope.settings import Settings
from callscope.storage import FolderStorage
from tests.unit.workers.notebook import Notebook
from workers.analyse import analyse
from workers.attempt import AttemptContext
from workers.inflight import EXIT_DEVICE_LOST, Flights
from workers.recogniser.engine import Passage, Reading, Stretch
from workers.recogniser.recogniser import BatchingRecogniser
from workers.recogniser.waves import excerpt

pytestmark = pytest.mark.unit

NEIGHBOUR = 99
PATIENCE_S = 30


class Deaf:
    """An engine that hears no speech, or loses its device."""

    checkpoint = "deaf-00000000"
    name = "deaf-fp32"
    device = "cpu"
    lanes = 1
    batch_frames = stretch_frames = 100_000

    def __init__(self) -> None:
        self.is_lost = False
        self.gate = Barrier(1)
        """Passed by each recording on its way to the device."""

    def lane(self) -> AbstractContextManager[None]:
        return nullcontext()

    def stretches(self, channel: Channel) -> list[Stretch]:
        self.gate.wait(PATIENCE_S)
        frames = channel.duration_ms // 10
        return [Stretch(excerpt(channel, 0, 160 * frames), frames, 0, frames)]

    def detect(self, stretches: Sequence[Stretch]) -> list[Scores]:
        if self.is_lost:
            raise DeviceLost("the device is gone")
        return [np.zeros(stretch.own, np.float32) for stretch in stretches]

    def passage(self, clip: Clip, language: object) -> Passage:
        raise NotImplementedError

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        raise NotImplementedError

    def spell(self, reading: Reading, passage: Passage) -> None:
        raise NotImplementedError


@pytest.fixture
def engine() -> Deaf:
    return Deaf()


@pytest.fixture
def context(engine: Deaf, tmp_path: Path) -> Iterator[AttemptContext]:
    storage = FolderStorage(tmp_path / "store")
    storage.ensure_bucket("recordings")
    (tmp_path / "scratch").mkdir()
    with BatchingRecogniser(engine) as recogniser:  # type: ignore[arg-type]
        yield AttemptContext(
            settings=Settings(),
            storage=storage,
            recogniser=lambda: recogniser,
            scratch=tmp_path / "scratch",
            stopping=lambda: False,
            worker="host:1:cpu",
        )


@pytest.fixture
def upload(context: AttemptContext, tmp_path: Path) -> Callable[[int], str]:
    """Return the message that asks for a silent recording."""

    def put(recording_id: int) -> str:
        soundfile.write(tmp_path / "call.wav", np.zeros(8_000, np.int16), 8_000)
        ref = context.storage.put("recordings", f"{recording_id}.wav", tmp_path / "call.wav").ref
        return pack(AnalyseJob(recording_id, 1, ref))

    return put


@pytest.fixture
def left() -> list[int]:
    """Exit codes that the process was ended with."""
    return []


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def flights(notebook: Notebook, left: list[int]) -> Flights:
    return Flights(notebook, worker="host:1:cpu", beat_ms=1_000, timeout_ms=60_000, leave=left.append)


@pytest.fixture
def work(context: AttemptContext, notebook: Notebook, flights: Flights) -> Callable[[str], None]:
    return partial(analyse, context=context, publisher=notebook, flights=flights)


def test_an_attempt_tells_its_begin_and_its_result(
    work: Callable[[str], None], upload: Callable[[int], str], notebook: Notebook
) -> None:
    work(upload(7))
    assert [(task, note.recording_id) for task, note in notebook.notes] == [(STARTED_TASK, 7), (STORE_TASK, 7)]


def test_a_device_that_is_lost_ends_the_process(
    engine: Deaf, work: Callable[[str], None], upload: Callable[[int], str], left: list[int]
) -> None:
    engine.is_lost = True
    work(upload(7))
    assert left == [EXIT_DEVICE_LOST]


def test_who_was_at_the_lost_device_is_left_to_the_leases_and_the_others_are_given_back(
    engine: Deaf, work: Callable[[str], None], upload: Callable[[int], str], notebook: Notebook, flights: Flights
) -> None:
    messages = [upload(number) for number in (1, 2, 3)]
    engine.is_lost, engine.gate = True, Barrier(len(messages))
    neighbour = AnalyseJob(NEIGHBOUR, 1, RecordingRef("recordings", "a.wav", "v1", 1))
    with flights.of(neighbour), ThreadPoolExecutor(len(messages)) as threads:
        list(threads.map(work, messages))
    assert set(notebook.given_back) == {NEIGHBOUR}
    assert sorted(note.recording_id for task, note in notebook.notes if task == STARTED_TASK) == [1, 2, 3]
    assert STORE_TASK not in {task for task, _ in notebook.notes}
