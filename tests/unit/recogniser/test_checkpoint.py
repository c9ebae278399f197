"""A checkpoint folder that isn't what it must be is named as what is wrong with it."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from callscope.errors import CheckpointInvalid, CheckpointMissing
from tests.checkpoints import BPE_MODEL
from workers.recogniser.checkpoint import (
    SenseVoiceCheckpoint,
    VadCheckpoint,
    load_weights,
    read_sense_voice,
    read_vad,
)
from workers.recogniser.encoder import SenseVoice
from workers.recogniser.hub import CheckpointFolder
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.vad import SpeechDetector

pytestmark = pytest.mark.unit


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def _read(path: Path) -> SenseVoiceCheckpoint:
    return read_sense_voice(CheckpointFolder(path.name, path))


def _read_vad(path: Path) -> VadCheckpoint:
    return read_vad(CheckpointFolder("vad", path / "vad"))


def _edit_config(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    edit(config)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")


def test_what_was_written_is_read(checkpoint: SenseVoiceCheckpoint, folder: Path) -> None:
    digest = hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest()
    assert checkpoint.identity == f"tiny-{digest[:8]}"
    assert checkpoint.config.encoder_conf.num_blocks == 3
    assert checkpoint.config.frontend_conf.features == 560
    assert checkpoint.cmvn.shift[1] == pytest.approx(-8.005)
    assert checkpoint.cmvn.scale[559] == pytest.approx(0.2059)
    assert checkpoint.tokenizer.name == BPE_MODEL


def test_funasr_s_usual_names_do_without_a_configuration_json(copy: Path) -> None:
    (copy / "configuration.json").unlink()
    (copy / BPE_MODEL).rename(copy / "bpe.model")
    assert _read(copy).tokenizer == copy / "bpe.model"


@pytest.mark.parametrize("name", ["config.yaml", "am.mvn", "model.pt", BPE_MODEL])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(CheckpointMissing, match=name):
        _read(copy)


def test_another_class_of_model_is_refused(copy: Path) -> None:
    _edit_config(copy / "config.yaml", lambda config: config.update(model="Paraformer"))
    with pytest.raises(CheckpointInvalid) as refused:
        _read(copy)
    assert "model: Input should be 'SenseVoiceSmall'" in refused.value.why


def test_a_front_end_that_callscope_does_not_have_is_refused(copy: Path) -> None:
    _edit_config(copy / "config.yaml", lambda config: config["frontend_conf"].update(window="povey"))
    with pytest.raises(CheckpointInvalid) as refused:
        _read(copy)
    assert "frontend_conf.window" in refused.value.why


@pytest.mark.parametrize("text", ["", "- a list", "a: [1", "\x00"])
def test_a_config_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointInvalid, match=r"config\.yaml"):
        _read(copy)


@pytest.mark.parametrize("text", ["[]", "{", '{"file_path_metas": []}'])
def test_a_configuration_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / "configuration.json").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointInvalid, match=r"configuration\.json"):
        _read(copy)


def test_weights_cut_short_are_refused(copy: Path) -> None:
    weights = copy / "model.pt"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointInvalid, match=r"model\.pt holds no weights"):
        _read(copy)


def test_weights_that_would_run_code_are_refused(copy: Path) -> None:
    torch.save({"weight": Path("/")}, copy / "model.pt")
    with pytest.raises(CheckpointInvalid, match=r"model\.pt holds no weights"):
        _read(copy)


def test_a_file_of_something_else_than_weights_is_refused(copy: Path) -> None:
    torch.save([1, 2], copy / "model.pt")
    with pytest.raises(CheckpointInvalid, match="something else"):
        _read(copy)


def test_weights_inside_a_training_record_are_found(copy: Path, checkpoint: SenseVoiceCheckpoint) -> None:
    record = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in checkpoint.weights.items()}}
    torch.save(record, copy / "model.pt")
    assert _read(copy).weights.keys() == checkpoint.weights.keys()


def _load(checkpoint: SenseVoiceCheckpoint) -> None:
    with torch.device("meta"):
        network = SenseVoice(
            checkpoint.config.encoder_conf, features=560, vocabulary=Tokenizer(checkpoint.tokenizer).size
        )
    load_weights(network, checkpoint.weights, folder=checkpoint.folder)


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    _edit_config(copy / "config.yaml", lambda config: config["encoder_conf"].update(linear_units=32))
    with pytest.raises(CheckpointInvalid) as refused:
        _load(_read(copy))
    assert "size mismatch" in refused.value.why


@pytest.mark.parametrize("blocks", [2, 4])
def test_weights_of_another_depth_are_refused(copy: Path, blocks: int) -> None:
    _edit_config(copy / "config.yaml", lambda config: config["encoder_conf"].update(num_blocks=blocks))
    with pytest.raises(CheckpointInvalid) as refused:
        _load(_read(copy))
    assert ("Unexpected" if blocks == 2 else "Missing") in refused.value.why


def test_a_detector_of_another_shape_is_refused(copy: Path) -> None:
    _edit_config(copy / "vad" / "config.yaml", lambda config: config["encoder_conf"].update(proj_dim=16))
    with pytest.raises(CheckpointInvalid):
        SpeechDetector(_read_vad(copy))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("encoder_conf", {"input_dim": 80}),
        ("frontend_conf", {"lfr_n": 2}),
        ("model_conf", {"sil_pdf_ids": [24]}),
    ],
)
def test_a_detector_that_contradicts_itself_is_refused(copy: Path, part: str, change: dict[str, object]) -> None:
    _edit_config(copy / "vad" / "config.yaml", lambda config: config[part].update(change))
    with pytest.raises(CheckpointInvalid):
        _read_vad(copy)


@pytest.mark.parametrize(
    ("old", "new"), [("<AddShift>", "<Shift>"), ("-8.005000 ", ""), ("-8.005000", "nan"), ("-8.005000", "loud")]
)
def test_a_damaged_normalisation_is_refused(copy: Path, old: str, new: str) -> None:
    path = copy / "am.mvn"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CheckpointInvalid, match="AddShift"):
        _read(copy)


def test_a_damaged_tokenizer_is_refused(copy: Path) -> None:
    (copy / BPE_MODEL).write_bytes(b"not a model")
    with pytest.raises(CheckpointInvalid, match="sentencepiece"):
        Tokenizer(_read(copy).tokenizer)


def test_checksums_are_compared_where_there_are_any(copy: Path) -> None:
    digest = hashlib.sha256((copy / "model.pt").read_bytes()).hexdigest()
    (copy / "SHA256SUMS").write_text(f"{digest}  model.pt\n{'0' * 64}  README.md\n", encoding="utf-8")
    _read(copy)
    (copy / "SHA256SUMS").write_text(f"{'0' * 64} *model.pt\n", encoding="utf-8")
    with pytest.raises(CheckpointInvalid, match=r"model\.pt isn't the file that was published"):
        _read(copy)


def test_a_published_checkpoint_is_held_to_its_pin_whatever_lies_beside_it(copy: Path) -> None:
    digest = hashlib.sha256((copy / "model.pt").read_bytes()).hexdigest()
    (copy / "SHA256SUMS").write_text(f"{digest}  model.pt\n", encoding="utf-8")
    with pytest.raises(CheckpointInvalid, match=r"model\.pt isn't the file that was published"):
        read_sense_voice(CheckpointFolder("copy", copy, {"model.pt": "0" * 64}))
