"""``/v1/reports/{name}``: the built-in reports as data."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.context import Context, Ctx, Db
from api.security import Reader
from api.v1.rows import Selected
from callscope.errors import UsageError
from callscope.meaning.rules.book import load_rulebook
from callscope.moments import days_before
from models.extracts import Selection
from models.figures import MIN_SILENCE_MS
from models.reports import Grouping, Scope, today
from models.session import Session
from reports.builtin import agents, anger, brief, render, soothing, words
from reports.builtin.document import Document

router = APIRouter(tags=["reports"])

DEFAULT_DAYS = 30
LIMIT = 500


class ReportName(StrEnum):
    """A built-in report, as on the command line."""

    ANGER = anger.NAME
    SOOTHING = soothing.NAME
    BRIEF = brief.NAME
    WORDS = words.NAME
    AGENTS = agents.NAME


@router.get("/reports/{name}", summary="Get a report")
def show(
    *,
    session: Db,
    context: Ctx,
    _: Reader,
    name: Annotated[ReportName, Path(description="as `callscope report` names it")],
    selection: Selected,
    by: Annotated[Grouping, Query(description="groups of the report of anger after silence")] = Grouping.QUEUE,
    limit: Annotated[int, Query(ge=1, le=LIMIT, description="at most so many rows of a list")] = 50,
) -> dict[str, Any]:
    """Return a report as `callscope report NAME --json` prints it; the brief is of the last day of the period."""
    document = _compose(session, context, name, _scope(session, selection), by=by, limit=limit)
    data: dict[str, Any] = json.loads(render.as_json(document))
    return data


def _scope(session: Session, selection: Selection) -> Scope:
    last = selection.last or today(session)
    first = selection.first or days_before(last, DEFAULT_DAYS - 1)
    if first > last:
        raise UsageError(f"the period ends on {last}, before it begins on {first}")
    return Scope(first, last, selection.queue, selection.agent_id)


def _compose(
    session: Session, context: Context, name: ReportName, scope: Scope, *, by: Grouping, limit: int
) -> Document:
    settings = context.settings
    card = load_rulebook(settings.rules_folder).soothing
    page_url = settings.page_url
    match name:
        case ReportName.ANGER:
            stored_ms = max(settings.min_silence_ms, card.agent_silence_at_least_ms)
            return anger.compose(
                session,
                scope,
                by=by,
                min_silence_ms=max(MIN_SILENCE_MS, stored_ms),
                limit=limit,
                page_url=page_url,
            )
        case ReportName.SOOTHING:
            return soothing.compose(
                session,
                scope,
                benchmark=card.benchmark,
                min_decided=soothing.MIN_DECIDED,
                limit=limit,
                page_url=page_url,
            )
        case ReportName.BRIEF:
            return brief.compose(session, scope.last, queue=scope.queue, agent_id=scope.agent_id, page_url=page_url)
        case ReportName.WORDS:
            return words.compose(session, scope, language=None, by_anger=False, limit=limit, page_url=page_url)
        case ReportName.AGENTS:
            return agents.compose(session, scope, limit=limit, page_url=page_url)
