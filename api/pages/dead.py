"""What could not be analysed, why, and what to do; once more, if that helps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query
from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.context import Db
from api.pages.render import notice, render
from api.pages.words import language_of, translator
from api.security import Reader, Writer
from callscope.errors import RequestRefused
from models import ledger
from models.ledger import DeadReason, DeadRecording
from models.session import Session

router = APIRouter()

ROWS = 50

_POSITION = TypeAdapter(tuple[datetime, int])


@dataclass(frozen=True, slots=True)
class DeadView:
    """What the page shows."""

    reasons: list[DeadReason]
    code: str | None
    """The reason that is looked at; None: all."""
    rows: list[DeadRecording]
    more_url: str | None
    """Of the rows that follow; None after the last."""

    @property
    def recordings(self) -> int:
        """How many were given up, whatever is shown."""
        return sum(reason.recordings for reason in self.reasons)

    @property
    def chosen(self) -> int:
        """How many there are of the reason that is looked at."""
        return sum(reason.recordings for reason in self.reasons if self.code in (None, reason.code))


@router.get("/dead")
def show(
    request: Request,
    _: Reader,
    session: Db,
    code: Annotated[str | None, Query(max_length=100)] = None,
    before: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Show them, or the next rows alone."""
    view = _look(session, code, _position(before) if before else None)
    return render(request, "dead/rows.html" if before else "dead/page.html", view=view)


@router.post("/dead/replay")
def replay(
    request: Request,
    _: Writer,
    session: Db,
    recording: Annotated[list[int] | None, Form()] = None,
    every: Annotated[bool, Form()] = False,  # noqa: FBT002 - a field of the form
    code: Annotated[str | None, Form(max_length=100)] = None,
) -> Response:
    """Let some be analysed again: those that are named, or every one (of a reason)."""
    count = ledger.replay(
        session, recording_ids=None if every else recording or [], code=code or None if every else None
    )
    if "hx-request" not in request.headers:
        return RedirectResponse("/dead", HTTPStatus.SEE_OTHER)
    answer = render(request, "dead/list.html", view=_look(session, code or None, None))
    answer.headers["HX-Trigger"] = notice(translator(language_of(request), "dead")("replayed", count=count))
    return answer


def _look(session: Session, code: str | None, before: tuple[datetime, int] | None) -> DeadView:
    reasons = ledger.count_dead(session)
    if code not in [reason.code for reason in reasons]:
        # The last of its kind has been replayed.
        code = None
    rows = ledger.list_dead(session, limit=ROWS + 1, code=code, before=before)
    more_url = None
    if len(rows) > ROWS:
        rows = rows[:ROWS]
        position = f"{rows[-1].finished_at.isoformat()},{rows[-1].recording_id}"
        more_url = "/dead?" + urlencode({"before": position} | ({"code": code} if code else {}))
    return DeadView(reasons, code, rows, more_url)


def _position(text: str) -> tuple[datetime, int]:
    try:
        return _POSITION.validate_python(tuple(text.split(",")))
    except ValidationError as error:
        raise RequestRefused("this isn't a place in the list", why=text) from error
