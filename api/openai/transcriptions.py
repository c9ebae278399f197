"""``POST /v1/audio/transcriptions``."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from enum import StrEnum
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from api.context import Context, Ctx
from api.openai import forms
from api.security import Principal, Writer
from api.uploads import LANGUAGES, read_form, submit_form
from api.v1.call import stored_call
from api.v1.recordings import until_ended
from callscope.calls import AnalysedCall
from callscope.errors import AnalysisFailed, NotReady, UsageError, advice_for
from callscope.exports.subtitles import to_srt, to_webvtt
from models.progress import Progress, ProgressStage
from models.session import transaction

router = APIRouter(tags=["openai"])

MODEL = "callscope"


class Form(StrEnum):
    """A form that a transcription is asked for in."""

    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    VERBOSE_JSON = "verbose_json"
    DIARIZED_JSON = "diarized_json"


_STREAMED = (Form.JSON, Form.TEXT, Form.DIARIZED_JSON)

_ABOUT_THE_ANSWER = (
    *("model", "response_format", "stream", "prompt", "temperature", "chunking_strategy", "include[]", "include"),
    *("timestamp_granularities[]", "timestamp_granularities", "known_speaker_names[]", "known_speaker_references[]"),
)
"""Fields that stay with no call."""

_EXAMPLE = {"text": "您好,请问有什么可以帮您?", "usage": {"type": "duration", "seconds": 4}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "model": {"type": "string", "description": "any; the configured checkpoint answers"},
                        "language": {"type": "string", "enum": list(LANGUAGES)},
                        "response_format": {"type": "string", "enum": [form.value for form in Form], "default": "json"},
                        "stream": {"type": "boolean", "default": False},
                        "timestamp_granularities[]": {
                            "type": "array",
                            "items": {"type": "string", "enum": ["word", "segment"]},
                        },
                        "prompt": {"type": "string", "description": "taken and not used"},
                        "temperature": {"type": "number", "description": "taken and not used"},
                    },
                }
            }
        },
    }
}


@router.get("/v1/models", summary="List models, as OpenAI does")
def models(_: Writer) -> dict[str, Any]:
    """Return the one model that answers, whatever name is asked for."""
    return {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "callscope"}],
    }


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcribe a recording, as OpenAI does",
    openapi_extra=_BODY,
    response_class=JSONResponse,
    responses={
        200: {
            "content": {
                "application/json": {"example": _EXAMPLE},
                "text/plain": {},
                "text/vtt": {},
                "application/x-subrip": {},
                "text/event-stream": {},
            }
        }
    },
)
async def transcribe(request: Request, context: Ctx, principal: Writer) -> Response:
    """
    Take a recording, wait until it is analysed, and return what was said in the form that is asked for.

    `verbose_json` tells of each segment its `channel`, `role`, `emotion` (with its distribution) and `events` too.
    The recording ends in the bucket and in the database as any other.
    """
    async with read_form(request) as form:
        wanted = _form(form.get("response_format"))
        streams = str(form.get("stream", "false")).lower() in {"true", "1"}
        with_words = "word" in (*form.getlist("timestamp_granularities[]"), *form.getlist("timestamp_granularities"))
        submitted = await submit_form(
            form,
            context,
            principal,
            idempotency_key=request.headers.get("idempotency-key"),
            without=_ABOUT_THE_ANSWER,
        )
    headers = {"X-Callscope-Recording": str(submitted.recording_id)}
    if streams and wanted in _STREAMED:
        events = _streamed(context, principal, submitted.recording_id, wanted)
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)
    answer = _answer(await _heard(context, principal, submitted.recording_id), wanted, with_words=with_words)
    answer.headers.update(headers)
    return answer


def _answer(call: AnalysedCall, wanted: Form, *, with_words: bool) -> Response:
    match wanted:
        case Form.TEXT:
            return PlainTextResponse(forms.text_of(call) + "\n")
        case Form.SRT:
            return PlainTextResponse(to_srt(call), media_type="application/x-subrip")
        case Form.VTT:
            return PlainTextResponse(to_webvtt(call), media_type="text/vtt")
        case Form.JSON:
            return JSONResponse(forms.plain(call))
        case Form.VERBOSE_JSON:
            return JSONResponse(forms.verbose(call, with_words=with_words))
        case Form.DIARIZED_JSON:
            return JSONResponse(forms.diarized(call))


async def _streamed(context: Context, principal: Principal, recording_id: int, wanted: Form) -> AsyncIterator[str]:
    """Tell the transcript piece by piece; what goes wrong meanwhile is an event too."""
    try:
        call = await _heard(context, principal, recording_id)
    except (AnalysisFailed, NotReady) as error:
        yield _event({"type": "error", "error": {"message": error.what, "type": "server_error", "code": error.code}})
        return
    pieces: Iterator[Mapping[str, Any]] = (
        forms.segment_events(call) if wanted is Form.DIARIZED_JSON else forms.text_events(call)
    )
    for piece in pieces:
        yield _event(piece)


def _event(document: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n"


async def _heard(context: Context, principal: Principal, recording_id: int) -> AnalysedCall:
    """
    Wait for a recording's analysis.

    Raises
    ------
    AnalysisFailed
        It can't be analysed.
    NotReady
        It takes longer than anybody waits.
    """
    settings = context.settings
    progress = await until_ended(context, recording_id, patience_s=settings.analyse_timeout_ms / 1_000)
    _require_result(progress)

    def read() -> AnalysedCall:
        with transaction(context.engine) as session:
            return stored_call(session, principal, recording_id)

    return await run_in_threadpool(read)


def _require_result(progress: Progress) -> None:
    if progress.stage in {ProgressStage.DONE, ProgressStage.NO_SPEECH}:
        return
    if progress.has_ended:
        raise AnalysisFailed(
            f"recording {progress.recording_id} can't be analysed",
            why=f"{progress.code}: {progress.message}. {advice_for(progress.code)}",
        )
    raise NotReady(f"recording {progress.recording_id} isn't analysed yet", why="it waits, or takes long")


def _form(value: object) -> Form:
    try:
        return Form(str(value)) if value else Form.JSON
    except ValueError:
        raise UsageError(
            f"the response_format {str(value)[:40]!r} isn't known", why=f"there are {', '.join(Form)}"
        ) from None
