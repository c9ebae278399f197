"""
The rivals that read regions beside callscope: other runtimes of the same network, and stock FunASR.

Each returns token ids rather than text: ids are what a comparison needs, and spelling is the least of the work.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from bench.stage import STOCK, Missing
from callscope.errors import ConfigurationFault
from callscope.ports import SAMPLE_RATE_HZ
from callscope.settings import Settings

Wave = NDArray[np.float32]
"""Sound of one region in [-1, 1] at `SAMPLE_RATE_HZ`, shape (n,)."""

FUNASR_ONNX, SHERPA_ONNX = "funasr-onnx", "sherpa-onnx"
"""Packages; also the folder of each one's models."""
TOKENS = "tokens.txt"
"""sherpa-onnx's vocabulary."""
TAGS = 4
"""Tokens before the text: language, emotion, event, and whether figures and punctuation are spelt."""

_EXPORT_VERSION = 1
"""Raise it with every change of `bench.rivals_export` that makes other files."""
_EXPORT_PACKAGES = ("funasr", "torch", "onnx", "onnxruntime", "onnxscript")
_LAST_LINES = 5
_ALL = 1 << 30


class Rival(StrEnum):
    """Who reads regions beside callscope. The fp32 ones take no part in the race: they show that a model is right."""

    SHERPA_ONNX_INT8 = "sherpa_onnx_int8"
    SHERPA_ONNX_FP32 = "sherpa_onnx_fp32"
    FUNASR_ONNX_INT8 = "funasr_onnx_int8"
    FUNASR_ONNX_FP32 = "funasr_onnx_fp32"
    STOCK = STOCK

    @property
    def skipped_tokens(self) -> int:
        """Tokens at the beginning of a region that it doesn't tell: sherpa-onnx keeps most tags to itself."""
        return TAGS if self in _SHERPA else 0


_SHERPA = (Rival.SHERPA_ONNX_INT8, Rival.SHERPA_ONNX_FP32)
_FROM_WHEELS = {
    **dict.fromkeys(_SHERPA, ("sherpa_onnx", "sherpa-onnx")),
    # Its metadata forbids every numpy that callscope runs with; it runs with them all the same.
    **dict.fromkeys((Rival.FUNASR_ONNX_INT8, Rival.FUNASR_ONNX_FP32), ("funasr_onnx", "--no-deps funasr-onnx")),
}
"""Module and package of each."""


class Reader(Protocol):
    """A loaded rival."""

    engine: str
    """What it runs, such as ``onnx-int8``."""

    def read(self, waves: Sequence[Wave]) -> list[list[int]]:
        """Return the token ids of each region, all in one batch."""


def find_missing(rival: Rival, *, device: str) -> Missing | None:
    """Return why a rival can't run here; None when it can."""
    needed = {"funasr": "funasr"}
    if rival in _FROM_WHEELS:
        module, package = _FROM_WHEELS[rival]
        needed = {module: package, **needed, "onnx": "onnx", "onnxruntime": "onnxruntime", "onnxscript": "onnxscript"}
        if device != "cpu":
            return Missing(package, why="its wheel is for CPUs")
    return next((Missing(package) for module, package in needed.items() if find_spec(module) is None), None)


def export_models(checkpoint: Path, folder: Path, *, log: Path, progress: Callable[[str], None]) -> Path:
    """
    Return the folder of the models that the rivals read; made when it isn't there yet.

    Parameters
    ----------
    checkpoint : Path
        A recogniser's folder in FunASR's own format.
    folder : Path
        Keeps them, each checkpoint's under a hash of its files and of the packages that exported them.
    log : Path
        Gets what FunASR prints.
    progress : callable
        Told when it will take minutes.

    Raises
    ------
    ConfigurationFault
        The export failed; the message has the last lines of its log.
    """
    models = folder / _fingerprint(checkpoint)
    if models.is_dir():
        return models
    progress("rivals: exporting their ONNX models with FunASR; once for a checkpoint, some minutes")
    new = models.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as printed:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [sys.executable, "-m", "bench.rivals_export", str(checkpoint), str(new)],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            check=False,
        )
    if done.returncode:
        last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise ConfigurationFault("FunASR can't export the checkpoint", why=" | ".join(last))
    new.rename(models)
    return models


def load_rival(rival: Rival, models: Path, settings: Settings) -> Reader:
    """Load a rival; its process may do nothing else, for some set threads for all of it."""
    threads = settings.cpu_threads
    match rival:
        case Rival.SHERPA_ONNX_INT8 | Rival.SHERPA_ONNX_FP32:
            return _SherpaOnnx(models / SHERPA_ONNX, int8=rival is Rival.SHERPA_ONNX_INT8, threads=threads)
        case Rival.FUNASR_ONNX_INT8 | Rival.FUNASR_ONNX_FP32:
            return _FunasrOnnx(models / FUNASR_ONNX, int8=rival is Rival.FUNASR_ONNX_INT8, threads=threads)
        case Rival.STOCK:
            return _Stock(Path(settings.checkpoint), device=settings.device, threads=threads)


class _SherpaOnnx(Reader):
    def __init__(self, folder: Path, *, int8: bool, threads: int) -> None:
        import sherpa_onnx  # noqa: PLC0415 - no other rival's process needs it

        self.engine = "onnx-int8" if int8 else "onnx-fp32"
        self._recogniser = sherpa_onnx.OfflineRecognizer.from_sense_voice(
            model=str(folder / ("model.int8.onnx" if int8 else "model.onnx")),
            tokens=str(folder / TOKENS),
            num_threads=threads,
            language="auto",
            use_itn=True,
        )
        self._ids = read_tokens(folder / TOKENS)

    @override
    def read(self, waves: Sequence[Wave]) -> list[list[int]]:
        streams = []
        for wave in waves:
            stream = self._recogniser.create_stream()
            stream.accept_waveform(SAMPLE_RATE_HZ, wave)
            streams.append(stream)
        self._recogniser.decode_streams(streams)
        return [[self._ids[token] for token in stream.result.tokens] for stream in streams]


def read_tokens(path: Path) -> Mapping[str, int]:
    """Return the id of each token as sherpa-onnx spells it: with a space where the tokenizer has its own mark."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # a token may itself be what `splitlines` splits at
    pairs = (line.rpartition(" ") for line in lines)
    return {token.replace("▁", " "): int(number) for token, _, number in pairs}


class _FunasrOnnx(Reader):
    def __init__(self, folder: Path, *, int8: bool, threads: int) -> None:
        from funasr_onnx import SenseVoiceSmall  # noqa: PLC0415 - no other rival's process needs it

        self.engine = "onnx-int8" if int8 else "onnx-fp32"
        self._recogniser = SenseVoiceSmall(
            str(folder), batch_size=_ALL, quantize=int8, intra_op_num_threads=threads, device_id="-1"
        )
        self._recogniser.tokenizer = _Unspelt()
        # A batch of it is a list of files. Everybody here has the sound in memory already, so it shall not read any.
        self._recogniser.load_data = lambda waves, _rate: waves

    @override
    def read(self, waves: Sequence[Wave]) -> list[list[int]]:
        ids: list[list[int]] = self._recogniser(list(waves), language="auto", textnorm="withitn")
        return ids


class _Stock(Reader):
    def __init__(self, checkpoint: Path, *, device: str, threads: int) -> None:
        import torch  # noqa: PLC0415 - the other rivals' processes do without it
        from funasr import AutoModel  # noqa: PLC0415 - takes 6 s

        self._tensor = torch.from_numpy
        self.engine = "funasr-fp32"
        self._recogniser = AutoModel(
            model=str(checkpoint),
            device=device,
            ncpu=threads,
            # FunASR's default makes the features random from run to run.
            frontend_conf={"dither": 0.0},
            # Without this an index is asked for a newer FunASR, with no time-out.
            disable_update=True,
            disable_pbar=True,
            trust_remote_code=False,
            log_level="ERROR",
        )

    @override
    def read(self, waves: Sequence[Wave]) -> list[list[int]]:
        results: list[dict[str, Any]] = self._recogniser.generate(
            input=[self._tensor(wave) for wave in waves],
            batch_size=len(waves),
            language="auto",
            use_itn=True,
            tokenizer=_Unspelt(),
        )
        return [result["text"] for result in results]


class _Unspelt:
    """A tokenizer that leaves ids as they are."""

    def decode(self, ids: Sequence[int]) -> list[int]:
        return [int(number) for number in ids]


def _fingerprint(checkpoint: Path) -> str:
    digest = hashlib.sha256(f"{_EXPORT_VERSION}".encode())
    for package in _EXPORT_PACKAGES:
        digest.update(f" {package} {version(package)}".encode())
    for path in sorted(checkpoint.iterdir()):
        if path.is_file():
            digest.update(f" {path.name} ".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
