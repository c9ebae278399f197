"""A call's curve for pages of others: no words, no sound, no metadata."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api.context import Ctx, Db
from api.front import content_policy
from api.pages.call import EMBED
from api.pages.call_view import script_data, view_call
from api.pages.render import render
from api.v1.recordings import RecordingId
from api.v1.waveform import WaveformAnswer, answer_waveform
from callscope.errors import NotStored
from models.reading import read_call

router = APIRouter(prefix="/embed/{recording_id}")

Token = Annotated[str, Query(max_length=1_000)]


@router.get("")
def show(request: Request, context: Ctx, session: Db, recording_id: RecordingId, token: Token) -> Response:
    """Show the curve to whoever has the link; the sites that the settings name may frame it."""
    context.links.check(EMBED, str(recording_id), token)
    call = read_call(session, recording_id=recording_id, with_words=False)
    if call is None:
        raise NotStored(f"recording {recording_id} has no analysis")
    view = view_call(call)
    answer = render(request, "call/embed.html", view=view, data=script_data(view) | {"findings": []}, token=token)
    answer.headers["Content-Security-Policy"] = content_policy(
        request.state.nonce, frame_ancestors=("'self'", *context.settings.embed_origins)
    )
    return answer


@router.get("/waveform")
def waveform(context: Ctx, session: Db, recording_id: RecordingId, token: Token) -> WaveformAnswer:
    """Return the peaks that the lanes are drawn from."""
    context.links.check(EMBED, str(recording_id), token)
    return answer_waveform(session, recording_id)
