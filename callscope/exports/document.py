"""A call as one JSON document: every record, by the names that the code knows it by."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from callscope.calls import AnalysedCall

_WITHOUT = {"analysis": {"hearing": {"waveform"}}}
"""A picture of the sound, not a record of it."""


def to_document(call: AnalysedCall) -> dict[str, Any]:
    """Return the call as JSON's own types, but for its waveform; times are ms, clocks ISO 8601 with their zone."""
    document: dict[str, Any] = _adapter().dump_python(call, mode="json", exclude=_WITHOUT)
    return document


@cache
def _adapter() -> TypeAdapter[AnalysedCall]:
    return TypeAdapter(AnalysedCall)
