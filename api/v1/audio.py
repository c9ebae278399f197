"""``/v1/calls/{recording_id}/audio``: the recording in a form that every browser plays."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import FileResponse

from api.context import Ctx
from api.security import Reader
from api.v1.recordings import RecordingId
from callscope.calls import RecordingRef
from callscope.errors import NotStored
from models.progress import read_ref
from models.session import transaction

router = APIRouter(tags=["calls"])


@router.get(
    "/calls/{recording_id}/audio",
    summary="Hear a call",
    response_class=FileResponse,
    responses={200: {"content": {"audio/wav": {}}}, 206: {"description": "the part that `Range` names"}},
)
def audio(context: Ctx, _: Reader, recording_id: RecordingId) -> FileResponse:
    """Return the recording as WAV, 16 bits; `Range` is understood."""
    file = context.renditions.get(_ref(context, recording_id))
    return FileResponse(file, media_type="audio/wav", headers={"Cache-Control": "private, max-age=3600"})


def _ref(context: Ctx, recording_id: int) -> RecordingRef:
    with transaction(context.engine) as session:
        ref = read_ref(session, recording_id)
    if ref is None:
        raise NotStored(f"there is no recording {recording_id}")
    return ref
