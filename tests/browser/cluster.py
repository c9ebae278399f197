"""The pages over a real cluster that has heard the sample calls, for browser tests and for pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from callscope.processes import free_ports
from callscope.settings import Settings
from models import keys
from models.keys import Scope
from models.ledger import State
from models.session import transaction
from standalone import demo
from tests.clusters import RunningCluster, finished, running_cluster

DEAD_KEYS = (
    "hotline/2026-11-20/A104/notes.wav",
    "hotline/2026-11-20/A107/cut-off.wav",
    "returns/2026-11-21/B201/transfer.mp3",
)
"""Of recordings that can't be analysed."""

_START_S = 60


@dataclass(frozen=True, slots=True)
class RunningPages:
    """The pages at work."""

    url: str
    key: str
    """Whoever has it may do everything."""
    cluster: RunningCluster

    def recording(self, name: str) -> int:
        """Return the number of the recording whose key holds this."""
        rows = self.cluster.query("SELECT id, key FROM recording ORDER BY id")
        found: int = next(row["id"] for row in rows if name in row["key"])
        return found


def pages_settings(folder: Path) -> Settings:
    """Return settings of a cluster whose data lie in this folder, with the periods of a demo."""
    settings = Settings(state_folder=folder, store_folder=folder / "store", cpu_threads=1)
    return demo.demo_settings(settings).model_copy(update={"api_auth": "keys"})


@contextmanager
def running_pages(settings: Settings) -> Iterator[RunningPages]:
    """Run the servers, the cluster and the pages, and let them hear the sample calls, until the block ends."""
    [port] = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with running_cluster(settings.model_copy(update={"api_port": port}), pages=True) as cluster:
        samples = demo.read_samples()
        demo.upload(cluster.settings, samples)
        _upload_dead(cluster, settings.state_folder)
        expected = len(samples) + len(DEAD_KEYS)
        counts = cluster.wait(lambda counts: finished(counts) >= expected)
        assert counts[State.DEAD] == len(DEAD_KEYS), dict(counts)
        with transaction(cluster.engine) as session:
            key = keys.replace_key(session, "Ada", list(Scope))
        _wait_for_pages(cluster, url)
        yield RunningPages(url, key, cluster)


def _wait_for_pages(cluster: RunningCluster, url: str) -> None:
    deadline = time.monotonic() + _START_S
    while not _answers(f"{url}/livez"):
        assert time.monotonic() < deadline, f"the pages don't come up\n{cluster.logs()}"
        cluster.keep_alive()
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).is_success
    except httpx.TransportError:
        return False


def _upload_dead(cluster: RunningCluster, folder: Path) -> None:
    contents = (b"Please call back Mrs Tanaka.\n", b"", b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(2_000))
    for number, (key, content) in enumerate(zip(DEAD_KEYS, contents, strict=True)):
        file = folder / f"dead-{number}"
        file.write_bytes(content)
        cluster.upload(key, file)
