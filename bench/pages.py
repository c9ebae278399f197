"""
Stage "pages": the list of calls over a million of them, filter by filter.

The database is filled by `pages.sql`, on a Postgres of its own with its settings as they come. Each question is the one
that the page asks: a page of rows, and how many there are. Nothing is measured beside it. Then the pages themselves are
served over it and asked for.
"""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from rich.table import Table

from bench import pages_served
from bench.stage import Bench
from callscope.calls import Emotion, EventKind, Language, Severity
from callscope.search import grams
from callscope.settings import Settings
from models import browse
from models.browse import Anger, Filter, Place, Sort
from models.reports import today
from models.session import Engine, connected, transaction, upgrade
from models.tables import State
from standalone.servers import run_servers
from standalone.servers.postgres import find_psql

CALLS, QUICK_CALLS = 1_000_000, 2_000
DAYS = 365
LINES = 3_000
PAGE = 50
LIMIT_MS = 300
"""What the list and its filters are held to."""

_RUNS = 7
_DEEP_PAGES = 20

_GREETING = "您好，请问有什么可以帮您？"
_OLD = "双十二预售的尾款怎么付"
_ENGLISH = ("please", "refund", "parcel", "order", "late", "invoice", "address", "size", "exchange", "thanks")


@dataclass(frozen=True, slots=True)
class Answer:
    """How long one question took."""

    page_ms: tuple[float, ...]
    """A page of rows. The first meets the least warm cache."""
    count_ms: tuple[float, ...]
    """How many there are."""
    rows: int
    count: int

    @property
    def worst_ms(self) -> float:
        """Both together, in the slowest run."""
        return max(page + count for page, count in zip(self.page_ms, self.count_ms, strict=True))

    def as_data(self) -> dict[str, float]:
        """Return the JSON form."""
        return {
            "first_ms": round(self.page_ms[0], 1),
            "median_ms": round(statistics.median(self.page_ms), 1),
            "worst_ms": round(max(self.page_ms), 1),
            "count_median_ms": round(statistics.median(self.count_ms), 1),
            "worst_with_count_ms": round(self.worst_ms, 1),
            "rows": self.rows,
            "count": self.count,
        }


@dataclass(frozen=True, slots=True)
class Answers:
    """What the stage found out."""

    calls: int
    fill_s: float
    size_bytes: Mapping[str, int]
    """Of the tables and their indexes."""
    questions: Mapping[str, Answer]
    """Asked of the database."""
    served_ms: Mapping[str, tuple[float, ...]]
    """Asked of the pages, over HTTP."""

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            "calls": self.calls,
            "days": DAYS,
            "fill_s": round(self.fill_s, 1),
            "size_bytes": dict(self.size_bytes),
            "limit_ms": LIMIT_MS,
            "within_limit": all(answer.worst_ms <= LIMIT_MS for answer in self.questions.values()),
            "questions": {name: answer.as_data() for name, answer in self.questions.items()},
            "served": {
                name: {"median_ms": round(statistics.median(took), 1), "worst_ms": round(max(took), 1)}
                for name, took in self.served_ms.items()
            },
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        table = Table(title=f"The list of {self.calls:,} calls", title_justify="left", header_style="bold")
        table.add_column("question")
        for heading in ("first ms", "median ms", "worst ms", "count ms", "rows", "count"):
            table.add_column(heading, justify="right")
        for name, answer in self.questions.items():
            told = answer.as_data()
            times = ("first_ms", "median_ms", "worst_ms", "count_median_ms")
            table.add_row(name, *(f"{told[figure]:,.1f}" for figure in times), f"{answer.rows:,}", f"{answer.count:,}")
        served = Table(title="The pages over HTTP", title_justify="left", header_style="bold")
        served.add_column("address")
        for heading in ("median ms", "worst ms"):
            served.add_column(heading, justify="right")
        for name, took in self.served_ms.items():
            served.add_row(name, f"{statistics.median(took):,.1f}", f"{max(took):,.1f}")
        return [table, served]


def run(bench: Bench) -> Answers:
    """Fill a database and leaf through it."""
    calls = QUICK_CALLS if bench.quick else CALLS
    folder = bench.folder / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    with run_servers(Settings(state_folder=folder), broker=False, s3=False, durable=False) as running:
        url = running.settings.require_database_url()
        upgrade(url)
        bench.progress(f"{calls:,} calls into a database")
        began = time.perf_counter()
        _fill(url, calls, folder)
        fill_s = time.perf_counter() - began
        bench.progress("every filter over them")
        with connected(url) as engine:
            with transaction(engine) as session:
                last = today(session)
            answers = {name: _ask(engine, wanted, pages=pages) for name, wanted, pages in _questions(last)}
        sizes = _sizes(url)
        bench.progress("the pages over them")
        served_ms = pages_served.measure(running.settings, pages_served.addresses(_line(3)[:2]), folder)
    shutil.rmtree(folder, ignore_errors=True)
    return Answers(calls, fill_s, sizes, answers, served_ms)


def _questions(last: date) -> Iterator[tuple[str, Filter, int]]:
    """Yield each question with how many pages are leafed through before."""
    every = Filter()
    week = Filter(first=last - timedelta(6))
    yield "newest", every, 0
    yield f"newest, page {_DEEP_PAGES + 1}", every, _DEEP_PAGES
    yield "angriest", replace(every, sort=Sort.ANGRIEST), 0
    yield f"angriest, page {_DEEP_PAGES + 1}", replace(every, sort=Sort.ANGRIEST), _DEEP_PAGES
    yield "longest", replace(every, sort=Sort.LONGEST), 0
    yield "a week", week, 0
    yield "a week's angriest", replace(week, sort=Sort.ANGRIEST), 0
    yield "a day half a year ago", Filter(first=last - timedelta(180), last=last - timedelta(180)), 0
    yield "a busy agent", Filter(agent_id="agent-0"), 0
    yield "an agent", Filter(agent_id="agent-700"), 0
    yield "an agent's angriest", Filter(agent_id="agent-700", sort=Sort.ANGRIEST), 0
    yield "a queue", Filter(queue="queue-3"), 0
    yield "a queue's angriest of a week", replace(week, queue="queue-3", sort=Sort.ANGRIEST), 0
    yield "zh", Filter(language=Language.ZH), 0
    yield "ko", Filter(language=Language.KO), 0
    yield "angry for 10 %", Filter(emotion=Emotion.ANGRY, min_percent=10), 0
    yield "angry for 50 %", Filter(emotion=Emotion.ANGRY, min_percent=50), 0
    yield "sad for 25 %", Filter(emotion=Emotion.SAD, min_percent=25), 0
    yield "anger after silence", Filter(anger=Anger.AFTER_SILENCE), 0
    yield "laughter", Filter(event=EventKind.LAUGHTER), 0
    yield "a sneeze, one call of 10,000", Filter(event=EventKind.SNEEZE), 0
    yield "a rule", Filter(rule="rule-3"), 0
    yield "a rule of old times alone", Filter(rule="retired"), 0
    yield "critical", Filter(severity=Severity.CRITICAL), 0
    yield "dead", Filter(state=State.DEAD), 0
    yield "waiting", Filter(state=State.DISCOVERED), 0
    yield "under way, which none is", Filter(state=State.STARTED), 0
    yield (
        "five filters at once",
        Filter(
            queue="queue-3",
            language=Language.ZH,
            emotion=Emotion.ANGRY,
            min_percent=10,
            event=EventKind.CROSSTALK,
            first=last - timedelta(90),
        ),
        0,
    )
    yield "text in every call", Filter(text="请问"), 0
    yield "text in many calls", Filter(text=_line(3)[:2]), 0
    yield "text in few calls", Filter(text=_line(LINES - 5)[:6]), 0
    yield "text of a rare call", Filter(text="call-1234"), 0
    yield "text in old calls alone", Filter(text="预售的尾款"), 0
    yield "text in no call", Filter(text="乌兰巴托"), 0
    yield "one character", Filter(text="付"), 0
    yield "an English word's beginning", Filter(text="refu"), 0
    yield (
        "text of an angry call of a queue",
        Filter(text="refund", queue="queue-3", emotion=Emotion.ANGRY, min_percent=25),
        0,
    )
    yield "text, angriest first", Filter(text=_line(3)[:2], sort=Sort.ANGRIEST), 0


def _ask(engine: Engine, wanted: Filter, *, pages: int) -> Answer:
    after: Place | None = None
    for _ in range(pages):
        with transaction(engine) as session:
            after = browse.list_calls(session, wanted, limit=PAGE, after=after).next_place
    page_ms, count_ms, rows, count = list[float](), list[float](), 0, 0
    for _ in range(_RUNS):
        with transaction(engine) as session:
            began = time.perf_counter()
            rows = len(browse.list_calls(session, wanted, limit=PAGE, after=after).items)
            between = time.perf_counter()
            count = browse.count_calls(session, wanted)
            ended = time.perf_counter()
        page_ms.append((between - began) * 1_000)
        count_ms.append((ended - between) * 1_000)
    return Answer(tuple(page_ms), tuple(count_ms), rows, count)


def _line(number: int) -> str:
    """Return a sentence of 20 characters or so; the same number gives the same one."""
    lot = random.Random(number)  # noqa: S311 - a load, not a secret
    # The thousand first ideographs behind U+5000, the lower ones more often: as frequent as characters are in speech.
    said = "".join(chr(0x5000 + int(1_000 * lot.random() ** 2)) for _ in range(16))
    return f"{said[:9]}，{said[9:]} {lot.choice(_ENGLISH)}"


def _fill(url: str, calls: int, folder: Path) -> None:
    lines = {-1: _GREETING, -2: _OLD} | {number: _line(number) for number in range(LINES)}
    table = folder / "lines.tsv"
    with table.open("w", encoding="utf-8") as written:
        for number, line in lines.items():
            marks = " ".join(f"'{gram}'" for gram in sorted(grams(line)))
            written.write(f"{number}\t{line}\t{marks}\n")
    _psql(url, "-c", "CREATE TABLE line (id int PRIMARY KEY, line text, grams tsvector)")
    _psql(url, "-c", f"\\copy line FROM '{table}'")
    sized = ("-v", f"calls={calls}", "-v", f"days={DAYS}", "-v", f"lines={LINES}")
    _psql(url, *sized, "-f", str(Path(__file__).with_suffix(".sql")))


def _sizes(url: str) -> dict[str, int]:
    told = _psql(
        url,
        "-A",
        "-t",
        "-c",
        "SELECT relname, CASE relkind WHEN 'i' THEN pg_relation_size(oid) ELSE pg_total_relation_size(oid) END"
        " FROM pg_class WHERE relname IN ('recording', 'call_index') OR relname LIKE 'ix_call_index_%' ORDER BY 1",
    )
    return {name: int(size) for name, size in (line.split("|") for line in told.split())}


def _psql(url: str, *arguments: str) -> str:
    asked = [find_psql(), "-q", "-X", "-v", "ON_ERROR_STOP=1", *arguments, url.replace("+psycopg2", "", 1)]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own arguments
