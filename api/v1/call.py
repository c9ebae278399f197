"""``/v1/calls/{recording_id}``: a call whole, its parts, and its downloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Db
from api.security import Principal, Reader
from api.v1.recordings import RecordingId
from callscope.calls import AnalysedCall
from callscope.errors import NotStored
from callscope.exports.document import to_document
from callscope.exports.masking import masked
from callscope.exports.subtitles import to_srt, to_webvtt
from callscope.exports.vcon import to_vcon
from models.reading import read_call
from models.session import Session
from reports.export.call import to_csv

router = APIRouter(prefix="/calls/{recording_id}", tags=["calls"])


class CallFormat(StrEnum):
    """A form that a call is downloaded in."""

    SRT = "srt"
    VTT = "vtt"
    CSV = "csv"
    JSON = "json"
    VCON = "vcon"


def _as_json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


_WAYS: Mapping[CallFormat, tuple[str, str, Callable[[AnalysedCall], str]]] = {
    CallFormat.SRT: ("srt", "application/x-subrip; charset=utf-8", to_srt),
    CallFormat.VTT: ("vtt", "text/vtt; charset=utf-8", to_webvtt),
    CallFormat.CSV: ("csv", "text/csv; charset=utf-8", to_csv),
    CallFormat.JSON: ("json", "application/json", lambda call: _as_json(to_document(call))),
    CallFormat.VCON: ("vcon.json", "application/vcon+json", lambda call: _as_json(to_vcon(call))),
}
"""Suffix, media type, and how it is written."""


def stored_call(session: Session, principal: Principal, recording_id: int, *, with_words: bool = True) -> AnalysedCall:
    """
    Return a call's current analysis, masked unless whoever asks sees clear.

    Raises
    ------
    NotStored
        There is no such recording, or it has no result (yet).
    """
    call = read_call(session, recording_id=recording_id, with_words=with_words)
    if call is None:
        raise NotStored(
            f"recording {recording_id} has no analysis", why="it isn't done, or there is no recording of this number"
        )
    return call if principal.sees_clear else masked(call)


@router.get("", summary="Get a call whole")
def show(session: Db, principal: Reader, recording_id: RecordingId) -> dict[str, Any]:
    """Return all that is known of a call, as `callscope export call --format json` writes it."""
    return to_document(stored_call(session, principal, recording_id))


@router.get("/segments", summary="Get a call's segments")
def segments(session: Db, principal: Reader, recording_id: RecordingId) -> dict[str, Any]:
    """Return what was said and felt, with words and distributions."""
    return _part(session, principal, recording_id, "hearing", "segments")


@router.get("/events", summary="Get a call's events")
def events(session: Db, principal: Reader, recording_id: RecordingId) -> dict[str, Any]:
    """Return what else was heard, or not heard."""
    return _part(session, principal, recording_id, "meaning", "events")


@router.get("/findings", summary="Get a call's findings and scores")
def findings(session: Db, principal: Reader, recording_id: RecordingId) -> dict[str, Any]:
    """Return the rules' hits with their evidence, and the scorecards."""
    meaning = to_document(stored_call(session, principal, recording_id))["analysis"]["meaning"]
    return {"items": meaning["findings"], "scores": meaning["scores"], "next_cursor": None}


@router.get(
    "/export",
    summary="Download a call",
    response_class=Response,
    responses={200: {"content": {kind.split(";")[0]: {} for _, kind, _ in _WAYS.values()}}},
)
def export(
    session: Db,
    principal: Reader,
    recording_id: RecordingId,
    form: Annotated[CallFormat, Query(alias="format")] = CallFormat.JSON,
) -> Response:
    """Return a call as subtitles, a table of its segments, JSON, or an IETF vCon."""
    suffix, media_type, write = _WAYS[form]
    text = write(stored_call(session, principal, recording_id))
    name = f"call-{recording_id}.{suffix}"
    return Response(text, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _part(session: Session, principal: Principal, recording_id: int, half: str, name: str) -> dict[str, Any]:
    analysis = to_document(stored_call(session, principal, recording_id))["analysis"]
    return {"items": analysis[half][name], "next_cursor": None}
