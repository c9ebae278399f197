"""Small checkpoints with random weights."""

from pathlib import Path

import pytest

from tests.checkpoints import build_sense_voice, build_vad
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, VadCheckpoint, read_sense_voice, read_vad
from workers.recogniser.hub import CheckpointFolder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser's folder with its detector's in it; not to be written to."""
    path = build_sense_voice(tmp_path_factory.mktemp("checkpoints") / "tiny")
    build_vad(path / "vad")
    return path


@pytest.fixture(scope="session")
def checkpoint(folder: Path) -> SenseVoiceCheckpoint:
    return read_sense_voice(CheckpointFolder(folder.name, folder))


@pytest.fixture(scope="session")
def vad(folder: Path) -> VadCheckpoint:
    return read_vad(CheckpointFolder("vad", folder / "vad"))
