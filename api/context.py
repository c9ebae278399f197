"""What a running app holds, and how a handler gets at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from callscope.ports import Storage
from callscope.settings import Settings
from models.session import Engine, Session, transaction

if TYPE_CHECKING:
    # They stand on this module.
    from api.ops import Metrics
    from api.renditions import Renditions
    from api.security.links import Links
    from api.security.principal import Doorkeeper
    from api.security.rate import Limiter


@dataclass(frozen=True, slots=True)
class Context:
    """Settings and the ways out, one of each for the process."""

    settings: Settings
    engine: Engine
    storage: Storage
    scratch: Path
    """Where files lie while a request lasts; empty again after the process, however it ends."""
    secret: str
    """Signs sessions and links."""
    doorkeeper: Doorkeeper
    limiter: Limiter
    links: Links
    renditions: Renditions
    metrics: Metrics


def context_of(connection: HTTPConnection) -> Context:
    """Return what the app holds; it is there once the app has started."""
    context: Context = connection.app.state.context
    return context


Ctx = Annotated[Context, Depends(context_of)]


def _session(context: Ctx) -> Iterator[Session]:
    with transaction(context.engine) as session:
        yield session


Db = Annotated[Session, Depends(_session, scope="function")]
"""A transaction around the handler: committed before its answer goes out, rolled back by any error."""
