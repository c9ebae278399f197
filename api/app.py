"""The app: middleware, routers, and what lives as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import RedirectResponse
from starlette.staticfiles import StaticFiles

from api import openapi, problems, renditions, routes
from api.context import Context
from api.front import Front
from api.ops import Metrics
from api.renditions import Renditions
from api.security.links import Links
from api.security.principal import Doorkeeper
from api.security.rate import Limiter
from api.security.secret import api_secret
from callscope.scratch import scratch_folder
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
    database_url, metrics = settings.require_database_url(), Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with connected(database_url) as engine, scratch_folder(settings.state_folder) as scratch:
            secret, storage = api_secret(settings), open_storage(settings)
            app.state.context = Context(
                settings=settings,
                engine=engine,
                storage=storage,
                scratch=scratch,
                secret=secret,
                doorkeeper=Doorkeeper(),
                limiter=Limiter(settings.api_rate),
                links=Links(secret),
                renditions=Renditions(
                    settings.state_folder / renditions.FOLDER,
                    storage,
                    scratch=scratch,
                    max_duration_ms=settings.max_duration_ms,
                ),
                metrics=metrics,
            )
            yield

    app = FastAPI(title="callscope", version=version("callscope"), lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Front, settings=settings, metrics=metrics)
    problems.install(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    routes.include(app)
    openapi.complete(app)

    @app.get("/", include_in_schema=False)
    def start() -> RedirectResponse:
        return RedirectResponse("/calls")

    return app
