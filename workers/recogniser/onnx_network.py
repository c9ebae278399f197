"""SenseVoiceSmall on ONNX Runtime, on the CPU: a graph of our own, built once for a checkpoint and kept on disk."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import structlog
import torch
from torch import Tensor

from callscope.calls import Language
from callscope.errors import ConfigurationFault, OutOfDeviceMemory, RecogniserFailed
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, load_weights
from workers.recogniser.devices import find_features
from workers.recogniser.encoder import SenseVoice, query_rows
from workers.recogniser.onnx_graph import GRAPH_VERSION, Dtype, build_graph

_USER_FOLDER = Path(".cache", "callscope", "onnx")
"""Below the home folder: where graphs lie whose checkpoint's own folder can't be written to."""
_MODEL, _WEIGHTS, _DIGEST = "model.onnx", "weights.bin", "sha256"
_INLINE_BYTES = 1_024
"""Larger constants lie in a file of their own, which is mapped instead of read: it takes half the memory to load."""
_BATCH_FRAMES = 500
"""Half a minute of speech; what ONNX Runtime holds of more between two layers falls out of a core's cache."""
_LARGEST, _LARGEST_IN_16_BITS = 127, 63
"""What a layer's largest weight becomes in int8: 2 * 255 * 63 is the most that fits in 16 bits with a sign."""
_OUT_OF_MEMORY = ("Failed to allocate memory", "bad_alloc")

_log = structlog.get_logger(__name__)


class OnnxNetwork:
    """
    The `workers.recogniser.encoder.Network` of a checkpoint. Each of the threads that call it computes by itself.

    Parameters
    ----------
    checkpoint : SenseVoiceCheckpoint
        Weights and config. The graph is kept in its folder, under ``onnx``, or else below ``~/.cache/callscope``.
    vocabulary : int
        Number of tokens, the blank included.
    dtype : {"fp32", "int8"}
        Of the linear layers. In int8 the activations of a batch share a scale, so an item's scores depend a little on
        what it is batched with.

    Raises
    ------
    CheckpointInvalid
        The weights aren't those of the config and the tokenizer.
    ConfigurationFault
        The graph can't be written anywhere.
    """

    def __init__(self, checkpoint: SenseVoiceCheckpoint, *, vocabulary: int, dtype: Dtype) -> None:
        config = checkpoint.config
        with torch.device("meta"):
            network = SenseVoice(config.encoder_conf, features=config.frontend_conf.features, vocabulary=vocabulary)
        load_weights(network, checkpoint.weights, folder=checkpoint.folder)
        self.name = f"onnx-{dtype}"
        self.batch_frames = _BATCH_FRAMES
        self._session = _open(_find_graph(checkpoint, dtype))

    def read(
        self, features: Tensor, lengths: Sequence[int], languages: Sequence[Language | None]
    ) -> tuple[Tensor, Tensor]:
        """
        Read a batch; see `Network.read`.

        Raises
        ------
        OutOfDeviceMemory
            The batch is too large for the machine.
        RecogniserFailed
            ONNX Runtime raised.
        """
        batch = {
            "features": features.contiguous().numpy(),
            "lengths": np.array(lengths, dtype=np.int64),
            "queries": np.array(query_rows(languages), dtype=np.int64),
        }
        try:
            ids, scores = self._session.run(["ids", "scores"], batch)
        except Exception as error:  # its errors have no class in common
            kind = OutOfDeviceMemory if any(mark in str(error) for mark in _OUT_OF_MEMORY) else RecogniserFailed
            raise kind("ONNX Runtime failed on a batch", why=str(error).partition("\n")[0]) from error
        return torch.from_numpy(ids), torch.from_numpy(scores)


def _open(graph: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # The executor's lanes are the threads: no layer waits for the slowest of several.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # It plans memory for each shape that it meets, and no two batches are alike.
    options.enable_mem_pattern = False
    # The fused one isn't vectorised: it takes three times as long as what it stands for.
    skipped = ["SkipLayerNormFusion"]
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=skipped)


def _find_graph(checkpoint: SenseVoiceCheckpoint, dtype: Dtype) -> Path:
    """Return the checkpoint's graph, built unless it is there: beside the checkpoint, or else in the user's folder."""
    largest = _LARGEST if _multiplies_in_32_bits() else _LARGEST_IN_16_BITS
    facts = [GRAPH_VERSION, largest, checkpoint.config.encoder_conf.model_dump(mode="json")]
    name = f"{checkpoint.identity}-{dtype}-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:8]}"
    folders = [root / name for root in (checkpoint.folder / "onnx", Path.home() / _USER_FOLDER)]
    refusals = []
    for folder in folders:
        if _is_whole(folder):
            return folder / _MODEL
    for folder in folders:
        try:
            with _locked(folder.parent):
                if not _is_whole(folder):  # or else another process built it meanwhile
                    _build(checkpoint, folder, dtype=dtype, largest=largest)
        except OSError as error:
            refusals.append(str(error))
        else:
            return folder / _MODEL
    raise ConfigurationFault("the checkpoint's ONNX graph can't be written to disk", why="; ".join(refusals))


def _multiplies_in_32_bits() -> bool:
    """Tell whether sums of int8 products are exact; an x86 CPU without VNNI adds each two of them in 16 bits."""
    is_x86 = torch.cpu.get_capabilities()["architecture"] == "x86_64"
    return not is_x86 or not find_features(torch.device("cpu")).isdisjoint({"avx512_vnni", "avx_vnni"})


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Let one process at a time look and build; the kernel lets the lock go with the process, however it ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(checkpoint: SenseVoiceCheckpoint, folder: Path, *, dtype: Dtype, largest: int) -> None:
    graph = build_graph(checkpoint.weights, checkpoint.config.encoder_conf, dtype=dtype, largest=largest)
    unfinished = folder.with_name("unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    onnx.save_model(
        graph, unfinished / _MODEL, save_as_external_data=True, location=_WEIGHTS, size_threshold=_INLINE_BYTES
    )
    (unfinished / _DIGEST).write_text(_digest(unfinished), encoding="ascii")
    kind = folder.name.rpartition("-")[0]
    for old in folder.parent.iterdir():  # damaged, or of an older version
        if old.name.rpartition("-")[0] == kind:
            shutil.rmtree(old)
    unfinished.rename(folder)
    _log.info("graph_built", folder=str(folder))


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / _DIGEST).read_text(encoding="ascii") == _digest(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _digest(folder: Path) -> str:
    digests = []
    for name in (_MODEL, _WEIGHTS):
        with (folder / name).open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return " ".join(digests)
