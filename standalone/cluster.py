"""The whole cluster on one machine: each role, the pages and Flower as supervised child processes."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from callscope.processes import LOOPBACK, ChildExit, ChildSpec, Supervisor, free_ports
from callscope.settings import Settings

PRODUCER = "producer"
WORKERS = "workers"
WRITERS = "writers"
NOTIFIER = "notifier"
PAGES = "pages"
FLOWER = "flower"

_WORKERS_GRACE_MS = 40_000
"""The workers' own supervisor gives each of them 30 s."""

_NOTIFIER_GRACE_MS = 70_000
"""What is under way is brought to its end: a translation, and a request."""

_FLOWER_TASKS = 10_000
"""Kept in Flower's memory; ten times as many, its default, are some hundred MB."""


@dataclass(frozen=True, slots=True)
class FlowerAccess:
    """Where the monitor is, and who may look."""

    url: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class ChildHealth:
    """How a part of the cluster is doing."""

    name: str
    pid: int
    exit_code: int | None
    """None while it runs; negative for a signal; it is started again."""
    restarts: int


class Cluster:
    """
    The cluster's processes; leave the `with` block, or call `stop`, to end them.

    Postgres, Redis and store must run: their addresses are in the settings.

    Parameters
    ----------
    settings : Settings
        Handed to every process as its environment.
    devices : sequence of str
        One worker process for each.
    writers : int > 0
        Writer processes.
    flower_port : int, optional
        0: any free one; None: no Flower.
    pages : bool
        Whether the pages and the API are served.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        devices: Sequence[str] = ("cpu",),
        writers: int = 2,
        flower_port: int | None = 0,
        pages: bool = False,
    ) -> None:
        self._settings = settings
        self._environment = settings.as_environment()
        self._devices = devices
        self._writers = writers
        self._pages = pages
        self._supervisor = Supervisor()
        self.flower = _flower_access(settings, flower_port) if flower_port is not None else None

    def start(self) -> None:
        """Start everything; call it from the main thread, for a child ends with the thread that started it."""
        self._start(WRITERS, "write", "--processes", str(self._writers))
        self._start(WORKERS, "work", "--devices", ",".join(self._devices), grace_ms=_WORKERS_GRACE_MS)
        self._start(PRODUCER, "produce")
        if self._pages:
            self._start(PAGES, "serve")
        if self._settings.targets_file or self._settings.callback_secret:
            self._start(NOTIFIER, "notify", grace_ms=_NOTIFIER_GRACE_MS)
        if self.flower:
            self._start_flower(self.flower)

    def check(self) -> list[ChildExit]:
        """Start again what is due; return what was found ended since the last call."""
        return self._supervisor.check()

    def health(self) -> list[ChildHealth]:
        """Return how each process is doing, in the order of their start."""
        return [
            ChildHealth(name, (process := self._supervisor.process(name)).pid, process.poll(), restarts)
            for name, restarts in self._supervisor.restarts.items()
        ]

    def log_tail(self, name: str, lines: int = 10) -> str:
        """Return the last lines that a process wrote."""
        return self._supervisor.process(name).log_tail(lines)

    def stop(self) -> None:
        """
        End everything in order.

        Flower, the pages and the producer first: Flower hangs when its broker goes. The workers then give back what
        they have begun, and the writers store that. The notifier needs only Postgres, and loses nothing whenever it
        ends.
        """
        running = set(self._supervisor.restarts)
        for group in ({FLOWER, PRODUCER, PAGES}, {WORKERS}, {WRITERS, NOTIFIER}):
            self._supervisor.stop(group & running)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self, name: str, *arguments: str, grace_ms: int = 10_000) -> None:
        self._supervisor.start(
            ChildSpec(
                name,
                (sys.executable, "-m", "callscope", *arguments),
                self._settings.state_folder / "logs" / f"{name}.log",
                env=self._environment,
                grace_ms=grace_ms,
            )
        )

    def _start_flower(self, access: FlowerAccess) -> None:
        options = {
            "FLOWER_ADDRESS": LOOPBACK,
            "FLOWER_PORT": access.url.rsplit(":", 1)[1],
            # In the environment, since every user of the machine sees the arguments.
            "FLOWER_BASIC_AUTH": f"{access.user}:{access.password}",
            # Flower can revoke tasks and stop workers; nobody who only looks should.
            "FLOWER_READ_ONLY": "true",
            "FLOWER_MAX_TASKS": str(_FLOWER_TASKS),
            "FLOWER_PERSISTENT": "false",
        }
        self._supervisor.start(
            ChildSpec(
                FLOWER,
                (sys.executable, "-m", "celery", "-A", "workers.celery", "flower"),
                self._settings.state_folder / "logs" / "flower.log",
                env=self._environment | options,
            )
        )


def _flower_access(settings: Settings, port: int) -> FlowerAccess:
    given = settings.flower_password
    return FlowerAccess(
        url=f"http://{LOOPBACK}:{port or free_ports(1)[0]}",
        user=settings.flower_user,
        password=given.get_secret_value() if given else secrets.token_urlsafe(12),
    )
