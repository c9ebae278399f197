"""
Stage "crowd": 50 people at the pages while 5 programs hand over recordings, for two minutes, on a whole cluster.

Before them, one call of three minutes is handed over while nothing else happens: what it takes more than its own
computing is what a person waits for without need. The crowd and the cluster share the machine's cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.table import Table

from bench.calls import CallFile
from bench.cluster import forget
from bench.latency import URGENT_MS
from bench.stage import Bench
from callscope.errors import ConfigurationFault
from callscope.processes import free_ports
from standalone.machine import Machine, run_machine

READERS, UPLOADERS, FOR_S = 50, 5, 120
QUICK_FOR_S = 8
_CALLS, _QUICK_CALLS = 20, 3
_PATIENCE_S = 600
_ENDS = {"done", "no_speech", "dead", "skipped"}


@dataclass(frozen=True, slots=True)
class Asked:
    """How one kind of request was answered."""

    requests: int
    failures: int
    p50_ms: int
    p95_ms: int
    p99_ms: int


@dataclass(frozen=True, slots=True)
class Waited:
    """A call that was handed over while nothing else happened."""

    call_s: float
    answered_s: float
    """From the first byte of the upload until it is told to be done."""
    computing_s: float
    """Of this, the worker's own stages."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """What the stage found out."""

    for_s: int
    upload: Waited
    asked: Mapping[str, Asked]
    """By request; ``reading`` is all but uploads and the waiting for them."""

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            "readers": READERS,
            "uploaders": UPLOADERS,
            "for_s": self.for_s,
            "failures": sum(asked.failures for asked in self.asked.values()),
            "upload": {
                "call_s": self.upload.call_s,
                "answered_s": round(self.upload.answered_s, 2),
                "computing_s": round(self.upload.computing_s, 2),
                "more_s": round(self.upload.answered_s - self.upload.computing_s, 2),
            },
            "requests": {
                name: {
                    "requests": asked.requests,
                    "failures": asked.failures,
                    "p50_ms": asked.p50_ms,
                    "p95_ms": asked.p95_ms,
                    "p99_ms": asked.p99_ms,
                }
                for name, asked in self.asked.items()
            },
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        table = Table(
            title=f"{READERS} readers, {UPLOADERS} uploaders, {self.for_s} s", title_justify="left", header_style="bold"
        )
        table.add_column("request")
        for heading in ("requests", "failures", "p50 ms", "p95 ms", "p99 ms"):
            table.add_column(heading, justify="right")
        for name, asked in self.asked.items():
            figures = (asked.requests, asked.failures, asked.p50_ms, asked.p95_ms, asked.p99_ms)
            table.add_row(name, *(f"{figure:,}" for figure in figures))
        more_s = self.upload.answered_s - self.upload.computing_s
        alone = Table(title="One call of three minutes, alone", title_justify="left", header_style="bold")
        for heading in ("answered, s", "computing, s", "more, s"):
            alone.add_column(heading, justify="right")
        alone.add_row(f"{self.upload.answered_s:.2f}", f"{self.upload.computing_s:.2f}", f"{more_s:.2f}")
        return [alone, table]


def run(bench: Bench) -> Crowd:
    """Start a cluster with its pages, and let the crowd in."""
    folder = bench.folder / "crowd"
    folder.mkdir(parents=True, exist_ok=True)
    forget(folder)
    settings = bench.settings.model_copy(
        update={
            "state_folder": folder,
            "store_folder": folder / "store",
            "api_port": free_ports(1)[0],
            # A crowd of one key would be counted as one.
            "api_auth": "open",
        }
    )
    calls = bench.load.take(_QUICK_CALLS if bench.quick else _CALLS)
    for_s = QUICK_FOR_S if bench.quick else FOR_S
    with (
        run_machine(settings, devices=[settings.device], on_step=bench.progress, pages=True) as machine,
        httpx.Client(base_url=f"http://127.0.0.1:{settings.api_port}", timeout=90) as client,
    ):
        bench.progress("crowd: the first calls are analysed")
        numbers = [_hand_over(machine, client, call.path) for call in calls]
        for number in numbers:
            _wait(machine, client, number)
        upload = _hand_over_alone(machine, client, bench)
        bench.progress(f"crowd: {READERS} readers and {UPLOADERS} uploaders for {for_s} s")
        asked = _let_in(machine, client, numbers, calls[0], for_s=for_s)
    return Crowd(for_s, upload, asked)


def _hand_over(machine: Machine, client: httpx.Client, path: Path) -> int:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        machine.check()
        try:
            with path.open("rb") as file:
                answer = client.post("/v1/recordings", files={"file": (path.name, file)})
        except httpx.TransportError:
            time.sleep(0.2)  # the pages aren't up yet
            continue
        answer.raise_for_status()
        number: int = answer.json()["recording_id"]
        return number
    raise ConfigurationFault("the pages don't come up", why=machine.cluster.log_tail("pages"))


def _wait(machine: Machine, client: httpx.Client, number: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        machine.check()
        state = client.get(f"/v1/recordings/{number}", params={"wait": 30}).raise_for_status().json()["state"]
        if state in _ENDS:
            return
    raise ConfigurationFault(f"recording {number} doesn't come to an end")


def _hand_over_alone(machine: Machine, client: httpx.Client, bench: Bench) -> Waited:
    call = bench.load.of_length(URGENT_MS)
    began = time.monotonic()
    number = _hand_over(machine, client, call.path)
    _wait(machine, client, number)
    answered_s = time.monotonic() - began
    timings = client.get(f"/v1/calls/{number}").raise_for_status().json()["analysis"]["hearing"]["timings_ms"]
    return Waited(call.duration_s, answered_s, sum(timings.values()) / 1_000)


def _let_in(
    machine: Machine, client: httpx.Client, numbers: Sequence[int], call: CallFile, *, for_s: int
) -> dict[str, Asked]:
    folder: Path = machine.settings.state_folder
    words = [
        *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--json-file", str(folder / "locust")),
        *("-f", str(Path(__file__).with_name("readers.py")), "--host", str(client.base_url)),
        *("--run-time", f"{for_s}s", "--users", str(READERS + UPLOADERS), "--spawn-rate", "20", "--stop-timeout", "60"),
        *("--recording", str(call.path), "--calls", ",".join(map(str, numbers))),
        *("Reader", "Uploader"),
    ]
    with (folder / "locust.log").open("wb") as log:
        crowd = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 - our own words
        while crowd.poll() is None:
            machine.check()
            time.sleep(0.5)
    entries = json.loads((folder / "locust.json").read_text(encoding="utf-8"))
    asked = {f"{entry['method']} {entry['name']}": _asked([entry]) for entry in entries}
    reading = [entry for entry in entries if not entry["name"].startswith("/v1/recordings")]
    return {"reading": _asked(reading), **dict(sorted(asked.items()))}


def _asked(entries: Sequence[Mapping[str, object]]) -> Asked:
    """Return the sum of locust's entries, each with a count for every (rounded) time in ms."""
    times: dict[int, int] = {}
    requests = failures = 0
    for entry in entries:
        requests += int(str(entry["num_requests"]))
        failures += int(str(entry["num_failures"]))
        counted = entry["response_times"]
        assert isinstance(counted, dict)  # noqa: S101 - locust's form
        for ms, count in counted.items():
            times[round(float(ms))] = times.get(round(float(ms)), 0) + count
    return Asked(requests, failures, *(_percentile(times, percent) for percent in (50, 95, 99)))


def _percentile(times: Mapping[int, int], percent: int) -> int:
    left = sum(times.values()) * percent / 100
    for ms in sorted(times):
        left -= times[ms]
        if left <= 0:
            return ms
    return max(times, default=0)
