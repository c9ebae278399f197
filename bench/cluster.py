"""
Stage "end-to-end": objects in the S3 server, through producer, queue, worker and writer, to rows in Postgres.

callscope and stock FunASR have a cluster each, with a Postgres and a Valkey of its own, on the same S3 server and the
same objects. Both are loaded and warm before the first measurement, and take turns; the one whose turn it isn't has no
producer and so nothing to do. The time is the ledger's: from the first job sent to the last row stored.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from bench.calls import CallFile
from bench.choice import StockSetup, choose_stock
from bench.machine import peak_resident_mb, processor_s, resident_mb
from bench.report import contenders_table, times
from bench.stage import CALLSCOPE, STOCK, Bench, Missing, Speed
from callscope.errors import ConfigurationFault
from callscope.ports import Storage
from callscope.processes import ChildSpec, Supervisor
from callscope.settings import Settings
from callscope.storage import open_storage
from models import ledger
from models.session import Engine, connected, transaction, upgrade
from producer.run import audit
from standalone.servers import run_servers
from standalone.servers.launch import locked

PAIRED, LONG, WARM_UP = "paired", "long", "warm-up"
"""First part of the keys: recordings that both contenders do, those that callscope does alone, those before."""

SAMPLE_EVERY = 100
"""Recordings between two looks at the worker's memory."""

_CHUNK = 50
"""Recordings that a contender does before it is the other's turn."""
_WARM_UP = 4
_POLL_S = 0.5
_PATIENCE_S = 1_800
_LEASE_MS = 3_600_000
"""The stock worker gives no signs of life."""
_GRACE_MS = 40_000


@dataclass(frozen=True, slots=True)
class Run:
    """Some recordings through a whole cluster."""

    engine: str
    recordings: int
    audio_s: float
    wall_s: float
    cpu_s: float = 0.0
    """Of the workers."""
    resident: tuple[tuple[int, float], ...] = ()
    """Recordings finished, and MB that the workers held then."""
    peak_mb: float = 0.0

    def __add__(self, other: Run) -> Run:
        return Run(
            self.engine,
            self.recordings + other.recordings,
            self.audio_s + other.audio_s,
            self.wall_s + other.wall_s,
            self.cpu_s + other.cpu_s,
            self.resident + tuple((self.recordings + count, mb) for count, mb in other.resident),
            max(self.peak_mb, other.peak_mb),
        )

    @property
    def speed(self) -> Speed:
        """As every stage tells it."""
        return Speed(self.engine, self.audio_s, self.wall_s, self.cpu_s or None)

    @property
    def growth_mb(self) -> float | None:
        """From the end of the first `SAMPLE_EVERY` recordings to the end of all; None for fewer than twice as many."""
        return round(self.resident[-1][1] - self.resident[0][1], 1) if len(self.resident) > 1 else None

    def as_data(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            **self.speed.as_data(),
            "recordings": self.recordings,
            "channel_s": round(2 * self.audio_s, 1),
            "memory": {
                "peak_mb": self.peak_mb,
                "growth_mb": self.growth_mb,
                "resident_mb": [list(sample) for sample in self.resident],
            },
        }


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """What the stage found out."""

    callscope: Run
    stock: Run | Missing
    """The same recordings."""
    alone: tuple[Run, ...]
    """By callscope alone, each in one go: as many recordings as beside stock, then more, then as many again."""
    setup: StockSetup | Missing
    audited: int
    """Recordings of which the audit found everything in order."""

    @property
    def linearity(self) -> Mapping[int, float]:
        """Speed of each longer run against the mean of the two short ones around them, whatever the machine's mood."""
        before, *longer, after = self.alone
        short = Speed(before.engine, before.audio_s + after.audio_s, before.wall_s + after.wall_s)
        return {run.recordings: round(run.speed.rtfx / short.rtfx, 3) for run in longer}

    @property
    def _stock_speed(self) -> Speed | Missing:
        return self.stock.speed if isinstance(self.stock, Run) else self.stock

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            CALLSCOPE: {**self.callscope.as_data(), "alone": [run.as_data() for run in self.alone]},
            STOCK: {**self.stock.as_data(), "setup": self.setup.as_data()},
            **times(self.callscope.speed, self._stock_speed),
            "linearity": {str(recordings): share for recordings, share in self.linearity.items()},
            "audited": self.audited,
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        paired = contenders_table(
            f"End to end, bucket to rows, {self.callscope.recordings} recordings",
            {CALLSCOPE: self.callscope.speed, STOCK: self._stock_speed},
        )
        runs = Table(title="callscope by itself", title_justify="left", header_style="bold")
        for heading in ("recordings", "audio s", "wall s", "RTFx", "worker's peak MB", "growth MB"):
            runs.add_column(heading, justify="right")
        for run in self.alone:
            runs.add_row(
                f"{run.recordings:,}",
                f"{run.audio_s:,.0f}",
                f"{run.wall_s:,.1f}",
                f"{run.speed.rtfx:,.1f}",
                f"{run.peak_mb:,.0f}",
                "" if run.growth_mb is None else f"{run.growth_mb:+.1f}",
            )
        return [paired, runs]


def run(bench: Bench) -> EndToEnd:
    """Run both clusters on the first of `Bench.recordings` in turns, then callscope alone on each in one go."""
    setup = choose_stock(bench)
    first, *more = bench.recordings
    chunks = [bench.load.take(min(_CHUNK, first - start), start=start) for start in range(0, first, _CHUNK)]
    prefixes = [f"{PAIRED}-{number}" for number in range(len(chunks))]
    with _cluster(CALLSCOPE, bench, _callscope_workers(bench)) as ours:
        with ExitStack() as stack:
            clusters = [ours]
            if isinstance(setup, StockSetup):
                theirs = _cluster(
                    STOCK, bench, _stock_workers(setup), lease_ms=_LEASE_MS, s3=ours.settings, threads=setup.threads
                )
                clusters.append(stack.enter_context(theirs))
            bench.progress("end to end: uploading the recordings, loading the models")
            warm_up = bench.load.take(_WARM_UP)
            ours.upload(WARM_UP, warm_up)
            for prefix, files in zip(prefixes, chunks, strict=True):
                ours.upload(prefix, files)
            for cluster in clusters:
                cluster.measure(WARM_UP, warm_up)
            runs: dict[str, list[Run]] = {}
            for prefix, files in zip(prefixes, chunks, strict=True):
                for cluster in clusters:
                    runs.setdefault(cluster.name, []).append(cluster.measure(prefix, files))
                    bench.progress(f"end to end: {cluster.name} {_told(runs[cluster.name][-1])}")
            audited = sum(cluster.audit(WARM_UP, *prefixes) for cluster in clusters)
        alone = []
        for number, count in enumerate([first, *more, first]):
            prefix, files = f"{LONG}-{number}", bench.load.take(count)
            ours.upload(prefix, files)
            alone.append(ours.measure(prefix, files))
            bench.progress(f"end to end: {CALLSCOPE} {_told(alone[-1])}")
            audited += ours.audit(prefix)
    return EndToEnd(
        callscope=_sum(runs[CALLSCOPE]),
        stock=_sum(runs[STOCK]) if isinstance(setup, StockSetup) else setup,
        alone=tuple(alone),
        setup=setup,
        audited=audited,
    )


@dataclass(slots=True)
class _Cluster:
    """Servers, writers and workers of one contender; the producer runs while something is measured."""

    name: str
    settings: Settings
    engine: Engine
    storage: Storage
    supervisor: Supervisor
    servers: Supervisor
    workers: tuple[int, ...] = ()
    """Process numbers, known once the first recordings are done."""

    def upload(self, prefix: str, files: Sequence[CallFile]) -> None:
        for file in files:
            self.storage.put(self.settings.bucket, f"{prefix}/{file.path.name}", file.path)

    def measure(self, prefix: str, files: Sequence[CallFile]) -> Run:
        """Let the producer find what lies under a prefix, and return when all of it is stored."""
        settings = self.settings.model_copy(update={"prefix": f"{prefix}/"})
        self.supervisor.start(_child("producer", settings, "-m", "callscope", "produce"))
        resident: list[tuple[int, float]] = []
        spent_s = self._spent_s()
        deadline = time.monotonic() + _PATIENCE_S
        span = ledger.Span()
        while span.finished < len(files):
            time.sleep(_POLL_S)
            self._check()
            before = span
            with transaction(self.engine) as session:
                span = ledger.span(session, prefix=settings.prefix)
            if span.finished > before.finished:
                deadline = time.monotonic() + _PATIENCE_S
            elif time.monotonic() > deadline:
                raise ConfigurationFault(f"{self.name} stands still at {span.finished} of {len(files)} recordings")
            if span.finished // SAMPLE_EVERY > before.finished // SAMPLE_EVERY:
                resident.append((span.finished, sum(map(resident_mb, _pids(span)))))
        self.supervisor.stop(["producer"])
        self.workers = _pids(span)
        if span.with_result != len(files):
            raise ConfigurationFault(f"{self.name} has no result of {len(files) - span.with_result} recordings")
        return Run(
            engine=", ".join(span.engines),
            recordings=len(files),
            audio_s=sum(file.duration_s for file in files),
            wall_s=span.elapsed_ms / 1000,
            cpu_s=self._spent_s() - spent_s,
            resident=tuple(resident),
            peak_mb=sum(map(peak_resident_mb, self.workers)),
        )

    def audit(self, *prefixes: str) -> int:
        """Prove that nothing was lost and nothing is doubled; return how many recordings were looked at."""
        listed = 0
        for prefix in prefixes:
            # Everything is stored, so nothing is too fresh to be asked for.
            settings = self.settings.model_copy(update={"prefix": prefix, "sweep_ms": 1, "stable_ms": 0})
            report = audit(settings, self.storage, self.engine)
            if not report.clean:
                raise ConfigurationFault(f"the audit of {self.name}'s rows isn't clean", why=str(report))
            listed += report.listed_count
        return listed

    def _spent_s(self) -> float:
        return sum(map(processor_s, self.workers))

    def _check(self) -> None:
        for ended in [*self.servers.check(), *self.supervisor.check()]:
            tail = self.supervisor.process(ended.name).log_tail() if ended.name in self.supervisor.restarts else ""
            raise ConfigurationFault(f"{self.name}: {ended.name} ended with {ended.code}", why=tail)


@contextmanager
def _cluster(
    name: str,
    bench: Bench,
    workers: Sequence[Sequence[str]],
    *,
    lease_ms: int | None = None,
    s3: Settings | None = None,
    threads: int | None = None,
) -> Iterator[_Cluster]:
    """Run servers, writers and workers of a contender, on the S3 server of another where one is given."""
    folder = bench.folder / name
    forget(folder)
    given = {} if s3 is None else {key: getattr(s3, key) for key in ("s3_endpoint", "s3_access_key", "s3_secret_key")}
    settings = bench.settings.model_copy(
        update={
            "state_folder": folder,
            "store": "s3",
            "bucket": "bench",
            "key_pattern": "{queue}/{call_id}.{ext}",
            "stable_ms": 500,
            "sweep_ms": 2_000,
            "window": 256,
            "lease_ms": lease_ms or bench.settings.lease_ms,
            "cpu_threads": threads or bench.threads,
            **given,
        }
    )
    with run_servers(settings) as servers, Supervisor() as supervisor:
        settings = servers.settings
        upgrade(settings.require_database_url())
        storage = open_storage(settings)
        storage.ensure_bucket(settings.bucket)
        supervisor.start(_child("writers", settings, "-m", "callscope", "write", "--processes", "1"))
        for number, arguments in enumerate(workers):
            supervisor.start(_child(f"worker-{number}", settings, "-m", *arguments))
        with connected(settings.require_database_url()) as engine:
            yield _Cluster(name, settings, engine, storage, supervisor, servers.supervisor)


def _callscope_workers(bench: Bench) -> list[list[str]]:
    return [["callscope", "work", "--devices", ",".join([bench.settings.device] * bench.processes[0])]]


def _stock_workers(setup: StockSetup) -> list[list[str]]:
    return [["bench.stock_worker", *setup.arguments]] * setup.processes


def _child(name: str, settings: Settings, *arguments: str) -> ChildSpec:
    return ChildSpec(
        name,
        (sys.executable, *arguments),
        settings.state_folder / "logs" / f"{name}.log",
        env=settings.as_environment(),
        grace_ms=_GRACE_MS,
    )


def forget(folder: Path) -> None:
    """Empty the state folder of the last run."""
    with locked(folder.resolve()):
        for child in folder.iterdir():
            if child.is_dir():
                shutil.rmtree(child)


def _pids(span: ledger.Span) -> tuple[int, ...]:
    """Return the workers' process numbers: a worker is named by host, process and device."""
    return tuple(int(worker.split(":")[1]) for worker in span.workers)


def _sum(runs: Sequence[Run]) -> Run:
    total = runs[0]
    for run in runs[1:]:
        total = total + run
    return total


def _told(run: Run) -> str:
    return f"did {run.recordings} recordings at {run.speed.rtfx:,.1f}x"
