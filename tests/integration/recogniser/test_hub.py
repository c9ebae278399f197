"""The published checkpoints, through FunASR's real hub client: from this machine's cache, else from the hub."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from workers.recogniser.hub import PUBLISHED_RECOGNISER, PUBLISHED_VAD

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[3]
FILES = ("model.pt", "am.mvn", "chn_jpn_yue_eng_ko_spectok.bpe.model")


@dataclass
class Hub:
    """A hub that has nothing, and a cache that is this test's own."""

    cache: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def fill_cache(self, name: str, revision: str, files: tuple[str, ...]) -> Path:
        folder = self.cache / "models" / name.replace("/", "--") / "snapshots" / revision
        folder.mkdir(parents=True)
        for file in files:
            (folder / file).write_bytes(b"x")
        return folder

    def evaluate(self, expression: str) -> subprocess.CompletedProcess[str]:
        """Print an expression over the hub module in a process of its own: the client reads its settings once."""
        return subprocess.run(
            [sys.executable, "-c", f"from workers.recogniser.hub import *; print({expression})"],
            cwd=REPOSITORY,
            env={"MODELSCOPE_CACHE": str(self.cache), "MODELSCOPE_ENDPOINT": self.url, "HOME": str(self.cache)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append(self.path)
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()


def test_what_is_in_the_cache_needs_no_hub(hub: Hub) -> None:
    recogniser = hub.fill_cache(PUBLISHED_RECOGNISER, "master", FILES)
    vad = hub.fill_cache(PUBLISHED_VAD, "v2.0.4", FILES[:2])
    found = hub.evaluate(f"find_recogniser({PUBLISHED_RECOGNISER!r}), find_vad(None, recogniser=PUBLISHED_RECOGNISER)")
    assert found.returncode == 0, found.stderr
    assert f"name='SenseVoiceSmall', path={recogniser!r}" in found.stdout
    assert f"path={vad!r}" in found.stdout
    assert hub.asked == []


@pytest.mark.parametrize("files", [(), FILES[1:]], ids=["nothing", "an earlier fetch that was cut short"])
def test_a_hub_that_cannot_give_what_is_missing_is_named(hub: Hub, files: tuple[str, ...]) -> None:
    if files:
        hub.fill_cache(PUBLISHED_RECOGNISER, "master", files)
    found = hub.evaluate(f"find_recogniser({PUBLISHED_RECOGNISER!r})")
    assert found.returncode == 1
    assert "CheckpointMissing: iic/SenseVoiceSmall isn't on this machine" in found.stderr
    assert any("iic/SenseVoiceSmall" in path for path in hub.asked)
