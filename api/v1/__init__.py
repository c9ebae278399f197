"""The HTTP API that programs call, one file a resource."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from fastapi import APIRouter

RESOURCES = (
    "recordings", "calls", "call", "segments", "events", "findings", "waveform", "annotations", "audio", "overview",
    "reports", "rules", "exports", "dead", "views",
)  # fmt: skip


def collect() -> APIRouter:
    """Return the router of all resources, under ``/v1``."""
    router = APIRouter(prefix="/v1")
    for name in RESOURCES:
        if find_spec(f"{__name__}.{name}"):
            router.include_router(import_module(f"{__name__}.{name}").router)
    return router
