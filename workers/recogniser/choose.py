"""Which engine and number format a device is fastest with, by what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from callscope.errors import InvalidSetting

EngineName = Literal["torch", "onnx", "funasr"]
Dtype = Literal["fp32", "bf16", "int8"]

EXTRAS: Mapping[EngineName, tuple[str, frozenset[str]]] = {
    "onnx": ("onnx", frozenset({"onnx", "onnxruntime"})),
    "funasr": ("funasr", frozenset({"funasr"})),
}
"""For an engine that needs more than torch: callscope's extra that brings it, and the packages in it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a recogniser runs on."""

    engine: EngineName
    dtype: Dtype
    why: str
    """A sentence for the log."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A combination that exists on a kind of device."""

    engine: EngineName
    dtype: Dtype
    features: frozenset[str] | None
    """One of them makes it the fastest where nothing before it in its table fits; None: it is never the fastest."""
    why: str = ""
    """It is the fastest."""


_ANYWHERE: frozenset[str] = frozenset()

# The fastest first, as measured on one core at the published sizes: speech in clips of 5 s, times real time. On an
# Intel Xeon with its AMX, and with it switched off; bf16 without AMX on an AMD EPYC.
_CPU = (
    _Candidate("onnx", "int8", frozenset({"amx_int8"}), "a core with AMX reads 74 times real time, torch in bf16 54"),
    _Candidate("torch", "bf16", frozenset({"amx_bf16"}), "a core with AMX reads 54 times real time, in fp32 17"),
    _Candidate(
        "onnx",
        "int8",
        frozenset({"avx512_vnni", "avx_vnni", "avx2"}),
        "a core without AMX reads 45 times real time, torch in fp32 18",
    ),
    _Candidate(
        "torch",
        "bf16",
        frozenset({"avx512_bf16"}),
        "onnxruntime isn't installed; without it a core reads 17 times real time, in fp32 9",
    ),
    _Candidate("torch", "fp32", _ANYWHERE, "nothing that would be faster fits this CPU and what is installed"),
    _Candidate("onnx", "fp32", None),
    _Candidate("funasr", "fp32", None),
)
_ACCELERATOR = (
    _Candidate("torch", "bf16", frozenset({"bf16"}), "the device multiplies bf16"),
    _Candidate("torch", "fp32", _ANYWHERE, "the device doesn't multiply bf16"),
    _Candidate("funasr", "fp32", None),
)


def choose(
    device: str,
    features: AbstractSet[str],
    *,
    importable: AbstractSet[str],
    engine: EngineName | Literal["auto"] = "auto",
    dtype: Dtype | Literal["auto"] = "auto",
) -> Choice:
    """
    Choose what a recogniser runs on.

    Parameters
    ----------
    device : str
        Kind of device: ``cpu``, ``cuda``, ...
    features : set of str
        Of the device, from `workers.recogniser.devices.find_features`.
    importable : set of str
        Packages of `EXTRAS` that are installed.
    engine, dtype : str
        What is asked for; ``auto``: the fastest. A number format that is asked for is taken however slow it is.

    Raises
    ------
    InvalidSetting
        What is asked for doesn't exist, not on this device, or isn't installed.
    """
    table = _CPU if device == "cpu" else _ACCELERATOR
    existing = [
        candidate for candidate in table if engine in {"auto", candidate.engine} and dtype in {"auto", candidate.dtype}
    ]
    if not existing:
        raise InvalidSetting(
            f"CALLSCOPE_ENGINE={engine} with CALLSCOPE_DTYPE={dtype} doesn't exist on {device}",
            why="there is " + ", ".join(f"{candidate.engine} in {candidate.dtype}" for candidate in table),
        )
    installed = [candidate for candidate in existing if not _missing(candidate.engine, importable)]
    if not installed:
        extra, packages = EXTRAS[existing[0].engine]
        raise InvalidSetting(
            f"CALLSCOPE_ENGINE={engine} with CALLSCOPE_DTYPE={dtype} needs packages that aren't installed",
            why=f"{', '.join(sorted(packages - importable))}; pip install 'callscope[{extra}]'",
        )
    for candidate in installed:
        if candidate.features is not None and (not candidate.features or candidate.features & features):
            why = candidate.why if engine == dtype == "auto" else "the fastest of what was asked for"
            return Choice(candidate.engine, candidate.dtype, why)
    # By name, though the device isn't made for it.
    return Choice(installed[0].engine, installed[0].dtype, "it was asked for")


def _missing(engine: EngineName, importable: AbstractSet[str]) -> bool:
    return engine in EXTRAS and not EXTRAS[engine][1] <= importable
