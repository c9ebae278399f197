"""What a figure was measured on: processor, memory, GPU, versions, revision; and how large a process is."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PACKAGES = ("torch", "onnxruntime", "funasr", "sherpa-onnx", "funasr-onnx", "numpy", "openvino", "triton")
"""Whose versions a figure depends on; one that isn't installed is None."""

_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "avx_vnni", "asimddp", "i8mm", "sve")
"""What an engine's speed hangs on."""

_KB_PER_MB = 1024


@dataclass(frozen=True, slots=True)
class Hardware:
    """Of the machine that the benchmark runs on."""

    cpu: str
    flags: tuple[str, ...]
    """Those of the processor's instruction sets that engines make use of."""
    cores: int
    """That this process may use."""
    memory_gb: int
    gpus: tuple[str, ...]
    """Name, memory and driver of each NVIDIA GPU."""

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        return asdict(self)


def find_hardware() -> Hardware:
    """Look at this machine."""
    about = _read("/proc/cpuinfo")
    model = re.search(r"^model name\s*:\s*(.+)$", about, re.MULTILINE)
    present = set(next(iter(re.findall(r"^(?:flags|Features)\s*:\s*(.+)$", about, re.MULTILINE)), "").split())
    memory_kb = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"), re.MULTILINE)
    return Hardware(
        cpu=model[1] if model else platform.processor() or platform.machine(),
        flags=tuple(flag for flag in _FLAGS if flag in present),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(int(memory_kb[1]) / _KB_PER_MB**2) if memory_kb else 0,
        gpus=_find_gpus(),
    )


def find_versions() -> dict[str, str | None]:
    """Return the versions of Python and of `PACKAGES`."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def find_revision() -> str | None:
    """Return the commit of this checkout, with a + when files were changed; None outside of one."""
    git = shutil.which("git")
    if git is None:
        return None
    asked = [git, "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    return answer.stdout.strip() or None


def find_command() -> str:
    """Return how this run was called."""
    return shlex.join(["callscope", *sys.argv[1:]])


def resident_mb(pid: int) -> float:
    """Return how much memory a process holds, in MB; 0 when it is gone."""
    return _status_mb(pid, "VmRSS")


def peak_resident_mb(pid: int) -> float:
    """Return the most memory that a process held so far, in MB; 0 when it is gone."""
    return _status_mb(pid, "VmHWM")


def processor_s(pid: int) -> float:
    """Return how much processor time a process and its threads have used so far, in seconds; 0 when it is gone."""
    # Its name, in parentheses, may hold anything; behind it, fields 14 and 15 of the line are user and system time.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _status_mb(pid: int, name: str) -> float:
    found = re.search(rf"^{name}:\s*(\d+)", _read(f"/proc/{pid}/status"), re.MULTILINE)
    return round(int(found[1]) / _KB_PER_MB, 1) if found else 0.0


def _find_gpus() -> tuple[str, ...]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    asked = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    return tuple(line.strip() for line in answer.stdout.splitlines()) if answer.returncode == 0 else ()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
