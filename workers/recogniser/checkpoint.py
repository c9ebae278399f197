"""A FunASR checkpoint folder, read and held to what it must be: config.yaml, am.mvn, tokenizer, model.pt."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from callscope.errors import CheckpointInvalid, CheckpointMissing
from workers.recogniser.hub import CheckpointFolder

_CMVN_VECTOR = r"<{}>.*?\[([^\]]*)\]"


class _Config(BaseModel):
    """Part of a config.yaml. Defaults are FunASR's; what callscope doesn't read (training) is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


_AnyConfig = TypeVar("_AnyConfig", bound=_Config)


class FrontendConfig(_Config):
    """From samples to what the network sees."""

    fs: Literal[16_000] = 16_000
    window: Literal["hamming"] = "hamming"
    snip_edges: Literal[True] = True
    upsacle_samples: Literal[True] = True  # the class spells it so
    n_mels: int = Field(80, gt=0)
    frame_length: int = Field(25, gt=0)
    """In milliseconds."""
    frame_shift: Literal[10] = 10
    """In milliseconds; `callscope.ports.SCORE_FRAME_MS` says the same."""
    lfr_m: int = Field(1, gt=0)
    """Neighbouring frames that are stacked into one."""
    lfr_n: int = Field(1, gt=0)
    """Frames from one stack to the next."""

    @property
    def features(self) -> int:
        """Length of one stacked frame."""
        return self.n_mels * self.lfr_m


class EncoderConfig(_Config):
    """Sizes of ``SenseVoiceEncoderSmall``."""

    output_size: int = Field(256, gt=0)
    attention_heads: int = Field(4, gt=0)
    linear_units: int = Field(2048, gt=0)
    num_blocks: int = Field(6, gt=0)
    tp_blocks: int = Field(0, ge=0)
    kernel_size: int = Field(11, gt=0)
    sanm_shfit: int = Field(0, ge=0)
    normalize_before: Literal[True] = True


class FsmnConfig(_Config):
    """Sizes of ``FSMN``."""

    input_dim: int = Field(gt=0)
    input_affine_dim: int = Field(gt=0)
    fsmn_layers: int = Field(gt=0)
    linear_dim: int = Field(gt=0)
    proj_dim: int = Field(gt=0)
    lorder: int = Field(gt=0)
    rorder: int = Field(ge=0)
    lstride: int = Field(gt=0)
    rstride: int = Field(ge=0)
    output_affine_dim: int = Field(gt=0)
    output_dim: int = Field(gt=0)


class _SenseVoiceModelConfig(_Config):
    blank_id: int = 0


class SenseVoiceConfig(_Config):
    """A config.yaml of the recogniser's class."""

    model: Literal["SenseVoiceSmall"]
    encoder: Literal["SenseVoiceEncoderSmall"]
    frontend: Literal["WavFrontend"]
    tokenizer: Literal["SentencepiecesTokenizer"]
    encoder_conf: EncoderConfig
    frontend_conf: FrontendConfig
    model_conf: _SenseVoiceModelConfig = _SenseVoiceModelConfig()


class _VadModelConfig(_Config):
    sil_pdf_ids: tuple[int, ...] = (0,)


class VadConfig(_Config):
    """A config.yaml of the speech detector's class."""

    model: Literal["FsmnVADStreaming"]
    encoder: Literal["FSMN"]
    frontend: Literal["WavFrontendOnline"]
    encoder_conf: FsmnConfig
    frontend_conf: FrontendConfig
    model_conf: _VadModelConfig = _VadModelConfig()


class _CmvnPath(_Config):
    cmvn_file: str = "am.mvn"


class _TokenizerPath(_Config):
    bpemodel: str = "bpe.model"


class _Paths(_Config):
    """Names of the files within the folder; the defaults are those that FunASR looks for."""

    config: str = "config.yaml"
    init_param: str = "model.pt"
    frontend_conf: _CmvnPath = _CmvnPath()
    tokenizer_conf: _TokenizerPath = _TokenizerPath()


class _Configuration(_Config):
    """A configuration.json."""

    file_path_metas: _Paths = _Paths()


@dataclass(frozen=True, slots=True)
class Cmvn:
    """Normalisation of the features: ``(x + shift) * scale``, float32, shape (features,)."""

    shift: NDArray[np.float32]
    scale: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SenseVoiceCheckpoint:
    """A recogniser's checkpoint, read."""

    identity: str
    """Name and the first 8 hex digits of the weights' SHA-256."""
    folder: Path
    config: SenseVoiceConfig
    cmvn: Cmvn
    tokenizer: Path
    weights: Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class VadCheckpoint:
    """A speech detector's checkpoint, read."""

    folder: Path
    config: VadConfig
    cmvn: Cmvn
    weights: Mapping[str, torch.Tensor]


def read_sense_voice(folder: CheckpointFolder) -> SenseVoiceCheckpoint:
    """
    Read a recogniser's checkpoint.

    Raises
    ------
    CheckpointMissing
        One of its files isn't there.
    CheckpointInvalid
        A file is damaged, isn't the one that was announced, or is of another class of model.
    """
    files = _locate(folder, tokenizer=True)
    config = _read_config(files.config, SenseVoiceConfig)
    digest = _verify(folder, files)
    return SenseVoiceCheckpoint(
        identity=f"{folder.name}-{digest[:8]}",
        folder=folder.path,
        config=config,
        cmvn=_read_cmvn(files.cmvn, features=config.frontend_conf.features),
        tokenizer=files.tokenizer,
        weights=_read_weights(files.weights),
    )


def read_vad(folder: CheckpointFolder) -> VadCheckpoint:
    """
    Read a speech detector's checkpoint.

    Raises
    ------
    CheckpointMissing
        One of its files isn't there.
    CheckpointInvalid
        A file is damaged, isn't the one that was announced, or is of another class of model.
    """
    files = _locate(folder, tokenizer=False)
    config = _read_config(files.config, VadConfig)
    _verify(folder, files)
    if config.encoder_conf.input_dim != config.frontend_conf.features:
        raise CheckpointInvalid(
            f"{files.config}: the network takes {config.encoder_conf.input_dim} features, "
            f"the front end makes {config.frontend_conf.features}"
        )
    if config.frontend_conf.lfr_n != 1:
        raise CheckpointInvalid(f"{files.config}: one score for each 10 ms needs lfr_n: 1")
    if not all(0 <= index < config.encoder_conf.output_dim for index in config.model_conf.sil_pdf_ids):
        raise CheckpointInvalid(f"{files.config}: sil_pdf_ids names outputs that the network doesn't have")
    return VadCheckpoint(
        folder=folder.path,
        config=config,
        cmvn=_read_cmvn(files.cmvn, features=config.frontend_conf.features),
        weights=_read_weights(files.weights),
    )


def load_weights(network: torch.nn.Module, weights: Mapping[str, torch.Tensor], *, folder: Path) -> None:
    """
    Put a checkpoint's weights into a network that was built on the meta device, all of them and no others.

    Raises
    ------
    CheckpointInvalid
        A weight is missing, superfluous, or of another shape than the config says.
    """
    try:
        network.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointInvalid(f"the weights in {folder} aren't those of its config.yaml", why=str(error)) from error


@dataclass(frozen=True, slots=True)
class _Files:
    config: Path
    cmvn: Path
    weights: Path
    tokenizer: Path
    """The config itself where the class has no tokenizer."""


def _locate(folder: CheckpointFolder, *, tokenizer: bool) -> _Files:
    """Find the files where configuration.json says they are; without one, under FunASR's usual names."""
    configuration = folder.path / "configuration.json"
    paths = (
        _read_config(configuration, _Configuration) if configuration.is_file() else _Configuration()
    ).file_path_metas

    def path(name: str) -> Path:
        found = folder.path / name
        if not found.is_file():
            raise CheckpointMissing(f"the checkpoint folder {folder.path} has no file {name}")
        return found

    config = path(paths.config)
    return _Files(
        config=config,
        cmvn=path(paths.frontend_conf.cmvn_file),
        weights=path(paths.init_param),
        tokenizer=path(paths.tokenizer_conf.bpemodel) if tokenizer else config,
    )


def _read_config(path: Path, kind: type[_AnyConfig]) -> _AnyConfig:
    """Read YAML, of which JSON is a part."""
    try:
        return kind.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise CheckpointInvalid(f"{path} isn't of the class that callscope runs", why=faults) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CheckpointInvalid(f"{path} can't be read", why=str(error)) from error


def _verify(folder: CheckpointFolder, files: _Files) -> str:
    """Compare every file with the checksum that is known of it; return the SHA-256 of the weights."""
    expected = {**_read_sums(folder.path / "SHA256SUMS"), **folder.sha256}
    digests = {path.name: _sha256(path) for path in {files.config, files.cmvn, files.weights, files.tokenizer}}
    for name, digest in sorted(digests.items()):
        if digest != expected.get(name, digest):
            raise CheckpointInvalid(
                f"{folder.path / name} isn't the file that was published",
                why=f"its SHA-256 is {digest}, not {expected[name]}",
            )
    return digests[files.weights.name]


def _read_sums(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name.lstrip("*"): digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_cmvn(path: Path, *, features: int) -> Cmvn:
    """Read Kaldi's text form of a normalisation: an <AddShift> and a <Rescale>, each with one vector."""
    text = path.read_text(encoding="utf-8", errors="replace")
    vectors = []
    for name in ("AddShift", "Rescale"):
        found = re.search(_CMVN_VECTOR.format(name), text, re.DOTALL)
        try:
            vector = np.array(found[1].split() if found else [], dtype=np.float32)
        except ValueError as error:
            raise CheckpointInvalid(f"{path}: <{name}> holds something that is no number", why=str(error)) from error
        if vector.shape != (features,) or not np.isfinite(vector).all():
            raise CheckpointInvalid(f"{path}: <{name}> must hold {features} finite numbers, not {vector.size}")
        vectors.append(vector)
    return Cmvn(*vectors)


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError) as error:
        raise CheckpointInvalid(f"{path} holds no weights", why=str(error).partition("\n")[0]) from error
    # Training writes the weights inside a larger record, and under `module.` when it ran on several devices.
    for key in ("state_dict", "model_state_dict", "model"):
        state = state.get(key, state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointInvalid(f"{path} holds something else than weights by name")
    return {name.removeprefix("module."): value for name, value in state.items()}
