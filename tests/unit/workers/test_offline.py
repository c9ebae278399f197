"""Files on the command line are analysed beside each other and told in their order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event, Semaphore

import numpy as np
import pytest
import soundfile
from typing_extensions import override

from callscope.calls import EventKind, Language, Transcript
from callscope.errors import Undecodable
from callscope.ports import Clip
from callscope.settings import Settings
from tests.doubles import ScriptedRecogniser
from workers.offline import analyse_files

pytestmark = pytest.mark.unit

PATIENCE_S = 30
RATE_HZ = 8_000
SETTINGS = Settings(threads=2)


class Patient(ScriptedRecogniser):
    """Reads a long clip only after a short one."""

    def __init__(self) -> None:
        super().__init__({0.5: ("喂", EventKind.SPEECH)})
        self.has_read_short = Event()

    @override
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        if clips[0].interval.duration_ms > 1_000:
            assert self.has_read_short.wait(PATIENCE_S)
        else:
            self.has_read_short.set()
        return super().transcribe(clips, language=language)


class Rationed(ScriptedRecogniser):
    """Reads a recording for each ration."""

    def __init__(self, rations: int) -> None:
        super().__init__({0.5: ("喂", EventKind.SPEECH)})
        self.rations = Semaphore(rations)

    @override
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        assert self.rations.acquire(timeout=PATIENCE_S)
        return super().transcribe(clips, language=language)


def tone(folder: Path, name: str, *, duration_ms: int) -> Path:
    file = folder / name
    sound = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ * duration_ms // 1_000) / RATE_HZ)
    soundfile.write(file, np.concatenate([sound, np.zeros(RATE_HZ)]), RATE_HZ)
    return file


def test_a_file_that_takes_long_holds_up_no_other_and_is_told_first_all_the_same(tmp_path: Path) -> None:
    files = [tone(tmp_path, "long.wav", duration_ms=3_000), tone(tmp_path, "short.wav", duration_ms=500)]
    told = [
        (path.name, found.result().hearing.audio.duration_ms)
        for path, found in analyse_files(files, Patient(), SETTINGS)
    ]
    assert told == [("long.wav", 4_000), ("short.wav", 1_500)]


def test_a_file_that_fails_is_told_in_its_place(tmp_path: Path) -> None:
    lie = tmp_path / "lie.wav"
    lie.write_text("<html>not a call</html>")
    files = [tone(tmp_path, "a.wav", duration_ms=500), lie, tone(tmp_path, "b.wav", duration_ms=500)]
    told = [(path.name, type(found.exception())) for path, found in analyse_files(files, Patient(), SETTINGS)]
    assert told == [("a.wav", type(None)), ("lie.wav", Undecodable), ("b.wav", type(None))]


def test_who_stops_listening_leaves_the_rest_unread(tmp_path: Path) -> None:
    files = [tone(tmp_path, f"{number}.wav", duration_ms=500) for number in range(30)]
    recogniser = Rationed(1)
    told = analyse_files(files, recogniser, SETTINGS.model_copy(update={"threads": 1}))
    next(told)
    told.close()
    recogniser.rations.release(len(files))
    assert len(recogniser.clips) <= 2
