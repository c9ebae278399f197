"""
Stage "reports": every built-in report over many stored calls, from the question to the screen.

The database is made anew by `reports.sql`, on a Postgres of its own with its settings as they come. Nothing is measured
beside it: no other system here answers these questions.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from rich.table import Table

from bench.stage import Bench
from callscope.cli import TABLE_WIDTH
from callscope.meaning.rules.schema import SoothingCard
from callscope.settings import Settings
from models.figures import MIN_SILENCE_MS
from models.reports import Grouping, Scope, today
from models.session import Engine, Session, connected, transaction, upgrade
from reports.builtin import agents, anger, brief, render, soothing, words
from reports.builtin.document import Document
from standalone.servers import run_servers
from standalone.servers.postgres import find_psql

CALLS, QUICK_CALLS = 100_000, 500
DAYS = 60
SEGMENTS_A_CALL = 40

_RUNS = 5
_LIMIT = 50

_Compose = Callable[[Session], Document]


@dataclass(frozen=True, slots=True)
class Answer:
    """How long one report took, from the question to the screen."""

    times_s: tuple[float, ...]
    """The first meets the least warm cache."""
    shortest_rows: int
    """Rows of its shortest table: 0 would mean that a table was asked for nothing."""

    def as_data(self) -> dict[str, float]:
        """Return the JSON form."""
        return {
            "first_s": round(self.times_s[0], 3),
            "median_s": round(statistics.median(self.times_s), 3),
            "worst_s": round(max(self.times_s), 3),
            "shortest_rows": self.shortest_rows,
        }


@dataclass(frozen=True, slots=True)
class Answers:
    """What the stage found out."""

    calls: int
    fill_s: float
    reports: Mapping[str, Answer]
    """By name of the report."""

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            "calls": self.calls,
            "segments": self.calls * SEGMENTS_A_CALL,
            "days": DAYS,
            "fill_s": round(self.fill_s, 1),
            "reports": {name: answer.as_data() for name, answer in self.reports.items()},
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        table = Table(title=f"Reports over {self.calls:,} calls", title_justify="left", header_style="bold")
        table.add_column("report")
        for heading in ("first s", "median s", "worst s"):
            table.add_column(heading, justify="right")
        for name, answer in self.reports.items():
            told = answer.as_data()
            table.add_row(name, *(f"{told[figure]:.3f}" for figure in ("first_s", "median_s", "worst_s")))
        return [table]


def run(bench: Bench) -> Answers:
    """Fill a database and ask it every report."""
    calls = QUICK_CALLS if bench.quick else CALLS
    folder = bench.folder / "reports"
    shutil.rmtree(folder, ignore_errors=True)
    with run_servers(Settings(state_folder=folder), broker=False, s3=False, durable=False) as running:
        url = running.settings.require_database_url()
        upgrade(url)
        bench.progress(f"{calls:,} calls into a database")
        began = time.perf_counter()
        _fill(url, calls)
        fill_s = time.perf_counter() - began
        bench.progress("every report over them")
        with connected(url) as engine:
            with transaction(engine) as session:
                last = today(session)
            every = Scope(last - timedelta(DAYS - 1), last)
            answers = {name: _ask(engine, compose) for name, compose in _reports(every).items()}
    shutil.rmtree(folder, ignore_errors=True)
    return Answers(calls, fill_s, answers)


def _fill(url: str, calls: int) -> None:
    script = Path(__file__).with_suffix(".sql")
    asked = [find_psql(), "-q", "-X", "-o", "/dev/null", "-v", f"calls={calls}", "-v", f"days={DAYS}"]
    subprocess.run([*asked, "-f", str(script), url.replace("+psycopg2", "", 1)], check=True)  # noqa: S603 - our own arguments


def _reports(every: Scope) -> dict[str, _Compose]:
    """Return every report over all calls: of hot words also the one that compares half of them with the other half."""
    half = replace(every, first=every.first + timedelta(DAYS // 2))

    def anger_by(by: Grouping) -> _Compose:
        return lambda session: anger.compose(
            session, every, by=by, min_silence_ms=MIN_SILENCE_MS, limit=_LIMIT, page_url=""
        )

    def words_of(scope: Scope) -> _Compose:
        return lambda session: words.compose(session, scope, language=None, by_anger=False, limit=_LIMIT, page_url="")

    return {
        "anger-after-silence by queue": anger_by(Grouping.QUEUE),
        "anger-after-silence by day": anger_by(Grouping.DAY),
        "soothing": lambda session: soothing.compose(
            session,
            every,
            benchmark=SoothingCard().benchmark,
            min_decided=soothing.MIN_DECIDED,
            limit=_LIMIT,
            page_url="",
        ),
        "hot-words": words_of(every),
        "hot-words, half and half": words_of(half),
        "agents": lambda session: agents.compose(session, every, limit=_LIMIT, page_url=""),
        "brief": lambda session: brief.compose(session, every.last, queue=None, agent_id=None, page_url=""),
    }


def _ask(engine: Engine, compose: _Compose) -> Answer:
    times, rows = [], 0
    for _ in range(_RUNS):
        began = time.perf_counter()
        with transaction(engine) as session:
            document = compose(session)
        render.console_text(document, width=TABLE_WIDTH)
        times.append(time.perf_counter() - began)
        rows = min(len(section.rows) for section in document.sections)
    return Answer(tuple(times), rows)
