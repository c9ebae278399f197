"""The recogniser that the settings name, loaded and ready."""

from __future__ import annotations

import torch

from callscope.errors import InvalidSetting
from callscope.ports import Recogniser
from callscope.settings import Settings
from workers.recogniser.checkpoint import read_sense_voice, read_vad
from workers.recogniser.devices import find_device
from workers.recogniser.funasr_engine import FunasrRecogniser
from workers.recogniser.hub import find_recogniser, find_vad
from workers.recogniser.torch_engine import TorchRecogniser


def load_recogniser(settings: Settings) -> Recogniser:
    """
    Load the checkpoint that the settings name, on the device they name, in the engine they name.

    Parameters
    ----------
    settings : Settings
        ``checkpoint``, ``vad_checkpoint``, ``engine``, ``dtype``, ``device``, ``cpu_threads``. The threads are torch's
        for the whole process.

    Raises
    ------
    CheckpointMissing
        The folder or one of its files isn't there, and can't be fetched.
    CheckpointInvalid
        A file is damaged, isn't the one that was announced, or is of another class of model.
    DeviceMissing
        Torch doesn't see the device; no other is taken.
    """
    device = find_device(settings.device)
    if settings.cpu_threads:
        torch.set_num_threads(settings.cpu_threads)
    checkpoint = read_sense_voice(find_recogniser(settings.checkpoint))
    vad = read_vad(find_vad(settings.vad_checkpoint, recogniser=settings.checkpoint))
    match settings.engine:
        case "torch":
            return TorchRecogniser(checkpoint, vad, device=device, dtype=settings.dtype)
        case "funasr":
            if settings.dtype != "fp32":
                raise InvalidSetting("CALLSCOPE_DTYPE: the funasr engine runs in fp32 only")
            return FunasrRecogniser(checkpoint, vad, device=device, cpu_threads=torch.get_num_threads())
