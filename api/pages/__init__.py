"""The pages people look at, one file a page."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

PAGES = ("preferences", "sign_in", "drop", "calls", "call", "overview", "dead", "embed", "views")


def collect() -> list[APIRouter]:
    """Return the routers of all pages."""
    return [import_module(f"{__name__}.{name}").router for name in PAGES if find_spec(f"{__name__}.{name}")]
