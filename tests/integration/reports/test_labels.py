"""What people corrected becomes a manifest that the evaluation reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select

from callscope.calls import CallMetadata, Emotion, Language
from callscope.cli import callscope
from callscope.evaluation.manifest import ClipLabels, read_manifest
from callscope.storage import FolderStorage
from models.annotations import Correction, annotate
from models.ledger.discovery import Discovered, discover
from models.session import transaction
from models.tables import Recording

pytestmark = pytest.mark.integration

BUCKET, RATE_HZ = "calls", 8_000


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def recording_id(engine: Engine, store_folder: Path, tmp_path: Path) -> int:
    """Two channels of 3 s: the second rises by one a millisecond, so that a clip tells where it was cut."""
    ramp = np.repeat(np.arange(3_000, dtype=np.int16), RATE_HZ // 1_000)
    source = tmp_path / "call.wav"
    soundfile.write(source, np.stack([-ramp, ramp], axis=1), RATE_HZ, "PCM_16")
    storage = FolderStorage(store_folder)
    storage.ensure_bucket(BUCKET)
    ref = storage.put(BUCKET, "a.wav", source).ref
    with transaction(engine) as session:
        discover(session, [Discovered(ref, CallMetadata())])
        return session.scalars(select(Recording.id)).one()


@pytest.fixture
def export(database_url: str, store_folder: Path) -> Any:
    def run(folder: Path) -> Result:
        environment = {
            "CALLSCOPE_DATABASE_URL": database_url,
            "CALLSCOPE_BUCKET": BUCKET,
            "CALLSCOPE_STORE_FOLDER": str(store_folder),
        }
        return CliRunner().invoke(callscope, ["export", "labels", str(folder)], env=environment, catch_exceptions=False)

    return run


def say(engine: Engine, recording_id: int, *corrections: Correction) -> None:
    with transaction(engine) as session:
        for correction in corrections:
            annotate(session, recording_id, correction, author="wei")


def test_a_clip_holds_the_stretch_and_its_labels(
    engine: Engine, recording_id: int, export: Any, tmp_path: Path
) -> None:
    say(
        engine,
        recording_id,
        Correction(1, 1_000, 2_000, text="三天了。", language=Language.ZH, emotion=Emotion.ANGRY),
        Correction(1, 0, 100, emotion=Emotion.SAD, text="nobody told its language"),
        Correction(1, 2_500, 3_000, note="only a note"),
    )
    answer = export(tmp_path / "labels")
    assert answer.exit_code == 0, answer.output
    rows, bad = read_manifest(tmp_path / "labels" / "manifest.jsonl")
    assert bad == []
    first, second = (row.labels for row in rows)
    assert isinstance(first, ClipLabels)
    assert isinstance(second, ClipLabels)
    assert (first.text, first.language, first.emotion) == (None, None, Emotion.SAD)
    assert (second.text, second.language, second.emotion) == ("三天了。", Language.ZH, Emotion.ANGRY)
    samples, rate_hz = soundfile.read(rows[1].audio, dtype="int16")
    assert rate_hz == RATE_HZ
    assert (samples[0], samples[-1], len(samples)) == (880, 2_119, 1_240 * 8)


def test_a_recording_that_is_gone_is_told_and_the_rest_written(
    engine: Engine, recording_id: int, export: Any, tmp_path: Path, store_folder: Path
) -> None:
    say(engine, recording_id, Correction(0, 0, 500, emotion=Emotion.HAPPY))
    FolderStorage(store_folder).delete(BUCKET, "a.wav")
    answer = export(tmp_path / "labels")
    assert answer.exit_code == 1
    assert "a.wav: " in answer.stderr
    assert (tmp_path / "labels" / "manifest.jsonl").read_bytes() == b""
