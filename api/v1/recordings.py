"""``/v1/recordings``: hand a recording over, and follow it to its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.context import Context, Ctx, Db
from api.paging import Cursor, Limit, Page, decode_cursor, encode_cursor
from api.security import Reader, Writer
from api.uploads import LANGUAGES, submit_file, submit_reference
from callscope.errors import NotStored, UsageError, advice_for
from models.base import MAX_ID
from models.ledger import State
from models.progress import Progress, RecordingRow, page_recordings, read_progress, read_recording
from models.session import transaction

router = APIRouter(tags=["recordings"])

POLL_S = 0.25
"""Between two looks at a recording that somebody waits for."""
MAX_WAIT_S = 60
STREAM_S = 3_600
"""A stream of a recording that doesn't end is closed; the browser opens it again."""
PING_S = 15


RecordingId = Annotated[int, Path(ge=1, le=MAX_ID, description="number of the recording")]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording, and how far it is."""

    recording_id: int
    bucket: str
    key: str
    size_bytes: int
    state: str
    """discovered, queued, started, or an end: done, no_speech, dead, skipped."""
    stage: str
    """queued, fetching, analysing, or an end."""
    place: int | None
    """Position among the urgent recordings that wait; 1: the next."""
    elapsed_ms: int
    """From its discovery to its end, or to now."""
    language: str | None
    """As the uploader said; null: it is recognised."""
    call_id: str | None
    agent_id: str | None
    queue: str | None
    direction: str | None
    started_at: datetime | None
    """When the call began."""
    discovered_at: datetime
    finished_at: datetime | None
    attempts: int
    code: str | None
    """Of the last failure."""
    message: str | None
    advice: str
    """What to do about the failure; empty without one."""
    metadata: dict[str, str]
    call_url: str
    """Where the call's page is, once it is done."""


@dataclass(frozen=True, slots=True)
class RecordingLine:
    """A recording in a list."""

    recording_id: int
    key: str
    size_bytes: int
    state: str
    priority: int
    call_id: str | None
    agent_id: str | None
    queue: str | None
    discovered_at: datetime
    finished_at: datetime | None
    code: str | None
    message: str | None


_FIELDS: dict[str, Any] = {
    "language": {
        "type": "string",
        "enum": ["auto", *LANGUAGES],
        "default": "auto",
        "description": "what is spoken; auto: it is recognised",
    },
    "call_id": {"type": "string", "description": "number of the call in the telephony system"},
    "agent_id": {"type": "string", "description": "agent who took the call"},
    "queue": {"type": "string", "description": "queue that the call came through"},
    "direction": {"type": "string", "enum": ["inbound", "outbound"]},
    "started_at": {"type": "string", "format": "date-time", "description": "when the call began, with its time zone"},
    "channel_roles": {"type": "string", "description": "who speaks on each channel, such as agent,customer"},
    "callback_url": {"type": "string", "format": "uri", "description": "told by a signed webhook when it ends"},
}
_FURTHER = {"type": "string", "description": "every further field stays with the call as metadata"}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}, **_FIELDS},
                    "additionalProperties": _FURTHER,
                }
            },
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["key"],
                    "properties": {
                        "key": {"type": "string", "description": "of an object that lies in the bucket"},
                        "bucket": {"type": "string", "description": "the watched one; may be left out"},
                        **_FIELDS,
                    },
                    "additionalProperties": _FURTHER,
                },
                "example": {"key": "hotline/2026-11-20/A7/1042.wav", "language": "zh"},
            },
        },
    }
}


@router.post(
    "/recordings",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Recording,
    openapi_extra=_BODY,
    summary="Hand a recording over",
)
async def hand_over(
    request: Request,
    response: Response,
    context: Ctx,
    principal: Writer,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="a repeated request with the same one makes nothing twice")
    ] = None,
) -> Recording:
    """
    Take a recording as a form's `file`, or name an object of the bucket; it is analysed before the backlog.

    The answer's `Location` is where to follow it.
    """
    if request.headers.get("content-type", "").split(";")[0].strip() == "application/json":
        submitted = await run_in_threadpool(
            submit_reference, context, principal, await _json_object(request), idempotency_key=idempotency_key
        )
    else:
        submitted = await submit_file(request, context, principal, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/recordings/{submitted.recording_id}"
    if submitted.is_repeated:
        response.headers["Idempotent-Replayed"] = "true"
    return await run_in_threadpool(_read, context, submitted.recording_id)


@router.get("/recordings", summary="List recordings, the latest found first")
def list_recordings(
    session: Db,
    _: Reader,
    state: Annotated[list[State] | None, Query(description="only these states; may be given several times")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RecordingLine]:
    """Return a page of the ledger."""
    before_id = decode_cursor(cursor, int)[0] if cursor else None
    rows = page_recordings(session, limit=limit + 1, before_id=before_id, states=tuple(state or ()))
    shown = rows[:limit]
    return Page([_line(row) for row in shown], encode_cursor(shown[-1].id) if len(rows) > limit else None)


@router.get("/recordings/{recording_id}", response_model=Recording, summary="Look at a recording, or wait for its end")
async def show(
    context: Ctx,
    _: Reader,
    recording_id: RecordingId,
    wait: Annotated[
        float,
        Query(ge=0, le=MAX_WAIT_S, description="wait so many seconds for its end, and not longer than that"),
    ] = 0,
) -> Recording:
    """Return a recording; with `wait`, as soon as it ends, or as it is after so many seconds."""
    if wait:
        await until_ended(context, recording_id, patience_s=wait)
    return await run_in_threadpool(_read, context, recording_id)


@router.get(
    "/recordings/{recording_id}/events",
    summary="Follow a recording by server-sent events",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow(context: Ctx, _: Reader, recording_id: RecordingId) -> EventSourceResponse:
    """Tell each change (`event: progress`) until the recording ends."""
    first = await run_in_threadpool(look_at, context, recording_id)
    return EventSourceResponse(_changes(context, first), ping=PING_S)


async def _changes(context: Context, first: Progress) -> AsyncIterator[dict[str, str]]:
    progress, told = first, None
    loop = asyncio.get_running_loop()
    closes_at = loop.time() + STREAM_S
    while True:
        news = (progress.state, progress.stage, progress.place, progress.code)
        if news != told:
            told = news
            yield {"event": "progress", "data": json.dumps(progress_document(progress), ensure_ascii=False)}
        if progress.has_ended or loop.time() > closes_at:
            return
        await asyncio.sleep(POLL_S)
        progress = await run_in_threadpool(look_at, context, progress.recording_id)


async def until_ended(context: Context, recording_id: int, *, patience_s: float) -> Progress:
    """
    Return how far a recording is when it ends, or when patience does.

    Raises
    ------
    NotStored
        There is no such recording.
    """
    loop = asyncio.get_running_loop()
    gives_up_at = loop.time() + patience_s
    while True:
        progress = await run_in_threadpool(look_at, context, recording_id)
        left_s = gives_up_at - loop.time()
        if progress.has_ended or left_s <= 0:
            return progress
        await asyncio.sleep(min(POLL_S, left_s))


def look_at(context: Context, recording_id: int) -> Progress:
    """
    Return how far a recording is.

    Raises
    ------
    NotStored
        There is no such recording.
    """
    with transaction(context.engine) as session:
        progress = read_progress(session, recording_id)
    if progress is None:
        raise NotStored(f"there is no recording {recording_id}")
    return progress


def progress_document(progress: Progress) -> dict[str, Any]:
    """Return what is told of each change."""
    return {**asdict(progress), "advice": advice_for(progress.code), "call_url": call_url(progress.recording_id)}


def call_url(recording_id: int) -> str:
    """Return where a call's page is."""
    return f"/calls/{recording_id}"


def _read(context: Context, recording_id: int) -> Recording:
    with transaction(context.engine) as session:
        row, progress = read_recording(session, recording_id), read_progress(session, recording_id)
    if row is None or progress is None:
        raise NotStored(f"there is no recording {recording_id}")
    return Recording(
        recording_id=row.id,
        bucket=row.bucket,
        key=row.key,
        size_bytes=row.size_bytes,
        state=progress.state.value,
        stage=progress.stage.value,
        place=progress.place,
        elapsed_ms=progress.elapsed_ms,
        language=row.language,
        call_id=row.call_id,
        agent_id=row.agent_id,
        queue=row.queue,
        direction=row.direction,
        started_at=row.call_started_at,
        discovered_at=row.discovered_at,
        finished_at=row.finished_at,
        attempts=row.attempts,
        code=row.code,
        message=row.message,
        advice=advice_for(row.code),
        metadata=row.metadata,
        call_url=call_url(row.id),
    )


def _line(row: RecordingRow) -> RecordingLine:
    return RecordingLine(
        recording_id=row.id,
        key=row.key,
        size_bytes=row.size_bytes,
        state=row.state.value,
        priority=row.priority,
        call_id=row.call_id,
        agent_id=row.agent_id,
        queue=row.queue,
        discovered_at=row.discovered_at,
        finished_at=row.finished_at,
        code=row.code,
        message=row.message,
    )


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        document = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise UsageError("the body is no JSON") from None
    if not isinstance(document, dict):
        raise UsageError("the body is no JSON object")
    return document
