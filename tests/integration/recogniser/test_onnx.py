"""The network on ONNX Runtime: held to torch's, and the graph that is kept on disk."""

import multiprocessing
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from bench.accuracy import find_utterances, score
from callscope.calls import Language, Transcript
from callscope.errors import CheckpointInvalid, ConfigurationFault, RecogniserFailed
from callscope.settings import Settings
from tests.checkpoints import build_sense_voice
from workers.recogniser import load_recogniser, onnx_network
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, read_sense_voice
from workers.recogniser.hub import DEMO_FOLDER, CheckpointFolder
from workers.recogniser.onnx_graph import Dtype
from workers.recogniser.onnx_network import OnnxNetwork
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.torch_network import TorchNetwork

pytestmark = pytest.mark.integration


def _read(folder: Path) -> SenseVoiceCheckpoint:
    return read_sense_voice(CheckpointFolder(folder.name, folder))


def _open(folder: Path, dtype: Dtype = "int8") -> OnnxNetwork:
    checkpoint = _read(folder)
    return OnnxNetwork(checkpoint, vocabulary=Tokenizer(checkpoint.tokenizer).size, dtype=dtype)


def _batch(*lengths: int) -> tuple[torch.Tensor, list[int], list[Language | None]]:
    features = torch.randn(len(lengths), max(lengths), 560, generator=torch.Generator().manual_seed(sum(lengths)))
    return features, list(lengths), [None, Language.EN, Language.YUE][: len(lengths)]


def _graphs(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recogniser's folder that may be written to; the user's own is elsewhere too."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return build_sense_voice(tmp_path / "tiny")


def test_fp32_reads_what_torch_reads(folder: Path) -> None:
    checkpoint = _read(folder)
    vocabulary = Tokenizer(checkpoint.tokenizer).size
    torch_network = TorchNetwork(checkpoint, vocabulary=vocabulary, device=torch.device("cpu"), dtype="fp32")
    onnx_network = _open(folder, "fp32")
    assert onnx_network.name == "onnx-fp32"
    for batch in (_batch(200, 80, 1), _batch(33, 33), _batch(500)):
        ids, scores = onnx_network.read(*batch)
        expected, expected_scores = torch_network.read(*batch)
        assert ids.dtype == expected.dtype
        torch.testing.assert_close(scores, expected_scores, atol=1e-4, rtol=0)
        for row, expected_row, length in zip(ids, expected, batch[1], strict=True):
            assert row[: 4 + length].tolist() == expected_row[: 4 + length].tolist()


def test_features_that_are_a_view_are_read(folder: Path) -> None:
    network = _open(folder)
    features, lengths, languages = _batch(20, 13)
    ids, _ = network.read(features, lengths, languages)
    again, _ = network.read(features.transpose(0, 1).contiguous().transpose(0, 1), lengths, languages)
    assert torch.equal(ids, again)


@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_several_threads_read_at_once(folder: Path, dtype: Dtype) -> None:
    network = _open(folder, dtype)
    batches = [_batch(length, length - 2) for length in range(3, 43)]
    expected = [network.read(*batch) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        for (ids, scores), alone in zip(
            threads.map(lambda batch: network.read(*batch), batches), expected, strict=True
        ):
            assert torch.equal(ids, alone[0])
            assert torch.equal(scores, alone[1])


def test_a_batch_that_cannot_be_read_is_named(folder: Path) -> None:
    with pytest.raises(RecogniserFailed, match="ONNX Runtime") as failed:
        _open(folder).read(torch.zeros(1, 5, 80), [5], [None])
    assert "features" in failed.value.why


def test_weights_of_another_vocabulary_are_refused(folder: Path) -> None:
    with pytest.raises(CheckpointInvalid):
        OnnxNetwork(_read(folder), vocabulary=5, dtype="int8")
    assert not (folder / "onnx").exists()


# --- kept on disk ---------------------------------------------------------------------------------------------------


def test_a_graph_is_built_once(folder: Path) -> None:
    first = _open(folder).read(*_batch(9))
    (graph,) = _graphs(folder / "onnx")
    built = (graph / "model.onnx").stat()
    second = _open(folder).read(*_batch(9))
    assert (graph / "model.onnx").stat().st_ino == built.st_ino
    assert torch.equal(first[1], second[1])
    assert graph.name.startswith(f"{_read(folder).identity}-int8-")


def test_number_formats_lie_beside_each_other(folder: Path) -> None:
    _open(folder)
    _open(folder, "fp32")
    assert [path.name.split("-")[2] for path in _graphs(folder / "onnx")] == ["fp32", "int8"]


@pytest.mark.parametrize("damaged", ["model.onnx", "weights.bin", "sha256"])
def test_a_damaged_graph_is_built_anew(folder: Path, damaged: str) -> None:
    _, expected = _open(folder).read(*_batch(9))
    (graph,) = _graphs(folder / "onnx")
    content = bytearray((graph / damaged).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (graph / damaged).write_bytes(content)
    _, scores = _open(folder).read(*_batch(9))
    assert torch.equal(scores, expected)


def test_an_incomplete_graph_is_built_anew(folder: Path) -> None:
    _open(folder)
    (graph,) = _graphs(folder / "onnx")
    (graph / "weights.bin").unlink()
    (graph.parent / "unfinished").mkdir()  # of a process that was killed
    _open(folder)
    assert _graphs(folder / "onnx") == [graph]


def test_an_older_version_s_graph_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _open(folder)
    _open(folder, "fp32")
    old, other = _graphs(folder / "onnx")[1], _graphs(folder / "onnx")[0]
    monkeypatch.setattr(onnx_network, "GRAPH_VERSION", 1_000)
    _open(folder)
    now = _graphs(folder / "onnx")
    assert len(now) == 2
    assert other in now
    assert old not in now


def test_a_cpu_that_adds_in_16_bits_has_a_graph_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _open(folder)
    (exact,) = _graphs(folder / "onnx")
    monkeypatch.setattr(onnx_network, "find_features", lambda _device: frozenset({"avx2"}))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64"})
    _open(folder)
    (narrow,) = _graphs(folder / "onnx")
    assert narrow.name != exact.name


def test_a_folder_that_cannot_be_written_to_is_left_alone(folder: Path) -> None:
    (folder / "onnx").touch()  # root may write to any folder, but not below a file
    _open(folder)
    (graph,) = _graphs(Path.home() / ".cache" / "callscope" / "onnx")
    built = (graph / "model.onnx").stat().st_ino
    _open(folder)
    assert (graph / "model.onnx").stat().st_ino == built


def test_nowhere_to_write_to_is_said(folder: Path) -> None:
    (folder / "onnx").touch()
    Path.home().touch()
    with pytest.raises(ConfigurationFault, match="can't be written") as refused:
        _open(folder)
    assert str(folder / "onnx") in refused.value.why
    assert str(Path.home()) in refused.value.why


def _scores(folder: Path) -> list[float]:
    torch.set_num_threads(1)
    _, scores = _open(folder).read(*_batch(9))
    return [float(score) for score in scores.flatten()]


def test_two_processes_build_at_once(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as processes:
        first, second = processes.map(_scores, [folder] * 2)
    assert first == second == _scores(folder)
    assert len(_graphs(folder / "onnx")) == 1


# --- what is understood ---------------------------------------------------------------------------------------------


def test_the_demo_checkpoint_understands_as_much(tmp_path: Path) -> None:
    demo = shutil.copytree(DEMO_FOLDER, tmp_path / "demo", ignore=shutil.ignore_patterns("onnx"))
    _, utterances = find_utterances(tmp_path)  # there is no held-out set: the samples' turns

    def hear(engine: str, dtype: str) -> list[Transcript]:
        with load_recogniser(Settings(checkpoint=str(demo), engine=engine, dtype=dtype)) as recogniser:
            return recogniser.transcribe([utterance.clip for utterance in utterances])

    exact, fp32, int8 = hear("torch", "fp32"), hear("onnx", "fp32"), hear("onnx", "int8")
    assert [transcript.token_ids for transcript in fp32] == [transcript.token_ids for transcript in exact]
    expected, found = (score(utterances, heard, exact=exact) for heard in (exact, int8))
    assert abs(found.errors.points_over(expected.errors)) <= 0.5
    assert found.same.share > 0.9
