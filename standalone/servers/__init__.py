"""
Real servers for one machine, from wheels: Postgres, Valkey, and Swift as S3 server.

They are child processes on free loopback ports with their data under the state folder. They end with the launcher,
also when it is killed with -9, and go on with the same data at the next start. A server whose URL is set is not
started: that one is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from callscope.processes import Supervisor
from callscope.settings import Settings
from standalone.servers import launch, postgres, swift, valkey


@dataclass(frozen=True, slots=True)
class RunningServers:
    """The servers that were asked for, each of them answering."""

    settings: Settings
    """As given, with the URLs and keys of what was started."""
    supervisor: Supervisor
    """Keeps those that were started; call its `check` now and then, and one that was killed comes back as it was."""


@contextmanager
def run_servers(
    settings: Settings, *, database: bool = True, broker: bool = True, s3: bool | None = None, durable: bool = True
) -> Iterator[RunningServers]:
    """
    Run the servers that are asked for and have no URL yet, until the block ends.

    Call it from the main thread: a child ends with the thread that started it.

    Parameters
    ----------
    settings : Settings
        Names the state folder, and the servers that are there already.
    database, broker : bool
        Whether Postgres and Valkey are wanted.
    s3 : bool, optional
        Whether an S3 server is wanted; None: when the settings' store is one.
    durable : bool
        False: nothing is synced to disk, which is for tests.

    Raises
    ------
    StateFolderInUse
        Another launcher runs its servers on this state folder.
    ServerMissing
        A server isn't installed, or can't be started; the message carries its last log lines.
    """
    folder = settings.state_folder.resolve()
    logs = folder / "logs"
    found: dict[str, Any] = {}

    def prepare_database() -> launch.Prepared:
        prepared, url = postgres.prepare(folder / "postgres", logs, durable=durable)
        found["database_url"] = SecretStr(url)
        return prepared

    def prepare_broker() -> launch.Prepared:
        prepared, url = valkey.prepare(folder / "valkey", logs, durable=durable)
        found["broker_url"] = SecretStr(url)
        return prepared

    def prepare_s3() -> launch.Prepared:
        prepared, access = swift.prepare(folder / "swift", logs)
        found["s3_endpoint"], found["s3_access_key"] = access.endpoint, access.access_key
        found["s3_secret_key"] = SecretStr(access.secret_key)
        return prepared

    wanted = []
    if database and settings.database_url is None:
        wanted.append(prepare_database)
    if broker and settings.broker_url is None:
        wanted.append(prepare_broker)
    if (settings.store == "s3" if s3 is None else s3) and settings.s3_endpoint is None:
        wanted.append(prepare_s3)
    if not wanted:
        yield RunningServers(settings, Supervisor())
        return
    with launch.locked(folder), Supervisor() as supervisor:
        for prepare in wanted:
            launch.start(supervisor, prepare)
        yield RunningServers(settings.model_copy(update=found), supervisor)
