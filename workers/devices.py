"""Devices as they are named on the command line."""

from __future__ import annotations

from callscope.errors import UsageError


def parse_devices(text: str) -> tuple[str, ...]:
    """
    Read ``cuda:0,cuda:1``: one process for each, so a device named twice gets two.

    Whether a device is there only its own process can tell, for looking needs torch.

    Raises
    ------
    UsageError
        None is named, or one is empty.
    """
    devices = tuple(name.strip() for name in text.split(","))
    if not all(devices):
        raise UsageError(f"--devices {text!r} names no device, or an empty one", why="it looks like cuda:0,cuda:1")
    return devices
