"""What a browser is given to play."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from api.renditions import Renditions
from callscope.errors import ObjectGone, Undecodable
from callscope.storage import FolderStorage

pytestmark = pytest.mark.unit

BUCKET = "calls"


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    made = FolderStorage(tmp_path / "store")
    made.ensure_bucket(BUCKET)
    return made


def renditions(storage: FolderStorage, folder: Path, *, kept_bytes: int = 1_000_000) -> Renditions:
    return Renditions(folder / "made", storage, scratch=folder, max_duration_ms=60_000, kept_bytes=kept_bytes)


def put(storage: FolderStorage, folder: Path, name: str, *, frames: int = 8_000, subtype: str = "ULAW") -> np.ndarray:
    ramp = np.stack([np.linspace(-20_000, 20_000, frames), np.zeros(frames)], axis=1).astype(np.int16)
    soundfile.write(folder / name, ramp, 8_000, subtype=subtype)
    storage.put(BUCKET, name, folder / name)
    return ramp


def test_telephony_becomes_plain_samples_at_its_own_rate(storage: FolderStorage, tmp_path: Path) -> None:
    ramp = put(storage, tmp_path, "call.wav")
    file = renditions(storage, tmp_path).get(storage.head(BUCKET, "call.wav").ref)
    info = soundfile.info(file)
    assert (info.samplerate, info.channels, info.subtype, info.frames) == (8_000, 2, "PCM_16", 8_000)
    played, _ = soundfile.read(file, dtype="int16")
    assert np.abs(played[:, 0].astype(int) - ramp[:, 0]).max() <= 1_024  # a step of G.711 at this level
    assert not np.abs(played[:, 1]).max() > 8


def test_it_is_made_once(storage: FolderStorage, tmp_path: Path) -> None:
    put(storage, tmp_path, "call.wav")
    made, ref = renditions(storage, tmp_path), storage.head(BUCKET, "call.wav").ref
    first = made.get(ref)
    storage.delete(BUCKET, "call.wav")
    assert made.get(ref) == first
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(made.get(ref))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {first}


def test_those_that_nobody_asked_for_longest_go_first(storage: FolderStorage, tmp_path: Path) -> None:
    made = renditions(storage, tmp_path, kept_bytes=70_000)
    refs = []
    for name in ("a.wav", "b.wav", "c.wav"):
        put(storage, tmp_path, name, subtype="PCM_16")  # 32 kB
        refs.append(storage.head(BUCKET, name).ref)
    first = made.get(refs[0])
    time.sleep(0.01)
    second = made.get(refs[1])
    time.sleep(0.01)
    made.get(refs[0])
    third = made.get(refs[2])
    assert first.exists()
    assert not second.exists()
    assert third.exists()


def test_what_is_gone_or_no_sound_leaves_no_file(storage: FolderStorage, tmp_path: Path) -> None:
    put(storage, tmp_path, "call.wav")
    ref = storage.head(BUCKET, "call.wav").ref
    storage.delete(BUCKET, "call.wav")
    made = renditions(storage, tmp_path)
    with pytest.raises(ObjectGone):
        made.get(ref)
    (tmp_path / "text.wav").write_text("Dear Sir or Madam")
    storage.put(BUCKET, "text.wav", tmp_path / "text.wav")
    with pytest.raises(Undecodable):
        made.get(storage.head(BUCKET, "text.wav").ref)
    assert list((tmp_path / "made").iterdir()) == []
