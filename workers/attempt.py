"""One attempt at one recording, from the object in the store to a note that says how it ended."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog

from callscope.calls import Hearing
from callscope.errors import (
    AttemptFailed,
    CallscopeError,
    ConfigurationFault,
    DeviceLost,
    ObjectGone,
    Outage,
    PermanentFailure,
)
from callscope.jobs import AnalyseJob, FailureKind, FailureNote, ResultNote
from callscope.pipeline import AnalysisOptions, Stage, listen
from callscope.ports import Recogniser, Storage
from callscope.processes import monotonic_ms
from callscope.settings import Settings
from callscope.sound.audio import AudioLimits, decode
from workers.failpoints import Failpoint

MAX_MESSAGE_CHARS = 500

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}

_log = structlog.get_logger(__name__)


class Released(Exception):
    """The worker was told to stop: the attempt is given back."""


class SharedRecogniser(Protocol):
    """A loaded checkpoint that many attempts share."""

    def bound(self, *, urgent: bool, look_up: Callable[[], None]) -> Recogniser:
        """
        Return what one attempt asks.

        ``urgent`` goes ahead of the others. ``look_up`` is called every now and then while the attempt waits for the
        device; what it raises ends the waiting.
        """

    def close(self) -> None:
        """Give the device back."""


@dataclass(frozen=True, slots=True)
class AttemptContext:
    """What every attempt of a process shares."""

    settings: Settings
    storage: Storage
    recogniser: Callable[[], SharedRecogniser]
    """Loads it on the first call, when it wasn't yet."""
    scratch: Path
    """A folder of this process alone."""
    stopping: Callable[[], bool]
    worker: str
    """Host, process and device, for the notes."""
    failpoint: Failpoint | None = None

    def look_up(self) -> None:
        """
        Look up from the work.

        Raises
        ------
        Released
            The worker was told to stop.
        """
        if self.stopping():
            raise Released


def make_attempt(
    job: AnalyseJob, context: AttemptContext, *, on_stage: Callable[[Stage], None] = lambda _: None
) -> ResultNote | FailureNote:
    """
    Analyse a recording; whatever happens is told in the note, by the error's type.

    Parameters
    ----------
    job : AnalyseJob
        Which recording.
    context : AttemptContext
        Shared by all attempts of the process.
    on_stage : callable
        Called as each stage begins.

    Raises
    ------
    DeviceLost
        Every attempt of the process has come to its end with this one.
    """
    stage = Stage.FETCH

    def enter(next_stage: Stage) -> None:
        nonlocal stage
        stage = next_stage
        on_stage(stage)
        context.look_up()
        if context.failpoint:
            context.failpoint.strike(stage, job.ref.key)

    try:
        hearing = _hear(job, context, enter)
        enter(Stage.PUBLISH)
    except DeviceLost:
        raise
    except Exception as error:  # noqa: BLE001 - a task's outermost frame: every fault has a place in the ledger
        kind, code, message = _judge(error)
        log = _log.exception if code == _UNEXPECTED else _log.info
        log("attempt_ended", recording_id=job.recording_id, attempt=job.attempt, kind=kind, code=code, stage=stage)
        return FailureNote(
            recording_id=job.recording_id,
            attempt=job.attempt,
            kind=kind,
            code=code,
            stage=stage,
            message=message[:MAX_MESSAGE_CHARS],
            worker=context.worker,
        )
    _log.info(
        "analysed",
        recording_id=job.recording_id,
        attempt=job.attempt,
        duration_ms=hearing.audio.duration_ms,
        segments=len(hearing.segments),
        timings_ms=dict(hearing.timings_ms),
    )
    return ResultNote(recording_id=job.recording_id, attempt=job.attempt, worker=context.worker, hearing=hearing)


def _hear(job: AnalyseJob, context: AttemptContext, enter: Callable[[Stage], None]) -> Hearing:
    settings = context.settings
    began_ms = monotonic_ms()
    enter(Stage.FETCH)
    with tempfile.TemporaryDirectory(dir=context.scratch) as folder:
        # The key is never a local path; its suffix tells the decoder about formats without a header.
        file = Path(folder) / f"recording{_safe_suffix(job.ref.key)}"
        context.storage.fetch(job.ref, file)
        fetched_ms = monotonic_ms()
        enter(Stage.DECODE)
        audio = decode(file, limits=AudioLimits(max_duration_ms=settings.max_duration_ms))
    decoded_ms = monotonic_ms()
    hearing = listen(
        audio,
        context.recogniser().bound(urgent=job.urgent, look_up=context.look_up),
        AnalysisOptions.for_call(settings, audio.facts, told_roles=job.channel_roles, language=job.language),
        on_stage=enter,
    )
    timings = {str(Stage.FETCH): fetched_ms - began_ms, str(Stage.DECODE): decoded_ms - fetched_ms}
    return replace(hearing, timings_ms=timings | dict(hearing.timings_ms))


def _safe_suffix(key: str) -> str:
    suffix = Path(key).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= len(".mulaw") + 2 else ""


_UNEXPECTED = "unexpected"


def _judge(error: Exception) -> tuple[FailureKind, str, str]:  # noqa: PLR0911 - one for each kind
    """Return what the ledger does about an error, its code, and its message."""
    match error:
        case Released():
            return FailureKind.RELEASED, "released", "the worker was told to stop"
        case PermanentFailure():
            return FailureKind.PERMANENT, error.code, _sentence(error)
        case AttemptFailed():
            return FailureKind.ATTEMPT, error.code, _sentence(error)
        case ObjectGone():
            return FailureKind.GONE, error.code, _sentence(error)
        case Outage() | ConfigurationFault():
            # A checkpoint that vanished is no more the recording's fault than a store that is away.
            return FailureKind.OUTAGE, error.code, _sentence(error)
        case OSError(errno=number) if number in _DISK_FULL:
            return FailureKind.OUTAGE, "disk_full", str(error)
        case _:
            return FailureKind.ATTEMPT, _UNEXPECTED, f"{type(error).__name__}: {error}"


def _sentence(error: CallscopeError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
