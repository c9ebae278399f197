"""Everything on one machine: the servers, the schema, the bucket, the cluster; started together, stopped in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from callscope.errors import ServerMissing
from callscope.processes import ChildExit
from callscope.settings import Settings
from callscope.storage import open_storage
from models.session import upgrade
from standalone.cluster import Cluster
from standalone.servers import RunningServers, run_servers
from standalone.servers.launch import write_private

_GIVE_UP_AFTER = 3
"""Restarts of one part; what fails so often at its start fails for a reason that its log tells."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A running cluster and its servers."""

    servers: RunningServers
    cluster: Cluster
    running_file: Path
    """Shell variables with which every command reaches this cluster."""

    @property
    def settings(self) -> Settings:
        """As given, with the addresses of what was started."""
        return self.servers.settings

    def check(self) -> list[ChildExit]:
        """
        Start again what ended; return what was found ended since the last call. Call it every now and then.

        Raises
        ------
        ServerMissing
            A part of the cluster ends again and again; the message carries its last log lines.
        """
        ended = [*self.servers.supervisor.check(), *self.cluster.check()]
        for part in self.cluster.health():
            if part.restarts >= _GIVE_UP_AFTER and part.exit_code is not None:
                raise ServerMissing(f"{part.name} ends again and again", why=self.cluster.log_tail(part.name))
        return ended


@contextmanager
def run_machine(settings: Settings, *, devices: Sequence[str], on_step: Callable[[str], None]) -> Iterator[Machine]:
    """
    Run the servers that have no address yet, and the whole cluster on them, until the block ends.

    Parameters
    ----------
    settings : Settings
        Of this machine.
    devices : sequence of str
        One worker process for each.
    on_step : callable
        Told what begins, in words for a person.

    Raises
    ------
    ConfigurationFault
        Something isn't there or can't be started.
    """
    on_step("starting the servers")
    with run_servers(settings) as servers:
        upgrade(servers.settings.require_database_url())
        open_storage(servers.settings).ensure_bucket(settings.bucket)
        on_step("starting producer, workers, writers and Flower")
        with Cluster(servers.settings, devices=devices) as cluster, _told(servers.settings) as running_file:
            yield Machine(servers, cluster, running_file)
            on_step("stopping")


@contextmanager
def _told(settings: Settings) -> Iterator[Path]:
    """Write the addresses and passwords of what runs where a shell can read them, until the block ends."""
    file = settings.state_folder / "running.env"
    write_private(file, "".join(f"export {name}={quote(value)}\n" for name, value in settings.as_environment().items()))
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
