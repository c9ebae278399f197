"""A report on the screen, as JSON, as CSV, as a page that can be mailed, and as plain text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, PackageLoader, StrictUndefined
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from callscope.exports.cells import safe_cell
from models.reports import Moment
from reports.builtin.document import NOTE, Column, Document, Section, Unit, Value
from reports.builtin.show import BAR_CELLS, bar, cell, plain

_MOMENT_TYPES = {"recording_id": pa.int64(), "key": pa.string(), "at_ms": pa.int64(), "link": pa.string()}
_MOMENT = tuple(_MOMENT_TYPES)
"""What a moment is in JSON, CSV and Parquet."""


def as_json(document: Document) -> str:
    """Return the whole report as one JSON object; shares lie in [0, 1], times are milliseconds, dates ISO 8601."""
    scope = document.scope
    told = {
        "report": document.report,
        "question": document.question,
        "from": scope.first.isoformat(),
        "to": scope.last.isoformat(),
        "queue": scope.queue,
        "agent": scope.agent_id,
        "options": dict(document.options),
        "summary": list(document.summary),
        "totals": dict(document.totals),
        "sections": {
            section.name: [
                dict(zip(_field_names(section), _fields(document, section, row), strict=True)) for row in section.rows
            ]
            for section in document.sections
        },
        "note": NOTE,
    }
    return json.dumps(told, ensure_ascii=False, indent=1)


def as_csv(document: Document, section: Section) -> str:
    """
    Return one table as CSV with a heading line.

    Keys and names come from outside: a text that a spreadsheet would take for a formula gets a quote before it, and
    control characters are spaces.
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(_field_names(section))
    for row in section.rows:
        writer.writerow([_harmless(value) for value in _fields(document, section, row)])
    return lines.getvalue()


def as_parquet(document: Document, section: Section) -> bytes:
    """Return one table as a Parquet file: the columns of the CSV, typed, with their headings as comments."""
    rows = [tuple(_fields(document, section, row)) for row in section.rows]
    columns = dict(zip(_field_names(section), zip(*rows, strict=True), strict=bool(rows)))
    headings = {
        name: column
        for column in section.columns
        for name in (_MOMENT if column.unit is Unit.MOMENT else (column.name,))
    }
    table = pa.table(
        {
            name: pa.array(columns.get(name, ()), _MOMENT_TYPES.get(name) or _type(column.unit, columns.get(name, ())))
            for name, column in headings.items()
        }
    )
    schema = pa.schema([field.with_metadata({"comment": headings[field.name].heading}) for field in table.schema])
    file = io.BytesIO()
    pq.write_table(table.cast(schema), file, compression="zstd")
    return file.getvalue()


def _type(unit: Unit, values: Iterable[Value]) -> pa.DataType:
    """Return a column's type; a figure is whole where all of its values are, for a mean of counts isn't."""
    if unit is Unit.TEXT:
        return pa.string()
    return pa.int64() if all(isinstance(value, int | None) for value in values) else pa.float64()


def _field_names(section: Section) -> list[str]:
    return [name for column in section.columns for name in (_MOMENT if column.unit is Unit.MOMENT else (column.name,))]


def _fields(document: Document, section: Section, row: tuple[Value, ...]) -> Iterator[str | int | float | None]:
    """Yield the values of `_field_names`."""
    for column, value in zip(section.columns, row, strict=True):
        match value:
            case Moment():
                yield from (value.recording_id, value.key, value.at_ms, document.link(value))
            case None if column.unit is Unit.MOMENT:
                yield from (None,) * len(_MOMENT)
            case date():
                yield value.isoformat()
            case _:
                yield value


def _harmless(value: str | float | None) -> str | float | None:
    return safe_cell(plain(value)) if isinstance(value, str) else value


def as_screen(document: Document) -> RenderableType:
    """Return the report for a terminal, its shares drawn as bars."""
    parts: list[RenderableType] = [Text(document.title, style="bold"), Text(_about(document), style="dim")]
    parts += [Text(plain(sentence)) for sentence in document.summary]
    for section in document.sections:
        parts.append(Text())
        parts.append(_table(document, section) if section.rows else Text(f"{section.title}: none", style="dim"))
    return Group(*parts, Text(), Text(NOTE, style="dim"))


def _table(document: Document, section: Section) -> Table:
    table = Table(
        title=section.title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1)
    )
    for column in section.columns:
        table.add_column(column.heading, justify="right" if _is_number(column) else "left", overflow="fold")
        if column.has_bar:
            table.add_column("", min_width=BAR_CELLS, no_wrap=True)
    for row in section.rows:
        cells: list[Text] = []
        for column, value in zip(section.columns, row, strict=True):
            cells.append(Text(cell(document, column, value)))
            if column.has_bar:
                cells.append(Text(bar(_share(value)), style="cyan"))
        table.add_row(*cells)
    return table


def as_text(document: Document) -> str:
    """Return the report as plain text, for readers of mail without HTML: a line a row, so that links stay whole."""
    lines = [document.title, _about(document), "", *map(plain, document.summary)]
    for section in document.sections:
        lines += ["", section.title]
        for row in section.rows:
            told = zip(section.columns, row, strict=True)
            lines.append(
                "- " + "; ".join(f"{column.heading}: {cell(document, column, value)}" for column, value in told)
            )
        if not section.rows:
            lines.append("none")
    return "\n".join([*lines, "", NOTE, ""])


def as_html(document: Document) -> str:
    """Return the report as a page that mail programs show too: styles inline, bars made of table cells, no script."""
    # Made here: reading a template is work, and most runs want no page.
    environment = Environment(
        loader=PackageLoader("reports.builtin"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"cell": cell, "is_number": _is_number, "bar_percent": _bar_percent, "Moment": Moment}
    return environment.get_template("report.html").render(
        document=document, about=_about(document), note=NOTE, is_moment=lambda value: isinstance(value, Moment)
    )


def console_text(document: Document, *, width: int) -> str:
    """Return the screen as text, for a file."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(as_screen(document))
    return out.getvalue()


def _about(document: Document) -> str:
    scope = document.scope
    period = scope.first.isoformat() if scope.days == 1 else f"{scope.first.isoformat()} to {scope.last.isoformat()}"
    of = [f"queue {scope.queue}"] * bool(scope.queue) + [f"agent {scope.agent_id}"] * bool(scope.agent_id)
    return plain(f"{document.question} ({', '.join([f'{period}, UTC', *of])})")


def _is_number(column: Column) -> bool:
    return column.unit not in {Unit.TEXT, Unit.MOMENT}


def _share(value: Value) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _bar_percent(value: Value) -> int:
    return round(100 * min(1.0, max(0.0, _share(value) or 0.0)))
