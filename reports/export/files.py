"""Rows as files: CSV, Parquet, JSON. Each writer takes portions of rows, and holds one of them, or one row group."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from callscope.exports.cells import safe_cell
from models.extracts import Extract, Kind, Row

ROWS_A_GROUP = 65_536
"""Of a Parquet file: large enough to be read quickly, and some tens of megabytes while it is gathered."""

Writer = Callable[[IO[bytes], Extract, Iterator[Sequence[Row]]], None]


def write_csv(file: IO[bytes], extract: Extract, portions: Iterator[Sequence[Row]]) -> None:
    """
    Write a heading and a line a row, in UTF-8; nulls are empty, lists and objects are JSON.

    No text begins like a formula: `safe_cell` says how.
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([column.name for column in extract.columns])
    for portion in portions:
        writer.writerows([_cell(value) for value in row] for row in portion)
    # The file is the caller's to close.
    text.detach()


def write_jsonl(file: IO[bytes], extract: Extract, portions: Iterator[Sequence[Row]]) -> None:
    """Write one JSON object a line."""
    for line in _objects(extract, portions):
        file.write(line + b"\n")


def write_json(file: IO[bytes], extract: Extract, portions: Iterator[Sequence[Row]]) -> None:
    """Write one JSON array, an object a line."""
    separator = b"["
    for line in _objects(extract, portions):
        file.write(separator + b"\n" + line)
        separator = b","
    file.write(b"[]\n" if separator == b"[" else b"\n]\n")


def write_parquet(file: IO[bytes], extract: Extract, portions: Iterator[Sequence[Row]]) -> None:
    """
    Write a Parquet file with typed columns; each carries its meaning and unit as the field's ``comment``.

    Moments are microseconds in UTC; objects are JSON text.
    """
    schema = parquet_schema(extract)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        gathered: list[pa.RecordBatch] = []
        for portion in portions:
            gathered.append(_batch(extract, schema, portion))
            if sum(batch.num_rows for batch in gathered) >= ROWS_A_GROUP:
                writer.write_table(pa.Table.from_batches(gathered, schema))
                gathered = []
        if gathered:
            writer.write_table(pa.Table.from_batches(gathered, schema))


WRITERS: Mapping[str, Writer] = {
    "csv": write_csv,
    "parquet": write_parquet,
    "json": write_json,
    "jsonl": write_jsonl,
}

_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.INT16: pa.int16(),
    Kind.INT32: pa.int32(),
    Kind.INT64: pa.int64(),
    Kind.FLOAT64: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.JSON: pa.string(),
    Kind.INT32S: pa.list_(pa.int32()),
}


def parquet_schema(extract: Extract) -> pa.Schema:
    """Return the schema of a table's Parquet file."""
    fields = [
        pa.field(column.name, _TYPES[column.kind], metadata={"comment": column.comment}) for column in extract.columns
    ]
    return pa.schema(fields, metadata={"comment": extract.about, "table": extract.name})


def _batch(extract: Extract, schema: pa.Schema, portion: Sequence[Row]) -> pa.RecordBatch:
    columns = zip(*portion, strict=True) if portion else ((),) * len(extract.columns)
    arrays = [
        pa.array([_json_text(value) for value in values] if column.kind is Kind.JSON else values, field.type)
        for column, field, values in zip(extract.columns, schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _objects(extract: Extract, portions: Iterator[Sequence[Row]]) -> Iterator[bytes]:
    names = [column.name for column in extract.columns]
    for portion in portions:
        for row in portion:
            values = dict(zip(names, map(_json_value, row), strict=True))
            yield json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()


def _cell(value: object) -> object:
    match value:
        case str():
            return safe_cell(value)
        case dict() | list():
            return safe_cell(json.dumps(value, ensure_ascii=False))
        case bool():
            return "true" if value else "false"
        case datetime() | date():
            return value.isoformat()
        case _:
            return value


def _json_value(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    return value.isoformat() if isinstance(value, date) else value


def _json_text(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
