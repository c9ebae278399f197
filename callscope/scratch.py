"""A private folder for each process, and no leftovers of processes that were killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOCK = "lock"


@contextmanager
def scratch_folder(state_folder: Path) -> Iterator[Path]:
    """
    Yield a new folder below the state folder that is this process's alone; it is removed at the end.

    Each folder holds a file that its process keeps locked. The kernel lets the lock go with the process, however it
    ends, so whoever comes next knows which folders are nobody's, and removes them.
    """
    root = state_folder / "scratch"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(root / _LOCK):  # or a folder just made and not locked yet would be taken for a leftover
        for leftover in [path for path in root.iterdir() if path.is_dir()]:
            _remove_if_unlocked(leftover)
        folder = Path(tempfile.mkdtemp(dir=root))
        own = _lock(folder / _LOCK)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(own)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    descriptor = _lock(file)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(file: Path) -> int:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _remove_if_unlocked(folder: Path) -> None:
    with suppress(OSError):  # locked, or another process removed it first
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(descriptor)
