"""Every address: what programs call, and what people look at."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from api import ops
from api.openai import transcriptions
from api.pages import call as call_page
from api.pages import calls as calls_page
from api.pages import dead as dead_page
from api.pages import embed, preferences, sign_in
from api.pages import overview as overview_page
from api.v1 import annotations as corrections
from api.v1 import (
    audio,
    call,
    calls,
    dead,
    events,
    exports,
    findings,
    overview,
    recordings,
    reports,
    rules,
    segments,
    views,
    waveform,
)

RESOURCES = (
    *(recordings, calls, call, segments, events, findings, waveform, corrections, audio),
    *(overview, reports, rules, exports, dead, views),
)
PAGES = (preferences, sign_in, calls_page, call_page, overview_page, dead_page, embed)


def include(app: FastAPI) -> None:
    """Add them to the app; pages are no part of the API's document."""
    app.include_router(ops.router)
    resources = APIRouter(prefix="/v1")
    for resource in RESOURCES:
        resources.include_router(resource.router)
    app.include_router(resources)
    app.include_router(transcriptions.router)
    for page in PAGES:
        app.include_router(page.router, include_in_schema=False)
