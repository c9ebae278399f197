"""Both exact engines over one small checkpoint with random weights, by themselves and behind the queue."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from callscope.settings import Settings
from tests.checkpoints import build_sense_voice, build_vad
from workers.recogniser.funasr_engine import FunasrEngine
from workers.recogniser.load import load_engine
from workers.recogniser.recogniser import BatchingRecogniser
from workers.recogniser.torch_engine import LeanEngine


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser's folder with its detector's in it; not to be written to."""
    path = build_sense_voice(tmp_path_factory.mktemp("checkpoints") / "tiny")
    build_vad(path / "vad")
    return path


@pytest.fixture(scope="session")
def lean_engine(folder: Path) -> LeanEngine:
    engine = load_engine(Settings(checkpoint=str(folder), engine="torch", dtype="fp32"))
    assert isinstance(engine, LeanEngine)
    return engine


@pytest.fixture(scope="session")
def stock_engine(folder: Path) -> FunasrEngine:
    engine = load_engine(Settings(checkpoint=str(folder), engine="funasr"))
    assert isinstance(engine, FunasrEngine)
    return engine


@pytest.fixture(scope="session")
def ours(lean_engine: LeanEngine) -> Iterator[BatchingRecogniser]:
    with BatchingRecogniser(lean_engine) as recogniser:
        yield recogniser


@pytest.fixture(scope="session")
def stock(stock_engine: FunasrEngine) -> Iterator[BatchingRecogniser]:
    with BatchingRecogniser(stock_engine) as recogniser:
        yield recogniser
