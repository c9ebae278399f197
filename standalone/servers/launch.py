"""What the servers of one machine have in common: a locked state folder, secrets, a start that waits for an answer."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from callscope.errors import ServerMissing, StateFolderInUse
from callscope.processes import ChildProcess, ChildSpec, Supervisor, monotonic_ms

START_TIMEOUT_MS = 60_000
"""Servers answer within seconds; a machine that is busy with other things may take longer."""

_POLL_MS = 20
_PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A server that can be started: its folder is made, its ports are chosen."""

    children: tuple[ChildSpec, ...]
    is_ready: Callable[[], bool]
    """Asks the server itself."""


@contextmanager
def locked(state_folder: Path) -> Iterator[None]:
    """
    Hold the state folder; the lock ends with this process, however that ends.

    Raises
    ------
    StateFolderInUse
        Another launcher holds it: two servers on the same data would destroy it.
    """
    state_folder.mkdir(parents=True, exist_ok=True)
    with (state_folder / "servers.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise StateFolderInUse(
                f"the servers on {state_folder} are running already", why=f"process {lock.read().strip()} started them"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def start(supervisor: Supervisor, prepare: Callable[[], Prepared]) -> None:
    """
    Start a server and wait until it answers.

    Parameters
    ----------
    supervisor : Supervisor
        Keeps the server's processes from then on.
    prepare : callable
        Called again, for other ports, when somebody else took one between our choice and the server's start.

    Raises
    ------
    ServerMissing
        It ended, or didn't answer in time; the message carries its last log lines.
    """
    for remaining in reversed(range(_PORT_TRIES)):
        prepared = prepare()
        processes = [supervisor.start(spec) for spec in prepared.children]
        try:
            _wait_until_ready(prepared, processes)
        except ServerMissing as error:
            supervisor.stop([process.spec.name for process in processes])
            if not remaining or "in use" not in error.why:
                raise
        else:
            return


def _wait_until_ready(prepared: Prepared, processes: Sequence[ChildProcess]) -> None:
    deadline_ms = monotonic_ms() + START_TIMEOUT_MS
    while not prepared.is_ready():
        for process in processes:
            if (code := process.poll()) is not None:
                raise ServerMissing(
                    f"{process.spec.name} ended with exit code {code} while it was started", why=process.log_tail()
                )
        if monotonic_ms() > deadline_ms:
            names = ", ".join(process.spec.name for process in processes)
            logs = "\n".join(process.log_tail() for process in processes)
            raise ServerMissing(f"{names} didn't answer within {START_TIMEOUT_MS} ms", why=logs)
        time.sleep(_POLL_MS / 1_000)


def secret(file: Path) -> str:
    """Return the password kept in ``file``, for this user's eyes; made at the first call."""
    with suppress(FileNotFoundError):
        return file.read_text(encoding="ascii")
    password = secrets.token_hex(16)
    write_private(file, password)
    return password


def write_private(file: Path, text: str) -> None:
    """Write a file, whole or not at all, that only this user may read."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
        written.write(text)
    new.replace(file)


def wait_until_unused(folder: Path) -> None:
    """
    Wait until no process works in ``folder``: the servers of a launcher that was just killed need a moment to end.

    Raises
    ------
    ServerMissing
        One still works there after `START_TIMEOUT_MS`.
    """
    deadline_ms = monotonic_ms() + START_TIMEOUT_MS
    while pids := [
        entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and _works_in(entry, folder)
    ]:
        if monotonic_ms() > deadline_ms:
            raise ServerMissing(f"the data in {folder} is in the hands of process {', '.join(pids)}", why="it runs on")
        time.sleep(_POLL_MS / 1_000)


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False  # it has ended, or is another user's
