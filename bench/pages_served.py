"""The pages over a filled database, asked over HTTP: from the request's first byte to the answer's last."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import httpx

from callscope.errors import ConfigurationFault
from callscope.processes import LOOPBACK, ChildProcess, ChildSpec, free_ports
from callscope.settings import Settings

_RUNS = 7
_PATIENCE_S = 60


def addresses(common: str) -> Mapping[str, str]:
    """Return what is asked for by name; ``common`` is a text that many calls hold."""
    text = quote(common)
    return {
        "list": "/calls",
        "list, angriest": "/calls?sort=angriest",
        "list of a queue, angry for 50 %": "/calls?emotion=ANGRY&share=50&queue=queue-3",
        "list, text in many calls": f"/calls?q={text}",
        "list, text in no call": f"/calls?q={quote('乌兰巴托')}",
        "count": "/calls/count",
        "count, text in many calls": f"/calls/count?q={text}",
        "API, 50 calls": "/v1/calls?limit=50",
        "overview, 7 days": "/overview?days=7",
        "overview, 30 days": "/overview?days=30",
        "overview, 365 days": "/overview?days=365",
        "overview, queue and devices": "/overview/machine?days=30",
    }


def measure(settings: Settings, asked: Mapping[str, str], folder: Path) -> dict[str, tuple[float, ...]]:
    """
    Serve the pages in a process of their own, and return how long each address took, in ms.

    Raises
    ------
    ConfigurationFault
        The pages don't come up.
    """
    [port] = free_ports(1)
    served = settings.model_copy(update={"api_port": port, "api_auth": "open", "store_folder": folder / "store"})
    log = folder / "pages.log"
    argv = (sys.executable, "-m", "callscope", "serve")
    with (
        ChildProcess(ChildSpec("pages", argv, log, env=served.as_environment())) as process,
        httpx.Client(base_url=f"http://{LOOPBACK}:{port}", timeout=60) as client,
    ):
        _wait(client, process)
        return {name: tuple(_ask(client, path) for _ in range(_RUNS)) for name, path in asked.items()}


def _wait(client: httpx.Client, process: ChildProcess) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if client.get("/livez").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise ConfigurationFault("the pages don't come up", why=process.log_tail())


def _ask(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return (time.perf_counter() - began) * 1_000
