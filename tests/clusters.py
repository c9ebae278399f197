"""The whole cluster in real processes, for acceptance tests: fill its bucket, break it, and ask what became of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from callscope.calls import CallMetadata
from callscope.errors import DatabaseUnavailable
from callscope.ports import SAMPLE_RATE_HZ, Storage
from callscope.settings import Settings
from callscope.storage import open_storage
from models import ledger
from models.ledger import State
from models.session import Engine, connected, transaction, upgrade
from models.tables import FINISHED
from standalone.cluster import Cluster
from standalone.servers import RunningServers, run_servers
from tests.sounds import babble

_POLL_S = 0.1
_ALL_LINES = 1_000_000

Counts = Mapping[State, int]


def finished(counts: Counts) -> int:
    """Return how many recordings came to their end."""
    return sum(counts[state] for state in FINISHED)


@dataclass(slots=True)
class RunningCluster:
    """A cluster at work on a bucket."""

    settings: Settings
    servers: RunningServers
    engine: Engine
    storage: Storage
    cluster: Cluster
    keeps_servers: bool = True
    """False while a test wants a killed server to stay away."""

    def upload(self, key: str, file: Path) -> None:
        """Drop a file into the bucket."""
        self.storage.put(self.settings.bucket, key, file)

    def upload_babble(self, folder: Path, count: int, *, duration_ms: int = 1_000, name: str = "call") -> None:
        """Drop short recordings into the bucket, no two the same."""
        for number in range(count):
            file = folder / f"{name}-{number}.wav"
            soundfile.write(file, babble(duration_ms, seed=number).samples, SAMPLE_RATE_HZ, subtype="PCM_16")
            self.upload(f"hotline/2026-11-20/A{number % 7}/{file.name}", file)

    def upload_urgent(self, key: str, file: Path) -> None:
        """Upload as the page does: somebody waits for the answer. The key must lie outside the watched prefix."""
        stored = self.storage.put(self.settings.bucket, key, file)
        with transaction(self.engine) as session:
            ledger.discover(session, [ledger.Discovered(stored.ref, CallMetadata(), priority=1)])

    def counts(self) -> Counts:
        """Return how many recordings stand in each state."""
        with transaction(self.engine) as session:
            return ledger.count_states(session)

    def wait(self, reached: Callable[[Counts], bool], *, timeout_s: int = 240) -> Counts:
        """Keep everything alive until the ledger's counts are as asked; fail with what is known otherwise."""
        deadline = time.monotonic() + timeout_s
        while not reached(counts := self.counts()):
            assert time.monotonic() < deadline, f"{dict(counts)}\n{self.logs()}"
            self.keep_alive()
            time.sleep(_POLL_S)
        return counts

    def wait_for_database(self, *, timeout_s: int = 60) -> None:
        """Keep everything alive until Postgres serves again."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.keep_alive()
            try:
                self.counts()
            except DatabaseUnavailable:
                assert time.monotonic() < deadline, "Postgres doesn't come back"
                time.sleep(_POLL_S)
            else:
                return

    def keep_alive(self) -> None:
        """Start again what has ended, as `callscope up` does."""
        self.cluster.check()
        if self.keeps_servers:
            self.servers.supervisor.check()

    def pids(self, *arguments: str) -> list[int]:
        """Return the workers' and writers' processes whose command line ends so."""
        return [
            pid
            for child in self.cluster.health()
            for pid in _descendants(child.pid)
            if _command_line(pid)[-len(arguments) :] == list(arguments)
        ]

    def kill_worker(self) -> None:
        """Kill a process that analyses recordings with -9."""
        while not (pids := self.pids("workers.analyse", "analyse")):
            self.keep_alive()
            time.sleep(_POLL_S)
        os.kill(pids[0], signal.SIGKILL)

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Ask the database what the ledger's own functions don't tell."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.exec_driver_sql(statement).mappings()]

    def callscope(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line in the cluster's environment."""
        return subprocess.run(
            [sys.executable, "-m", "callscope", *arguments],
            env={**os.environ, **self.settings.as_environment()},  # noqa: TID251 - handed on whole
            capture_output=True,
            text=True,
            check=False,
        )

    def audit(self) -> dict[str, Any]:
        """Run `callscope audit`; it must find nothing wrong."""
        answer = self.callscope("audit", "--json")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        report: dict[str, Any] = json.loads(answer.stdout)
        assert report["clean"]
        return report

    def log_lines(self, name: str, event: str) -> list[dict[str, Any]]:
        """Return what a process of the cluster told of an event."""
        lines = self.cluster.log_tail(name, _ALL_LINES).splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in told if line["event"] == event]

    def logs(self) -> str:
        """Return the last words of each process."""
        return "\n".join(
            f"--- {child.name}\n{self.cluster.log_tail(child.name, 30)}" for child in self.cluster.health()
        )


@contextmanager
def running_cluster(settings: Settings, *, flower: bool = False, pages: bool = False) -> Iterator[RunningCluster]:
    """Run the servers that have no URL, and the whole cluster on them, until the block ends."""
    with ExitStack() as stack:
        servers = stack.enter_context(run_servers(settings))
        settings = servers.settings
        url = settings.require_database_url()
        upgrade(url)
        storage = open_storage(settings)
        storage.ensure_bucket(settings.bucket)
        engine = stack.enter_context(connected(url))
        cluster = stack.enter_context(Cluster(settings, writers=1, flower_port=0 if flower else None, pages=pages))
        yield RunningCluster(settings, servers, engine, storage, cluster)


def _descendants(pid: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="],  # noqa: S607 - whichever ps is there
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    parents = {int(child): int(parent) for child, parent in (line.split() for line in listed.splitlines())}
    family = {pid}
    while grown := {child for child, parent in parents.items() if parent in family} - family:
        family |= grown
    return sorted(family)


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").rstrip("\0").split("\0")
    except OSError:  # it ended meanwhile
        return []
