"""What goes wrong, as answers: RFC 9457 for programs, a page for people, OpenAI's form under ``/v1/audio``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from api.pages.render import render
from callscope.errors import (
    AnalysisFailed,
    BodyTooLarge,
    CallscopeError,
    ConfigurationFault,
    ForeignOrigin,
    IdempotencyConflict,
    LinkExpired,
    LinkInvalid,
    NotAllowed,
    NotReady,
    NotSignedIn,
    NotStored,
    ObjectGone,
    Outage,
    PermanentFailure,
    RequestRefused,
    TooManyRequests,
    UnknownLanguage,
    UsageError,
)

log = structlog.get_logger()

_STATUS: tuple[tuple[type[CallscopeError], HTTPStatus], ...] = (
    (NotSignedIn, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (ForeignOrigin, HTTPStatus.FORBIDDEN),
    (AnalysisFailed, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotReady, HTTPStatus.GATEWAY_TIMEOUT),
    (LinkInvalid, HTTPStatus.FORBIDDEN),
    (LinkExpired, HTTPStatus.GONE),
    (TooManyRequests, HTTPStatus.TOO_MANY_REQUESTS),
    (IdempotencyConflict, HTTPStatus.CONFLICT),
    (UnknownLanguage, HTTPStatus.UNPROCESSABLE_ENTITY),
    (BodyTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (NotStored, HTTPStatus.NOT_FOUND),
    (ObjectGone, HTTPStatus.NOT_FOUND),
    (Outage, HTTPStatus.SERVICE_UNAVAILABLE),
    (PermanentFailure, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RequestRefused, HTTPStatus.BAD_REQUEST),
    (ConfigurationFault, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""The first that fits; everything else is a fault of ours."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One RFC 9457 problem; `code` and `advice` are ours."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    advice: str
    instance: str


def problem_of(request: Request, error: Exception) -> Problem:
    """Return what is told of an error; of one that nobody named, nothing but that it is logged."""
    match error:
        case HTTPException(__cause__=CallscopeError() as cause):
            # FastAPI takes whatever stops a body for a fault of its form.
            return problem_of(request, cause)
        case CallscopeError():
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus(500))
            detail = f"{error.what}: {error.why}" if error.why else error.what
            return _problem(request, status, error.code, detail, error.advice)
        case RequestValidationError():
            return _problem(
                request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", _faults(error), RequestRefused.advice
            )
        case HTTPException():
            status = HTTPStatus(error.status_code)
            code = status.phrase.lower().replace(" ", "_")
            return _problem(request, status, code, error.detail, RequestRefused.advice)
        case ClientDisconnect():
            return _problem(
                request, HTTPStatus.BAD_REQUEST, "cut_off", "the request ended in the middle", "Send it again."
            )
        case _:
            return _problem(
                request,
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "error",
                "something went wrong here that nobody foresaw",
                "It is in the log of `callscope serve`; please report it.",
            )


def answer(request: Request, error: Exception) -> Response:
    """Return the response for an error, in the form that the caller reads."""
    problem = problem_of(request, error)
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if problem.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        headers["Connection"] = "close"
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_failed", path=request.url.path, code=problem.code, exc_info=error)
    path = request.url.path
    if path.startswith("/v1/audio"):
        return JSONResponse({"error": _openai(problem, error)}, _openai_status(problem.status), headers)
    if path.startswith(("/v1/", "/static/")) or not wants_page(request):
        return JSONResponse(asdict(problem), problem.status, headers, media_type="application/problem+json")
    return _page(request, problem, headers)


def wants_page(request: Request) -> bool:
    """Tell whether a person's browser asks."""
    return "text/html" in request.headers.get("accept", "")


def install(app: FastAPI) -> None:
    """Let every error of the app end here."""
    for kind in (CallscopeError, HTTPException, RequestValidationError, ClientDisconnect, Exception):
        app.add_exception_handler(kind, answer)


def _problem(request: Request, status: HTTPStatus, code: str, detail: str, advice: str) -> Problem:
    return Problem(f"urn:callscope:problem:{code}", status.phrase, int(status), detail, code, advice, request.url.path)


def _faults(error: RequestValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'][1:]) or 'body'}: {fault['msg']}" for fault in error.errors()
    )


def _openai_status(status: int) -> int:
    """Return the status that OpenAI gives: what is wrong with a request is 400 there."""
    return HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status


def _openai(problem: Problem, error: Exception) -> Mapping[str, object]:
    at_fault = ((UnknownLanguage, "language"), (PermanentFailure, "file"), (BodyTooLarge, "file"))
    param = next((name for kind, name in at_fault if isinstance(error, kind)), None)
    kind = "server_error" if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    return {"message": problem.detail, "type": kind, "param": param, "code": problem.code}


def _page(request: Request, problem: Problem, headers: Mapping[str, str]) -> Response:
    if problem.status == HTTPStatus.UNAUTHORIZED and request.method == "GET":
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(request.url_for("sign_in").include_query_params(next=wanted), HTTPStatus.SEE_OTHER)
    response = render(request, "error.html", problem=problem)
    response.status_code = problem.status
    response.headers.update(headers)
    return response
