"""Which devices torch sees here, and what they are good at; asked for one that isn't there, no other is taken."""

from __future__ import annotations

import os
from importlib import import_module

import torch

from callscope.errors import DeviceMissing

_KINDS = ("cuda", "npu", "mlu")
_PLUG_INS = {"npu": "torch_npu", "mlu": "torch_mlu"}
"""Packages that teach torch a kind of device."""


def available_devices() -> list[str]:
    """Return the names that `find_device` takes on this machine: ``cpu``, then the accelerators' devices if any."""
    modules = {kind: getattr(torch, kind, None) for kind in _KINDS}
    counts = {kind: module.device_count() for kind, module in modules.items() if module and module.is_available()}
    return ["cpu", *(f"{kind}:{index}" for kind, count in counts.items() for index in range(count))]


def find_device(name: str) -> torch.device:
    """
    Return the device of that name.

    Parameters
    ----------
    name : str
        ``cpu``, ``cuda:0``, ``npu:1``, ``mlu:0``; without a number the first one is meant.

    Raises
    ------
    DeviceMissing
        Torch doesn't see it; the message names what it sees, or the package without which it can't.
    """
    exact = name if name == "cpu" or ":" in name else f"{name}:0"
    kind = exact.partition(":")[0]
    if plug_in := _PLUG_INS.get(kind):
        try:
            import_module(plug_in)
        except ImportError as error:
            raise DeviceMissing(
                f"there is no device {name} here",
                why=f"torch reaches {kind} devices through the package {plug_in}; install the one that was made "
                f"for torch {torch.__version__} ({error})",
            ) from error
    there = available_devices()
    if exact not in there:
        raise DeviceMissing(
            f"there is no device {name} here", why=f"torch {torch.__version__} sees: {', '.join(there)}"
        )
    return torch.device(exact)


def find_features(device: torch.device) -> frozenset[str]:
    """Return what a device computes by itself: for a CPU its instruction sets, otherwise ``bf16`` or nothing."""
    match device.type:
        case "cpu":
            return frozenset(name for name, value in torch.cpu.get_capabilities().items() if value is True)
        case "cuda":
            # Older ones take bf16 too, and compute it step by step in fp32.
            has_bf16 = torch.cuda.get_device_capability(device) >= (8, 0)
        case _:
            has_bf16 = torch.get_device_module(device).is_bf16_supported()
    return frozenset({"bf16"} if has_bf16 else ())


def usable_cores() -> int:
    """Return how many of the machine's cores this process may run on."""
    return len(os.sched_getaffinity(0))
