"""The commands as people call them, over the calls of conftest."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine
from typing_extensions import override

from callscope.calls import Language
from callscope.errors import DatabaseUnavailable, SchemaOutdated, UsageError
from models.reports import send_brief
from models.session import transaction
from reports.builtin.cli import report
from tests.integration.reports.builtin.conftest import RunSql, store_call

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("calls")]

PERIOD = ("--from", "2026-11-02", "--to", "2026-11-10")
PAGE = "https://calls.example.org/"

Ask = Callable[..., Result]


TARGETS = "managers: {mail: {to: [m@example.org]}}\nowners: {mail: {to: [o@example.org]}}\n"


@pytest.fixture
def ask(database_url: str, tmp_path: Path) -> Ask:
    targets = tmp_path / "targets.yaml"
    targets.write_text(TARGETS, encoding="utf-8")

    def call(*words: str, page_url: str = "") -> Result:
        settings = {
            "CALLSCOPE_DATABASE_URL": database_url,
            "CALLSCOPE_PAGE_URL": page_url,
            "CALLSCOPE_TARGETS_FILE": str(targets),
        }
        return CliRunner().invoke(report, words, env=settings)

    return call


@pytest.fixture
def ids(run_sql: RunSql) -> dict[str, int]:
    return {str(key): int(str(number)) for key, number in run_sql("SELECT key, id FROM recording")}


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


class Page(HTMLParser):
    """What a browser makes of a page: its text, its links, its elements."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.elements: set[str] = set()
        self.feed(source)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    @override
    def handle_data(self, data: str) -> None:
        self.text += data


TOP = {"report", "question", "from", "to", "queue", "agent", "options", "summary", "totals", "sections", "note"}
MOMENT = {"recording_id", "key", "at_ms", "link"}
FINDINGS = {"critical", "high", "medium", "low", "info"}
WORDS = {"word", "language", "mentions", "calls", "angry_mentions", "share_angry", "mentions_before", "change"}
FIELDS = {
    "anger-after-silence": {
        "groups": {"name", "anger_bursts", "after_silence", "share_after_silence", "mean_silence_ms"},
        "bursts": {
            *{"call_date", "call_id", "agent_id", "queue", "reason", "silence_before_ms", "probability"},
            *MOMENT,
        },
    },
    "soothing": {
        "agents": {
            *{"name", "bursts", "good", "poor", "open", "success_rate", "against_benchmark", "standing"},
            *{"anger_bursts", "mean_silence_after_ms", "softened", "mean_softening_ms"},
            *MOMENT,
        },
        "bursts": {
            *{"call_date", "call_id", "agent_id", "queue", "emotion", "silence_after_ms", "probability"},
            *MOMENT,
        },
    },
    "hot-words": {"words": WORDS},
    "agents": {
        "agents": {
            *{"name", "calls", "talk_share", "mean_response_ms", "interruptions", "silence_share", "units_per_s"},
            *{"anger_bursts", "anger_per_call", "success_rate", "service_score"},
            *FINDINGS,
        }
    },
    "brief": {
        "days": {
            *{"name", "calls", "talk_ms", "angry_calls", "anger_share", "anger_change", "anger_bursts"},
            *{"after_silence", "share_after_silence", "success_rate", "critical", "high", "dead"},
        },
        "words": WORDS,
        "rules": {"severity", "rule", "hits", "probability", *MOMENT},
        "dead": {"recording_id", "key", "code", "message"},
    },
}
"""What programs read: a name that goes away breaks one of them."""


def period_of(name: str) -> tuple[str, ...]:
    return ("--day", "2026-11-10") if name == "brief" else PERIOD


@pytest.mark.parametrize("name", FIELDS)
def test_the_form_of_the_json_stays(ask: Ask, engine: Engine, name: str) -> None:
    # The tenth has every kind of row but words.
    store_call(engine, "more.wav", date(2026, 11, 10), words=(("退款", Language.ZH, 1, 1),))
    document = told(ask(name, *period_of(name), "--json"))
    assert document.keys() == TOP
    assert document["report"] == name
    sections = {section: set(rows[0]) for section, rows in document["sections"].items()}
    assert sections == FIELDS[name]


def test_anger_after_silence_as_json(ask: Ask, ids: dict[str, int]) -> None:
    document = told(ask("anger-after-silence", *PERIOD, "--json", page_url=PAGE))
    assert document["totals"] == {
        "anger_bursts": 4,
        "after_silence": 2,
        "share_after_silence": 0.5,
        "mean_silence_ms": 1_550,
    }
    assert document["summary"] == [
        "2 of 4 bursts of anger (50.0%) come after a silence of the agent's of 1.2 s or more."
    ]
    first = document["sections"]["bursts"][0]
    assert first["link"] == f"https://calls.example.org/calls/{ids['late.wav']}?t=3"
    assert first["call_date"] == "2026-11-02"
    without_pages = told(ask("anger-after-silence", *PERIOD, "--json"))["sections"]["bursts"][0]
    assert without_pages == {**first, "link": None}


def test_soothing_flags_few_data_and_holds_the_others_to_the_benchmark(ask: Ask) -> None:
    def standing(*options: str) -> list[tuple[str | None, str, float | None]]:
        rows = told(ask("soothing", *PERIOD, "--json", *options))["sections"]["agents"]
        return [(row["name"], row["standing"], row["against_benchmark"]) for row in rows]

    others = [("bob", "few data", None), (None, "few data", None)]
    assert standing() == [("ann", "few data", -0.15), *others]
    assert standing("--min-decided", "4") == [("ann", "below", -0.15), *others]
    assert standing("--min-decided", "4", "--benchmark", "0.5") == [("ann", "reached", 0.0), *others]


def test_the_brief_compares_the_day(ask: Ask) -> None:
    document = told(ask("brief", "--day", "2026-11-03", "--json"))
    days = document["sections"]["days"]
    assert [(row["calls"], row["angry_calls"], row["anger_share"], row["anger_change"]) for row in days] == [
        (1, 1, 1.0, None),
        (1, 1, 1.0, 0.0),
        (0.3, 0.1, 0.5, 0.5),
    ]
    assert document["summary"][0] == "1 call, 20.0 s of talk."


def test_the_brief_is_of_yesterday_by_default(ask: Ask, run_sql: RunSql) -> None:
    [(yesterday,)] = run_sql("SELECT CAST(current_date - 1 AS text)")
    assert told(ask("brief", "--json"))["from"] == yesterday


def test_screens_show_the_figures_the_bars_and_the_note(ask: Ask) -> None:
    screen = ask("anger-after-silence", *PERIOD).stdout
    assert "2 of 4 bursts of anger (50.0%)" in screen
    assert "████████░░░░" in screen, "two thirds of refunds"
    assert "late.wav 00:03" in screen
    assert "do not replace their judgement" in screen
    assert "late.wav 01:23" in ask("soothing", *PERIOD).stdout


@pytest.mark.parametrize("name", FIELDS)
def test_every_report_is_a_page(ask: Ask, tmp_path: Path, ids: dict[str, int], name: str) -> None:
    file = tmp_path / "page.html"
    result = ask(name, *period_of(name), "--html", str(file), page_url=PAGE)
    assert (result.exit_code, result.output) == (0, "")
    page = Page(file.read_text(encoding="utf-8"))
    assert "do not replace their judgement" in page.text
    assert not page.elements & {"script", "img", "link", "iframe"}
    if name in {"anger-after-silence", "soothing", "brief"}:
        assert page.links
        assert {link.split("?")[0] for link in page.links} <= {f"{PAGE}calls/{number}" for number in ids.values()}
    assert ask(name, *period_of(name), "--html", "-", page_url=PAGE).stdout == file.read_text(encoding="utf-8")


def test_csv_is_of_one_table(ask: Ask) -> None:
    groups = list(csv.DictReader(io.StringIO(ask("anger-after-silence", *PERIOD, "--csv").stdout)))
    assert [(row["name"], row["share_after_silence"], row["mean_silence_ms"]) for row in groups] == [
        ("refunds", "0.6667", "1550"),
        ("sales", "0.0", ""),
    ]
    bursts = list(csv.DictReader(io.StringIO(ask("soothing", *PERIOD, "--csv", "--section", "bursts").stdout)))
    assert [(row["key"], row["at_ms"]) for row in bursts] == [("late.wav", "83900"), ("damaged.wav", "2000")]


@pytest.mark.parametrize("name", FIELDS)
def test_every_table_is_a_parquet_file_too(ask: Ask, tmp_path: Path, name: str) -> None:
    file = tmp_path / "table.parquet"
    for section, rows in told(ask(name, *period_of(name), "--json"))["sections"].items():
        assert ask(name, *period_of(name), "--parquet", str(file), "--section", section).exit_code == 0
        table = pq.read_table(file)
        assert set(table.column_names) == FIELDS[name][section]
        assert table.to_pylist() == rows
        assert all(field.metadata[b"comment"] for field in table.schema)


def test_output_goes_to_a_file(ask: Ask, tmp_path: Path) -> None:
    for words in (["--json"], ["--csv"], []):
        file = tmp_path / "report"
        result = ask("agents", *PERIOD, *words, "--output", str(file))
        assert (result.exit_code, result.output) == (0, "")
        assert file.read_text(encoding="utf-8") == ask("agents", *PERIOD, *words).stdout


def test_names_from_outside_do_no_harm(ask: Ask, engine: Engine) -> None:
    evil = '=HYPERLINK("http://x")<script>alert(1)</script>\x1b[31m[red]'
    store_call(engine, "x.wav", date(2026, 11, 10), agent_id=evil)
    page = ask("agents", *PERIOD, "--html", "-").stdout
    assert "<script" not in page
    assert "<script>alert(1)</script>" in Page(page).text
    screen = ask("agents", *PERIOD).stdout
    assert "\x1b" not in screen
    rows = list(csv.DictReader(io.StringIO(ask("agents", *PERIOD, "--csv").stdout)))
    assert [row["name"] for row in rows if "HYPERLINK" in row["name"]] == ["'" + evil.replace("\x1b", " ")]


def test_a_period_without_calls_says_where_there_are_some(ask: Ask, run_sql: RunSql) -> None:
    empty = ("--from", "2025-01-01", "--to", "2025-01-31")
    for name in ("anger-after-silence", "soothing", "hot-words", "agents"):
        result = ask(name, *empty, "--queue", "refunds")
        assert result.exit_code == 0
        assert (
            "No call of queue refunds from 2025-01-01 to 2025-01-31 has an analysis; calls are stored from 2026-11-01 "
            "to 2026-11-10." in " ".join(result.stdout.split())
        )
        assert told(ask(name, *empty, "--json"))["totals"]
        assert ask(name, *empty, "--html", "-").exit_code == 0
    run_sql("DELETE FROM recording")
    assert "no call is stored at all" in ask("brief", "--day", "2025-01-01").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["agents", "--from", "2026-11-31"], "2026-11-31"),
        (["brief", "--day", "yesterday"], "yesterday"),
        (["agents", "--from", "2026-11-10", "--to", "2026-11-09"], "before it begins"),
        (["agents", "--json", "--csv"], "exclude each other"),
        (["agents", "--html", "-", "--output", "x"], "exclude each other"),
        (["agents", "--section", "agents"], "goes with --csv"),
        (["agents", "--csv", "--section", "bursts"], "it has agents"),
        (["anger-after-silence", "--min-silence-ms", "1199"], "1200 ms"),
        (["soothing", "--benchmark", "65"], "65"),
        (["agents", "--json", "--output", "/nowhere/x"], "can't be written"),
        (["brief", "--mail", "nobody"], "managers, owners"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage_is_told(ask: Ask, words: list[str], message: str) -> None:
    result = ask(*words)
    error = result.exception
    assert error is not None
    if isinstance(error, UsageError):
        assert message in f"{error.what} {error.why}"
    else:
        assert result.exit_code == click.UsageError.exit_code
        assert message in result.output


def test_a_database_that_is_not_ready_is_told(ask: Ask, run_sql: RunSql) -> None:
    run_sql("UPDATE alembic_version SET version_num = '0004'")
    assert isinstance(ask("agents").exception, SchemaOutdated)
    away = CliRunner().invoke(report, ["agents"], env={"CALLSCOPE_DATABASE_URL": "postgresql://127.0.0.1:1/x"})
    assert isinstance(away.exception, DatabaseUnavailable)


def test_the_brief_is_mailed_once_a_day_and_target(ask: Ask, run_sql: RunSql, ids: dict[str, int]) -> None:
    mail = ("brief", "--day", "2026-11-10", "--mail")
    first = ask(*mail, "managers", page_url=PAGE)
    assert first.stderr == "mail to managers is in the outbox\n"
    assert ask(*mail, "managers").stderr == "mail to managers of this day was written before\n"
    [(kind, target, payload)] = run_sql("SELECT kind, target, payload FROM outbox")
    assert (kind, target) == ("mail", "managers")
    assert isinstance(payload, dict)
    assert payload["type"] == "report.brief"
    data = payload["data"]
    assert data["subject"] == "Daily brief of 2026-11-10: 2 calls, anger in 0.0%"
    assert f"{PAGE}calls/{ids['calm.wav']}?t=125" in data["text"]
    assert "no audio in it" in data["text"]
    assert Page(data["html"]).links == [
        *(f"{PAGE}calls/{ids['calm.wav']}?t=125", f"{PAGE}calls/{ids['calm.wav']}?t=0"),
    ]
    ask(*mail, "owners")
    ask(*mail, "managers", "--queue", "sales")
    ask("brief", "--day", "2026-11-09", "--mail", "managers")
    assert run_sql("SELECT target, payload -> 'data' ->> 'key' FROM outbox ORDER BY id") == [
        ("managers", "2026-11-10 queue= agent="),
        ("owners", "2026-11-10 queue= agent="),
        ("managers", "2026-11-10 queue=sales agent="),
        ("managers", "2026-11-09 queue= agent="),
    ]


def test_two_at_the_same_moment_write_one_mail(engine: Engine, run_sql: RunSql) -> None:
    def send(_: int) -> bool:
        with transaction(engine) as session:
            return send_brief(session, target="managers", key="2026-11-10", data={"subject": "s"})

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(send, range(8)))
    assert sum(written) == 1
    assert run_sql("SELECT count(*) FROM outbox") == [(1,)]
