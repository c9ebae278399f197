"""The app: middleware, routers, and what lives as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from api import pages, problems, v1
from api.context import Context
from api.front import Front
from api.security.links import Links
from api.security.principal import Doorkeeper
from api.security.rate import Limiter
from api.security.secret import api_secret
from callscope.settings import Settings
from callscope.storage import open_storage
from models.session import connected

STATIC = Path(__file__).parent / "static"


def create_app(settings: Settings) -> FastAPI:
    """
    Return the pages and the API as an ASGI app; it connects when it starts.

    Raises
    ------
    InvalidSetting
        A setting that it needs is missing.
    """
    database_url = settings.require_database_url()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with connected(database_url) as engine:
            secret = api_secret(settings)
            app.state.context = Context(
                settings=settings,
                engine=engine,
                storage=open_storage(settings),
                secret=secret,
                doorkeeper=Doorkeeper(),
                limiter=Limiter(settings.api_rate),
                links=Links(secret),
            )
            yield

    app = FastAPI(title="callscope", version=version("callscope"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Front, settings=settings)
    problems.install(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(v1.collect())
    for router in pages.collect():
        app.include_router(router, include_in_schema=False)

    @app.get("/", include_in_schema=False)
    def start() -> RedirectResponse:
        return RedirectResponse("/calls")

    return app
