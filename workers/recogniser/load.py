"""The recogniser that the settings name, loaded and ready."""

from __future__ import annotations

from importlib.util import find_spec

import structlog
import torch

from callscope.settings import Settings
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, read_sense_voice, read_vad
from workers.recogniser.choose import EXTRAS, Choice, choose
from workers.recogniser.devices import find_device, find_features, usable_cores
from workers.recogniser.encoder import Network
from workers.recogniser.engine import Engine
from workers.recogniser.hub import find_recogniser, find_vad
from workers.recogniser.packing import bound_kernel_caches
from workers.recogniser.recogniser import BatchingRecogniser
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.torch_engine import LeanEngine
from workers.recogniser.torch_network import TorchNetwork
from workers.recogniser.vad import SpeechDetector

_CPU_STRETCH_MS, _STRETCH_MS = 20_000, 60_000
"""Most that the speech detector scores in one piece: what fits a core's caches, what a GPU gains from."""

_log = structlog.get_logger(__name__)


def load_recogniser(settings: Settings) -> BatchingRecogniser:
    """
    Load the checkpoint that the settings name, in the engine and on the device they name; to be closed after use.

    Parameters
    ----------
    settings : Settings
        ``checkpoint``, ``vad_checkpoint``, ``engine``, ``dtype``, ``device``, ``cpu_threads``.

    Raises
    ------
    CheckpointMissing
        The folder or one of its files isn't there, and can't be fetched.
    CheckpointInvalid
        A file is damaged, isn't the one that was announced, or is of another class of model.
    DeviceMissing
        Torch doesn't see the device; no other is taken.
    InvalidSetting
        Engine and number format don't exist together, or not on this device, or aren't installed.
    """
    return BatchingRecogniser(load_engine(settings))


def load_engine(settings: Settings) -> Engine:
    """Load what `load_recogniser` puts behind its queue; the parameters and errors are the same."""
    device = find_device(settings.device)
    features = find_features(device)
    cores = settings.cpu_threads or usable_cores()
    if device.type == "cpu":
        bound_kernel_caches(cores)
    choice = choose(
        device.type,
        features,
        importable=frozenset(name for _, names in EXTRAS.values() for name in names if find_spec(name)),
        engine=settings.engine,
        dtype=settings.dtype,
    )
    _log.info("engine_chosen", device=str(device), engine=choice.engine, dtype=choice.dtype, why=choice.why)
    checkpoint = read_sense_voice(find_recogniser(settings.checkpoint))
    vad = read_vad(find_vad(settings.vad_checkpoint, recogniser=settings.checkpoint))
    if choice.engine == "funasr":
        # Imported only when asked for: it takes 6 s, and a worker's host need not have it.
        from workers.recogniser.funasr_engine import FunasrEngine  # noqa: PLC0415

        return FunasrEngine(checkpoint, vad, device=device, cores=cores)
    # In bf16 a core with AMX detects speech in 60 % of the time, and scores move by 0.008 at most.
    in_bf16 = choice.dtype != "fp32" and not features.isdisjoint({"amx_bf16", "bf16"})
    detector = SpeechDetector(
        vad,
        stretch_ms=_CPU_STRETCH_MS if device.type == "cpu" else _STRETCH_MS,
        dtype=torch.bfloat16 if in_bf16 else torch.float32,
    )
    return _lean_engine(checkpoint, detector.to(device).eval(), choice, device=device, cores=cores)


def _lean_engine(
    checkpoint: SenseVoiceCheckpoint, detector: SpeechDetector, choice: Choice, *, device: torch.device, cores: int
) -> LeanEngine:
    if device.type == "cuda":
        # cuDNN takes a shorter format for float32 convolutions unless it is told not to.
        torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    tokenizer = Tokenizer(checkpoint.tokenizer)
    network = _network(checkpoint, choice, vocabulary=tokenizer.size, device=device)
    return LeanEngine(checkpoint, tokenizer=tokenizer, detector=detector, network=network, device=device, cores=cores)


def _network(checkpoint: SenseVoiceCheckpoint, choice: Choice, *, vocabulary: int, device: torch.device) -> Network:
    match choice.engine, choice.dtype:
        case "torch", ("fp32" | "bf16") as dtype:
            return TorchNetwork(checkpoint, vocabulary=vocabulary, device=device, dtype=dtype)
        case "onnx", ("fp32" | "int8") as dtype:
            # A host that doesn't run it need not have it.
            from workers.recogniser.onnx_network import OnnxNetwork  # noqa: PLC0415

            return OnnxNetwork(checkpoint, vocabulary=vocabulary, dtype=dtype)
        case other:
            raise AssertionError(other)
