"""The OpenAPI document: each operation that answers with JSON shows an answer, of a sample call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

EXAMPLES = Path(__file__).with_name("openapi_examples.json")
"""By operation, such as ``GET /v1/calls``; `python -m tests.acceptance.api_examples` takes them anew."""


def show_examples(app: FastAPI) -> None:
    """Let the app's document carry the examples."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        made = plain()  # the same object each time
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                example = _examples().get(f"{method.upper()} {path}")
                for status, answer in operation["responses"].items():
                    if example is not None and status.startswith("2") and "application/json" in answer["content"]:
                        answer["content"]["application/json"]["example"] = example
        return made

    setattr(app, "openapi", document)  # noqa: B010 - FastAPI documents that it is replaced


@cache
def _examples() -> Mapping[str, Any]:
    told: dict[str, Any] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return told
