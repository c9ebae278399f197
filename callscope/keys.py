"""Which objects of the store are recordings."""

from __future__ import annotations

SIDECAR_SUFFIX = ".json"
"""What telephony tells of ``call.wav`` may lie beside it as ``call.wav.json``."""

UNFINISHED_SUFFIXES = (".tmp", ".part")


def is_recording(key: str) -> bool:
    """Tell whether a key is a recording's: no folder mark, no sidecar, nothing hidden, no unfinished upload."""
    if key.endswith(("/", SIDECAR_SUFFIX, *UNFINISHED_SUFFIXES)):
        return False
    return not any(part.startswith(".") for part in key.split("/"))
