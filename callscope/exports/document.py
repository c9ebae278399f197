"""A call as one JSON document: every record, by the names that the code knows it by."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from callscope.calls import AnalysedCall


def to_document(call: AnalysedCall) -> dict[str, Any]:
    """Return the call as JSON's own types; times are in milliseconds, clocks in ISO 8601 with their zone."""
    document: dict[str, Any] = _adapter().dump_python(call, mode="json")
    return document


@cache
def _adapter() -> TypeAdapter[AnalysedCall]:
    return TypeAdapter(AnalysedCall)
