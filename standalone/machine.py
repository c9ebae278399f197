"""Everything on one machine: the servers, the schema, the bucket, the cluster; started together, stopped in order."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from pydantic import SecretStr

from api.security.secret import kept_secret
from callscope.errors import ServerMissing
from callscope.processes import ChildExit, free_ports
from callscope.settings import Settings
from callscope.storage import open_storage
from models.keys import Scope, find_by_token, replace_key
from models.session import Session, connected, transaction, upgrade
from standalone.cluster import Cluster
from standalone.servers import RunningServers, run_servers
from standalone.servers.launch import write_private

_GIVE_UP_AFTER = 3
"""Restarts of one part; what fails so often at its start fails for a reason that its log tells."""


_ADMIN_KEY_FILE = "api-key"
_CALLBACK_FILE = "callback-secret"
_ADMIN = "this machine"
"""Name of the key that the launcher keeps for whoever runs it."""
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the pages and the API are, and the key that opens them."""

    url: str
    key: str | None
    """None: no key is asked for."""
    key_file: Path


@dataclass(frozen=True, slots=True)
class Machine:
    """A running cluster and its servers."""

    servers: RunningServers
    cluster: Cluster
    pages: Pages | None
    """None: they aren't served."""
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
def run_machine(
    settings: Settings, *, devices: Sequence[str], on_step: Callable[[str], None], pages: bool = False
) -> Iterator[Machine]:
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
    pages : bool
        Whether the pages and the API are served too.

    Raises
    ------
    ConfigurationFault
        Something isn't there or can't be started.
    """
    on_step("starting the servers")
    with run_servers(settings) as started:
        servers = started
        upgrade(servers.settings.require_database_url())
        open_storage(servers.settings).ensure_bucket(settings.bucket)
        served = None
        if pages:
            served, settings = _prepare_pages(started.settings)
            servers = replace(started, settings=settings)
        on_step(f"starting producer, workers, writers{', pages' if pages else ''} and Flower")
        with (
            Cluster(servers.settings, devices=devices, pages=pages) as cluster,
            _told(servers.settings) as running_file,
        ):
            yield Machine(servers, cluster, served, running_file)
            on_step("stopping")


def _prepare_pages(settings: Settings) -> tuple[Pages, Settings]:
    """Return where the pages will be, and the settings with what serving them needs; it is made once and kept."""
    port = settings.api_port or free_ports(1)[0]
    url = f"http://{f'[{settings.api_host}]' if ':' in settings.api_host else settings.api_host}:{port}"
    made = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    callback_secret = settings.callback_secret or SecretStr(kept_secret(settings.state_folder / _CALLBACK_FILE, made))
    key_file = settings.state_folder / _ADMIN_KEY_FILE
    key = None
    if settings.api_auth == "keys":
        with connected(settings.require_database_url()) as engine, transaction(engine) as session:
            key = _admin_key(session, key_file)
    update = {"api_port": port, "page_url": settings.page_url or url, "callback_secret": callback_secret}
    return Pages(url, key, key_file), settings.model_copy(update=update)


def _admin_key(session: Session, file: Path) -> str:
    """Return the key that lies in a file, or a new one when it isn't valid any more."""
    kept = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    if kept and find_by_token(session, kept):
        return kept
    made = replace_key(session, _ADMIN, tuple(Scope))
    write_private(file, made + "\n")
    return made


@contextmanager
def _told(settings: Settings) -> Iterator[Path]:
    """Write the addresses and passwords of what runs where a shell can read them, until the block ends."""
    file = settings.state_folder / "running.env"
    write_private(file, "".join(f"export {name}={quote(value)}\n" for name, value in settings.as_environment().items()))
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
