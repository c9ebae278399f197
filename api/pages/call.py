"""A call: heard, read and felt along one line of time."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.context import Context, Ctx, Db
from api.pages.call_view import EMOTIONS, script_data, view_call, word_places
from api.pages.render import render
from api.security import Principal, Reader, Writer
from api.v1.call import CallFormat, stored_call
from api.v1.recordings import RecordingId
from callscope.calls import Language, Role
from callscope.errors import NotStored, RulesInvalid
from callscope.exports.masking import masked_sentence
from callscope.meaning.rules.book import load_rulebook
from models.annotations import StoredAnnotation, read_annotations
from models.progress import read_progress, read_recording, read_ref
from models.reading import read_named_call

router = APIRouter()

EMBED = "embed"
"""What the links to a call's curve are signed for."""
_DAY_S = 24 * 3_600
_MAX_DIGITS = 18


@router.get("/calls/{name}")
def show(  # noqa: PLR0917 - FastAPI passes each by its name
    request: Request,
    context: Ctx,
    session: Db,
    principal: Reader,
    name: str,
    t: Annotated[float, Query(ge=0, le=1e6, description="second to begin at")] = 0,
) -> Response:
    """Show the call of a recording's number; whoever names telephony's number is led to it."""
    if not (name.isascii() and name.isdecimal() and len(name) <= _MAX_DIGITS):
        return _lead(context, session, name, request.url.query)
    recording_id = int(name)
    try:
        # Words come after the page: see `words`.
        call = stored_call(session, principal, recording_id, with_words=False)
    except NotStored:
        return _show_unfinished(request, session, recording_id, name)
    annotations = [_seen(one, principal) for one in read_annotations(session, recording_id)]
    view = view_call(call, annotations, clear=principal.sees_clear)
    return render(
        request,
        "call/page.html",
        view=view,
        call=call,
        data=script_data(view) | {"at_ms": round(t * 1_000)},
        about=_about(context.settings.rules_folder, call.analysis.version.rules),
        emotions=EMOTIONS,
        roles=tuple(Role),
        languages_known=tuple(one for one in Language if one is not Language.NOSPEECH),
        formats=tuple(CallFormat),
        origins=context.settings.embed_origins,
    )


@router.get("/calls/{recording_id}/words")
def words(session: Db, principal: Reader, recording_id: RecordingId) -> Response:
    """Return where each word stands and when it is said, for the script that lights them up."""
    return JSONResponse(word_places(stored_call(session, principal, recording_id)))


class LinkBody(BaseModel):
    """For how long a link opens a call's curve."""

    days: Annotated[int, Field(ge=1, le=3_650)]


@router.post("/calls/{recording_id}/embed")
def make_link(
    request: Request, context: Ctx, session: Db, _: Writer, recording_id: RecordingId, body: LinkBody
) -> dict[str, Any]:
    """Return a link that opens the curve of this call, and nothing else, to whoever has it."""
    if read_ref(session, recording_id) is None:
        raise NotStored(f"there is no recording {recording_id}")
    token = context.links.make(EMBED, str(recording_id), expires_in_s=body.days * _DAY_S)
    return {"url": f"{request.base_url}embed/{recording_id}?token={quote(token)}", "days": body.days}


def _lead(context: Context, session: Db, name: str, query: str) -> Response:
    call = read_named_call(session, name, bucket=context.settings.bucket)
    if call is None:
        raise NotStored(f"there is no call {name}")
    return RedirectResponse(f"/calls/{call.recording_id}" + (f"?{query}" if query else ""), HTTPStatus.SEE_OTHER)


def _show_unfinished(request: Request, session: Db, recording_id: int, name: str) -> Response:
    progress, recording = read_progress(session, recording_id), read_recording(session, recording_id)
    if progress is None or recording is None:
        raise NotStored(f"there is no call {name}")
    return render(request, "call/waiting.html", progress=progress, recording=recording)


def _seen(stored: StoredAnnotation, principal: Principal) -> StoredAnnotation:
    if principal.sees_clear:
        return stored
    said = stored.correction
    text, note = (None if one is None else masked_sentence(one) for one in (said.text, said.note))
    return replace(stored, correction=replace(said, text=text, note=note))


@lru_cache(maxsize=8)
def _about(folder: Path | None, version: str) -> dict[str, str]:  # noqa: ARG001 - a new version is looked up anew
    """Return what each rule and scorecard is about, as far as the rules of today know it."""
    try:
        book = load_rulebook(folder)
    except RulesInvalid:
        return {}
    return {rule.name: rule.about for rule in book.rules} | {card.name: card.about for card in book.scorecards}
