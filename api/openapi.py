"""The OpenAPI document: what an operation answers is shown, of a sample call, and what a row holds is said."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from models import extracts
from models.extracts import ExtractColumn, Kind

EXAMPLES = Path(__file__).with_name("openapi_examples.json")
"""By operation, such as ``GET /v1/calls``; `python -m tests.acceptance.api_examples` takes them anew."""

_ROWS = ("segments", "events", "findings")
"""Tables whose rows are resources of the same name."""

_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.INT16: {"type": "integer"},
    Kind.INT32: {"type": "integer", "format": "int32"},
    Kind.INT64: {"type": "integer", "format": "int64"},
    Kind.FLOAT64: {"type": "number", "format": "double"},
    Kind.BOOLEAN: {"type": "boolean"},
    Kind.TEXT: {"type": "string"},
    Kind.DATE: {"type": "string", "format": "date"},
    Kind.TIME: {"type": "string", "format": "date-time"},
    Kind.JSON: {},
    Kind.INT32S: {"type": "array", "items": {"type": "integer", "format": "int32"}},
}


def complete(app: FastAPI) -> None:
    """Let the app's document carry the examples, and say what rows hold."""
    plain = app.openapi

    @cache
    def document() -> dict[str, Any]:
        examples = json.loads(EXAMPLES.read_text(encoding="utf-8"))
        made = plain()
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                for status, answer in operation["responses"].items():
                    shown = answer.get("content", {}).get("application/json")
                    if shown is not None and status.startswith("2"):
                        shown["example"] = examples[f"{method.upper()} {path}"]
        for name in _ROWS:
            answer = made["paths"][f"/v1/{name}"]["get"]["responses"]["200"]
            answer["content"]["application/json"]["schema"] = _page_of(name)
        return made

    setattr(app, "openapi", document)  # noqa: B010 - FastAPI documents that it is replaced


def _page_of(name: str) -> dict[str, Any]:
    columns = extracts.page_columns(name)
    row = {
        "type": "object",
        "description": extracts.about(name),
        "properties": {column.name: _schema(column) for column in columns},
        "required": [column.name for column in columns],
    }
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "items": row}, "next_cursor": {"type": ["string", "null"]}},
        "required": ["items", "next_cursor"],
    }


def _schema(column: ExtractColumn) -> dict[str, Any]:
    held = _TYPES[column.kind]
    if column.is_nullable and held:
        held = held | {"type": [held["type"], "null"]}
    return held | {"description": column.comment}
