"""The contact centre at a glance; every number leads to the calls behind it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.browsing import MAX_DAYS, Maybe, Name
from api.context import Ctx, Db
from api.pages.render import render
from api.security import Reader
from api.v1.rows import storable_or_none
from callscope.keys import is_recording
from callscope.meaning.rules.schema import SoothingCard
from models import browse, overview, reports
from models.figures import MIN_SILENCE_MS
from models.overview import Volume
from models.reports import Grouping, Scope

router = APIRouter()

PERIODS = (7, 30, 90, 365)
DEFAULT_DAYS = 30
MAX_LISTED = 20_000
"""Objects of the bucket that are looked at while somebody waits."""

_AGENTS = 8
_MOMENTS = 5
_WORDS = 24
_MIN_DECIDED = 5


@dataclass(frozen=True, slots=True)
class Span:
    """Which calls are told of."""

    days: int
    queue: str | None
    scope: Scope

    def calls(self, **also: str | None) -> str:
        """Return the address of these calls, with further filters."""
        told = {"days": str(self.days), "queue": self.queue, **also}
        return "/calls?" + urlencode({name: value for name, value in told.items() if value})

    def on(self, day: date, **also: str | None) -> str:
        """Return the address of the calls of a day."""
        told = {"from": day.isoformat(), "to": day.isoformat(), "queue": self.queue, **also}
        return "/calls?" + urlencode({name: value for name, value in told.items() if value})

    @property
    def query(self) -> str:
        """Return the query by which a part of the page is asked for."""
        return urlencode({"days": self.days, "queue": self.queue or ""})


def _span(
    days: Maybe[Annotated[int, Field(ge=1, le=MAX_DAYS)]] = None,
    queue: Name = None,
) -> Span:
    days = days or DEFAULT_DAYS
    today = datetime.now(tz=UTC).date()
    queue = storable_or_none(queue)
    return Span(days, queue, Scope(today - timedelta(days - 1), today, queue=queue))


Spanned = Annotated[Span, Depends(_span)]


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over days or queues."""

    calls: int
    angry_calls: int
    after_silence: int

    @classmethod
    def of(cls, volumes: Iterable[Volume]) -> Totals:
        """Add volumes up."""
        listed = list(volumes)
        return cls(
            calls=sum(one.calls for one in listed),
            angry_calls=sum(one.angry_calls for one in listed),
            after_silence=sum(one.after_silence for one in listed),
        )

    @property
    def anger_rate(self) -> float | None:
        """Calls with anger over all calls."""
        return self.angry_calls / self.calls if self.calls else None


@router.get("/overview", name="overview")
def show(request: Request, session: Db, _: Reader, span: Spanned) -> HTMLResponse:
    """Show the figures and the volume; the other parts come after."""
    volumes = overview.volume(session, span.scope)
    by_day, by_queue = defaultdict[date, list[Volume]](list), defaultdict[str | None, list[Volume]](list)
    for one in volumes:
        by_day[one.day].append(one)
        by_queue[one.queue].append(one)
    days = [span.scope.first + timedelta(day) for day in range(span.scope.days)]
    by_days = [(day, Totals.of(by_day.get(day, ()))) for day in days]
    queues = sorted(((queue, Totals.of(found)) for queue, found in by_queue.items()), key=lambda one: -one[1].calls)
    return render(
        request,
        "overview.html",
        span=span,
        periods=PERIODS,
        queues=browse.choices(session).queues,
        total=Totals.of(volumes),
        by_day=by_days,
        series=[
            {
                "day": day.isoformat(),
                "calls": sums.calls,
                "angry": sums.angry_calls,
                "href": span.on(day),
                "angryHref": span.on(day, anger="burst"),
            }
            for day, sums in by_days
        ],
        by_queue=queues,
        waiting=overview.waiting(session),
        dead=sum(reason.count for reason in overview.dead_reasons(session)),
    )


@router.get("/overview/meaning")
def meaning(request: Request, session: Db, _: Reader, span: Spanned) -> HTMLResponse:
    """Show what follows silence, who soothes, and what is said in anger."""
    silence = reports.anger_after_silence(session, span.scope, by=Grouping.QUEUE, min_silence_ms=MIN_SILENCE_MS)
    moments = reports.anger_bursts_after_silence(session, span.scope, min_silence_ms=MIN_SILENCE_MS, limit=_MOMENTS)
    soothing = reports.soothing(session, span.scope)
    words = reports.hot_words(session, span.scope, limit=_WORDS, by_anger=True)
    return render(
        request,
        "overview/meaning.html",
        page="overview",
        span=span,
        silence=silence,
        moments=moments,
        agents=soothing.groups[:_AGENTS],
        soothed=soothing.total,
        benchmark=SoothingCard().benchmark,
        min_decided=_MIN_DECIDED,
        hot_words=[word for word in words if word.angry_mentions] or words[: _WORDS // 2],
        most=max((word.mentions for word in words), default=1),
    )


@router.get("/overview/machine")
def machine(request: Request, session: Db, _: Reader, span: Spanned) -> HTMLResponse:
    """Show what waits, what is dead, and how fast it goes."""
    return render(
        request,
        "overview/machine.html",
        page="overview",
        span=span,
        waiting=overview.waiting(session),
        reasons=overview.dead_reasons(session),
        speeds=overview.speeds(session),
    )


@router.get("/overview/coverage")
def coverage(request: Request, context: Ctx, session: Db, _: Reader) -> HTMLResponse:
    """Show the bucket against the rows."""
    settings = context.settings
    listed = (found.ref for found in context.storage.list(settings.bucket, settings.prefix))
    refs = list(islice((ref for ref in listed if is_recording(ref.key)), MAX_LISTED + 1))
    covered = overview.coverage(session, refs[:MAX_LISTED], is_whole=len(refs) <= MAX_LISTED)
    return render(request, "overview/coverage.html", page="overview", covered=covered)
