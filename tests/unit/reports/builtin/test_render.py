from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from models.reports import Moment, Scope
from reports.builtin import agents, anger, brief, render, show, soothing, words
from reports.builtin.document import NOTE, Column, Document, Section, Unit, Value, section

pytestmark = pytest.mark.unit

COLUMNS = (
    Column("name", "name"),
    Column("share", "share", Unit.SHARE, has_bar=True),
    Column("moment", "where", Unit.MOMENT),
)
AT = Moment(7, "refunds/a.wav", 83_999)


def a_document(*rows: tuple[Value, ...], page_url: str = "") -> Document:
    return Document(
        report="test",
        title="A <test>",
        question="Is it so?",
        scope=Scope(date(2026, 11, 1), date(2026, 11, 30), queue="refunds"),
        options={"limit": 5},
        summary=("It is & it isn't.",),
        totals={"calls": 3},
        sections=(Section("groups", "By name", COLUMNS, rows), Section("none", "Nothing", COLUMNS, ())),
        page_url=page_url,
    )


def screen(document: Document) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(render.as_screen(document))
    return out.getvalue()


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        (Unit.TEXT, "a\x1b[31m\nb", "a [31m b"),
        (Unit.TEXT, None, "–"),
        (Unit.TEXT, date(2026, 11, 2), "2026-11-02"),
        (Unit.COUNT, 12_345, "12,345"),
        (Unit.COUNT, 1.5, "1.5"),
        (Unit.NUMBER, 1.005, "1.00"),
        (Unit.SHARE, 0.6667, "66.7%"),
        (Unit.POINTS, -0.012, "-1.2"),
        (Unit.CHANGE, 0.5, "+50%"),
        (Unit.MS, 1_250, "1.2 s"),
        (Unit.MS, 3_599_999, "3600.0 s"),
        (Unit.MS, 7_260_000, "2 h 01 min"),
        (Unit.MOMENT, AT, "refunds/a.wav 01:23"),
        (Unit.MOMENT, Moment(1, "k", 4_503_000), "k 75:03"),
    ],
)
def test_values_are_shown_by_their_unit(unit: Unit, value: Value, shown: str) -> None:
    assert show.cell(a_document(), Column("x", "x", unit), value) == shown


@pytest.mark.parametrize("page_url", ["https://calls.example.org", "https://calls.example.org/"])
def test_a_moment_links_to_its_second(page_url: str) -> None:
    document = a_document(page_url=page_url)
    assert document.link(AT) == "https://calls.example.org/calls/7?t=83"
    assert show.cell(document, COLUMNS[2], AT) == document.link(AT)


@pytest.mark.parametrize(
    ("share", "drawn"), [(None, ""), (0.0, "░░░░"), (0.5, "██░░"), (1.0, "████"), (1.7, "████"), (-1.0, "░░░░")]
)
def test_a_bar_is_as_long_as_its_share(share: float | None, drawn: str) -> None:
    assert show.bar(share, 4) == drawn


def test_a_section_takes_attributes_and_what_is_made() -> None:
    made = section(
        "s", "S", (Column("key", "key"), Column("twice", "twice")), [AT], twice=lambda moment: 2 * moment.at_ms
    )
    assert made.rows == (("refunds/a.wav", 167_998),)


def test_json_holds_everything() -> None:
    document = json.loads(render.as_json(a_document(("ann", 0.5, AT), (None, None, None), page_url="http://p")))
    assert document == {
        "report": "test",
        "question": "Is it so?",
        "from": "2026-11-01",
        "to": "2026-11-30",
        "queue": "refunds",
        "agent": None,
        "options": {"limit": 5},
        "summary": ["It is & it isn't."],
        "totals": {"calls": 3},
        "sections": {
            "groups": [
                {
                    "name": "ann",
                    "share": 0.5,
                    "recording_id": 7,
                    "key": "refunds/a.wav",
                    "at_ms": 83_999,
                    "link": "http://p/calls/7?t=83",
                },
                dict.fromkeys(("name", "share", "recording_id", "key", "at_ms", "link")),
            ],
            "none": [],
        },
        "note": NOTE,
    }


@given(st.text())
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    document = a_document((text, -0.5, None))
    [heading, row] = csv.reader(io.StringIO(render.as_csv(document, document.sections[0])))
    assert heading == ["name", "share", "recording_id", "key", "at_ms", "link"]
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert row[0].removeprefix("'") == show.plain(text).removeprefix("'")
    assert row[1:] == ["-0.5", "", "", "", ""], "numbers stay numbers"


@given(st.text())
def test_no_text_breaks_out_of_a_page_or_orders_a_terminal_about(text: str) -> None:
    document = a_document((f"<script>{text}[bold]", 0.5, AT), page_url='http://p/"><b>')
    page = render.as_html(document)
    assert "<script" not in page
    assert '"><b>' not in page
    assert "A &lt;test&gt;" in page
    for shown in (screen(document), render.as_text(document)):
        assert all(letter.isprintable() or letter == "\n" for letter in shown)
        assert "[bold]" in shown.replace("\n", "")


def test_screen_and_text_tell_of_empty_tables() -> None:
    assert "Nothing: none" in screen(a_document())
    assert "Nothing\nnone" in render.as_text(a_document())


def test_plain_text_has_a_line_a_row() -> None:
    text = render.as_text(a_document(("ann", 0.5, AT), page_url="http://p"))
    assert "- name: ann; share: 50.0%; where: http://p/calls/7?t=83\n" in text
    assert text.endswith(NOTE + "\n")


@pytest.mark.parametrize("form", [screen, render.as_text, render.as_html, render.as_json])
def test_every_form_says_what_it_is_about_and_carries_the_note(form: object) -> None:
    assert callable(form)
    told = form(a_document())
    for part in ("Is it so?", "2026-11-01", "2026-11-30", "refunds", NOTE):
        assert part in told


def test_the_page_of_the_docs_names_every_column() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "reports.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)`", page))
    columns = {
        column.name
        for module in (agents, anger, brief, soothing, words)
        for columns in vars(module).values()
        if isinstance(columns, tuple)
        for column in columns
        if isinstance(column, Column)
    }
    assert len(columns) > 40
    assert columns - named == set()
