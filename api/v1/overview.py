"""``/v1/overview``: what came in, what waits, what is dead, how fast it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from api.context import Db
from api.security import Reader
from api.v1.rows import storable_or_none
from models import overview
from models.overview import DeadReason, DeviceSpeed, Volume, Waiting
from models.reports import Scope

router = APIRouter(tags=["overview"])

MAX_DAYS = 3_660


@dataclass(frozen=True, slots=True)
class Overview:
    """The contact centre at a glance."""

    volume: list[Volume]
    """Of each day and queue with calls."""
    waiting: Waiting
    dead: list[DeadReason]
    speeds: list[DeviceSpeed]


@router.get("/overview", summary="Get the contact centre at a glance")
def show(
    *,
    session: Db,
    _: Reader,
    days: Annotated[int, Query(ge=1, le=MAX_DAYS, description="up to today, UTC")] = 30,
    queue: Annotated[str | None, Query(max_length=255)] = None,
) -> Overview:
    """Return calls and anger by day and queue, and what waits and is dead now."""
    today = datetime.now(tz=UTC).date()
    scope = Scope(today - timedelta(days - 1), today, queue=storable_or_none(queue))
    return Overview(
        volume=overview.volume(session, scope),
        waiting=overview.waiting(session),
        dead=overview.dead_reasons(session),
        speeds=overview.speeds(session),
    )
