"""Which devices torch sees here; asked for one that isn't there, nothing else is taken instead."""

from __future__ import annotations

import torch

from callscope.errors import DeviceMissing


def available_devices() -> list[str]:
    """Return the names that `find_device` takes on this machine: ``cpu``, then the accelerator's devices if any."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return ["cpu"]
    return ["cpu", *(f"{accelerator.type}:{index}" for index in range(torch.accelerator.device_count()))]


def find_device(name: str) -> torch.device:
    """
    Return the device of that name.

    Parameters
    ----------
    name : str
        ``cpu``, ``cuda:0``, ``npu:1``, ``mlu:0``, ...; without a number the first one is meant.

    Raises
    ------
    DeviceMissing
        Torch doesn't see it; the message names what it sees.
    """
    exact = name if name == "cpu" or ":" in name else f"{name}:0"
    there = available_devices()
    if exact not in there:
        raise DeviceMissing(
            f"there is no device {name} here", why=f"torch {torch.__version__} sees: {', '.join(there)}"
        )
    return torch.device(exact)
