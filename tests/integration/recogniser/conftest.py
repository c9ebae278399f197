"""Both engines over one small checkpoint with random weights."""

from pathlib import Path

import pytest

from callscope.settings import Settings
from tests.checkpoints import build_sense_voice, build_vad
from workers.recogniser import load_recogniser
from workers.recogniser.funasr_engine import FunasrRecogniser
from workers.recogniser.torch_engine import TorchRecogniser


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser's folder with its detector's in it; not to be written to."""
    path = build_sense_voice(tmp_path_factory.mktemp("checkpoints") / "tiny")
    build_vad(path / "vad")
    return path


@pytest.fixture(scope="session")
def ours(folder: Path) -> TorchRecogniser:
    recogniser = load_recogniser(Settings(checkpoint=str(folder)))
    assert isinstance(recogniser, TorchRecogniser)
    return recogniser


@pytest.fixture(scope="session")
def stock(folder: Path) -> FunasrRecogniser:
    recogniser = load_recogniser(Settings(checkpoint=str(folder), engine="funasr"))
    assert isinstance(recogniser, FunasrRecogniser)
    return recogniser
