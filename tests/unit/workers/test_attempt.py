"""One attempt: how each thing that can happen is told to the ledger."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typing_extensions import override

from callscope.calls import EventKind, Language, RecordingRef, Role, Transcript
from callscope.errors import CheckpointMissing, DeviceLost, RecogniserFailed
from callscope.jobs import AnalyseJob, FailureKind, FailureNote, ResultNote
from callscope.pipeline import Stage
from callscope.ports import Channel, Clip, Recogniser, Scores
from callscope.settings import Settings
from callscope.storage import FolderStorage
from tests.doubles import ScriptedRecogniser
from workers.attempt import AttemptContext, SharedRecogniser, make_attempt
from workers.failpoints import Failpoint

pytestmark = pytest.mark.unit

RATE_HZ = 16_000


class Shared(ScriptedRecogniser):
    """Looks up once a call, before it answers, and remembers who was urgent."""

    def __init__(self) -> None:
        super().__init__({0.5: ("喂", EventKind.SPEECH)})
        self.urgent: list[bool] = []
        self._look_up: Callable[[], None] = lambda: None

    def bound(self, *, urgent: bool, look_up: Callable[[], None]) -> Recogniser:
        self.urgent.append(urgent)
        self._look_up = look_up
        return self

    def close(self) -> None:
        pass

    @override
    def speech_scores(self, channels: Sequence[Channel]) -> list[Scores]:
        self._look_up()
        return super().speech_scores(channels)

    @override
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        self._look_up()
        return super().transcribe(clips, language=language)


class Failing(Shared):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    @override
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        raise self._error


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    made = FolderStorage(tmp_path / "store")
    made.ensure_bucket("recordings")
    return made


@pytest.fixture
def context(storage: FolderStorage, tmp_path: Path) -> AttemptContext:
    (tmp_path / "scratch").mkdir()
    return AttemptContext(
        settings=Settings(),
        storage=storage,
        recogniser=Shared,
        scratch=tmp_path / "scratch",
        stopping=lambda: False,
        worker="host:1:cpu",
    )


def burst() -> np.ndarray:
    """Return half a second of tone and a second and a half of nothing."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ // 2) / RATE_HZ)
    return np.concatenate([tone, np.zeros(RATE_HZ * 3 // 2)])


@pytest.fixture
def upload(storage: FolderStorage, tmp_path: Path) -> Callable[..., AnalyseJob]:
    def put(content: bytes | None = None, *, key: str = "hotline/call.wav") -> AnalyseJob:
        file = tmp_path / "upload.wav"
        if content is None:
            soundfile.write(file, np.stack([burst(), np.zeros(2 * RATE_HZ)], axis=1), RATE_HZ)
        else:
            file.write_bytes(content)
        return AnalyseJob(7, 2, storage.put("recordings", key, file).ref)

    return put


def failure(job: AnalyseJob, context: AttemptContext) -> FailureNote:
    note = make_attempt(job, context)
    assert isinstance(note, FailureNote)
    assert (note.recording_id, note.attempt, note.worker) == (7, 2, "host:1:cpu")
    assert list(context.scratch.iterdir()) == []
    return note


def test_a_recording_becomes_a_result(upload: Callable[..., AnalyseJob], context: AttemptContext) -> None:
    note = make_attempt(upload(), context)
    assert isinstance(note, ResultNote)
    assert (note.recording_id, note.attempt, note.worker) == (7, 2, "host:1:cpu")
    [segment] = [segment for segment in note.hearing.segments if segment.is_speech]
    assert (segment.text, segment.role) == ("喂", Role.AGENT)
    assert set(note.hearing.timings_ms) == {"fetch", "decode", "detect", "transcribe", "measure"}
    assert list(context.scratch.iterdir()) == []


def test_roles_that_telephony_told_win_over_the_configured_ones(
    upload: Callable[..., AnalyseJob], context: AttemptContext
) -> None:
    note = make_attempt(replace(upload(), channel_roles=(Role.CUSTOMER, Role.AGENT)), context)
    assert isinstance(note, ResultNote)
    assert {segment.role for segment in note.hearing.segments} == {Role.CUSTOMER}


def test_what_can_never_be_analysed_is_permanent(upload: Callable[..., AnalyseJob], context: AttemptContext) -> None:
    note = failure(upload(b"<html>no sound here</html>"), context)
    assert (note.kind, note.code, note.stage) == (FailureKind.PERMANENT, "undecodable", Stage.DECODE)


def test_an_object_without_bytes_has_a_code_of_its_own(
    upload: Callable[..., AnalyseJob], context: AttemptContext
) -> None:
    assert failure(upload(b""), context).code == "empty_object"


def test_a_version_that_is_no_more_is_gone(
    upload: Callable[..., AnalyseJob], context: AttemptContext, storage: FolderStorage
) -> None:
    replaced = upload()
    upload(b"newer")
    assert failure(replaced, context).kind is FailureKind.GONE
    storage.delete("recordings", replaced.ref.key)
    note = failure(replaced, context)
    assert (note.kind, note.code, note.stage) == (FailureKind.GONE, "object_gone", Stage.FETCH)


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (RecogniserFailed("it raised"), FailureKind.ATTEMPT, "recogniser_failed"),
        (ValueError("x" * 10_000), FailureKind.ATTEMPT, "unexpected"),
        (OSError(errno.ENOSPC, "no space left"), FailureKind.OUTAGE, "disk_full"),
        (OSError(errno.EIO, "bad sector"), FailureKind.ATTEMPT, "unexpected"),
    ],
)
def test_the_type_of_an_error_decides(
    upload: Callable[..., AnalyseJob], context: AttemptContext, error: Exception, kind: FailureKind, code: str
) -> None:
    note = failure(upload(), replace(context, recogniser=lambda: Failing(error)))
    assert (note.kind, note.code, note.stage) == (kind, code, Stage.TRANSCRIBE)
    assert len(note.message) <= 500


def test_a_checkpoint_that_vanished_is_not_the_recordings_fault(
    upload: Callable[..., AnalyseJob], context: AttemptContext
) -> None:
    def load() -> SharedRecogniser:
        raise CheckpointMissing("no folder")

    note = failure(upload(), replace(context, recogniser=load))
    assert (note.kind, note.code) == (FailureKind.OUTAGE, "checkpoint_missing")


def test_a_bucket_that_is_away_is_an_outage(upload: Callable[..., AnalyseJob], context: AttemptContext) -> None:
    job = replace(upload(), ref=RecordingRef("elsewhere", "a.wav", "1", 1))
    assert failure(job, context).kind is FailureKind.OUTAGE


@pytest.mark.parametrize(
    ("looks", "stage"),
    list(
        enumerate(
            [
                Stage.FETCH,
                Stage.DECODE,
                Stage.DETECT,
                Stage.DETECT,
                Stage.TRANSCRIBE,
                Stage.TRANSCRIBE,
                Stage.MEASURE,
                Stage.PUBLISH,
            ]
        )
    ),
)
def test_a_worker_told_to_stop_gives_the_attempt_back_at_its_next_look(
    upload: Callable[..., AnalyseJob], context: AttemptContext, looks: int, stage: Stage
) -> None:
    left = [False] * looks
    note = failure(upload(), replace(context, stopping=lambda: not left or left.pop()))
    assert (note.kind, note.stage) == (FailureKind.RELEASED, stage)


def test_an_urgent_job_asks_the_recogniser_for_haste(
    upload: Callable[..., AnalyseJob], context: AttemptContext
) -> None:
    recogniser = Shared()
    with_it = replace(context, recogniser=lambda: recogniser)
    make_attempt(upload(), with_it)
    make_attempt(replace(upload(), urgent=True), with_it)
    assert recogniser.urgent == [False, True]


def test_stages_are_told_as_they_begin(upload: Callable[..., AnalyseJob], context: AttemptContext) -> None:
    told: list[Stage] = []
    make_attempt(upload(), context, on_stage=told.append)
    assert told == list(Stage)


def test_a_lost_device_is_no_ones_note(upload: Callable[..., AnalyseJob], context: AttemptContext) -> None:
    with pytest.raises(DeviceLost):
        make_attempt(upload(), replace(context, recogniser=lambda: Failing(DeviceLost("it fell off the bus"))))


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "a/b.wav/../../c", "x" * 3_000 + ".wav", "call.$(id)", "call.w\nav"]
)
def test_a_key_is_never_a_local_path(context: AttemptContext, key: str) -> None:
    job = AnalyseJob(7, 2, RecordingRef("recordings", key, "1", 1))
    assert failure(job, context).kind is FailureKind.GONE


def test_a_failpoint_strikes_in_the_named_stage(upload: Callable[..., AnalyseJob], context: AttemptContext) -> None:
    note = failure(upload(), replace(context, failpoint=Failpoint.parse("measure:raise:call")))
    assert (note.kind, note.stage) == (FailureKind.ATTEMPT, Stage.MEASURE)
