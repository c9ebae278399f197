"""The OpenAPI document: each operation that answers with JSON shows an answer, of a sample call."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

EXAMPLES = Path(__file__).with_name("openapi_examples.json")
"""By operation, such as ``GET /v1/calls``; `python -m tests.acceptance.api_examples` takes them anew."""


def show_examples(app: FastAPI) -> None:
    """Let the app's document carry the examples."""
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
        return made

    setattr(app, "openapi", document)  # noqa: B010 - FastAPI documents that it is replaced
