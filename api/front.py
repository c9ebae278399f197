"""What every request passes first: its host, its origin, the size of its body; and what every answer carries."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import answer
from api.security.session import SESSION_COOKIE
from callscope.errors import BodyTooLarge, CallscopeError, ForeignOrigin, InvalidSetting
from callscope.settings import Settings

if TYPE_CHECKING:
    # It stands on this module.
    from api.ops import Metrics

log = structlog.get_logger()

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
UPLOAD_PATHS = ("/v1/recordings", "/v1/audio/transcriptions")

MAX_BODY_BYTES = 1_000_000
"""Of everything but an upload."""
FORM_BYTES = 1_000_000
"""What an upload's form may hold beside the file."""
QUIET_PATHS = ("/static/", "/livez", "/readyz", "/metrics")
"""Not in the log at info: nobody reads these lines."""


def require_safe(settings: Settings) -> None:
    """
    Let settings pass that open no door by mistake.

    Raises
    ------
    InvalidSetting
        No key is asked for, and others than this machine reach the pages.
    """
    if settings.api_auth == "open" and settings.api_host not in LOOPBACK_NAMES:
        raise InvalidSetting(
            "CALLSCOPE_API_AUTH=open goes with a loopback address only",
            why=f"CALLSCOPE_API_HOST is {settings.api_host}, and whoever reaches it would hear every call",
        )


def content_policy(nonce: str, *, frame_ancestors: Iterable[str] = ()) -> str:
    """Return the `Content-Security-Policy` of a page; nothing comes from elsewhere, and nobody frames it."""
    ancestors = " ".join(frame_ancestors) or "'none'"
    return (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        f"style-src 'self' 'nonce-{nonce}'; script-src 'self' 'nonce-{nonce}'; connect-src 'self'; "
        f"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    )


class Front:
    """
    The outermost layer of the app.

    It gives each request a nonce (``request.state.nonce``), refuses foreign hosts and origins and bodies that are too
    large, and sets the headers that keep a browser safe; a handler's own policy stays as it is.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._upload_bytes = settings.max_upload_bytes + FORM_BYTES
        self._is_open = settings.api_auth == "open"
        hosts = settings.api_hosts or (LOOPBACK_NAMES if self._is_open else ())
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        began_ns = time.perf_counter_ns()
        status = 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _guard(MutableHeaders(scope=message), scope["path"], nonce)
            await send(message)

        request = Request(scope, receive)
        try:
            limit_bytes = self._upload_bytes if request.url.path in UPLOAD_PATHS else MAX_BODY_BYTES
            self._check(request, limit_bytes)
        except CallscopeError as error:
            await answer(request, error)(scope, receive, send_guarded)
        else:
            await self._app(scope, self._capped(receive, limit_bytes), send_guarded)
        took_s = (time.perf_counter_ns() - began_ns) / 1e9
        self._metrics.requests.labels(request.method, _route(scope), str(status)).observe(took_s)
        quiet = request.url.path.startswith(QUIET_PATHS)
        (log.debug if quiet else log.info)(
            "request_served",
            method=request.method,
            path=request.url.path,
            status=status,
            ms=int(took_s * 1_000),
        )

    def _check(self, request: Request, limit_bytes: int) -> None:
        headers = request.headers
        if self._hosts and request.url.hostname not in self._hosts:
            raise ForeignOrigin(f"the host {request.url.hostname} isn't served here")
        if request.method not in SAFE_METHODS:
            _check_origin(headers, host=headers.get("host", ""), by_cookie=SESSION_COOKIE in request.cookies)
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > limit_bytes:
            raise BodyTooLarge(f"the body has {announced} bytes", why=f"{limit_bytes} are taken here")

    def _capped(self, receive: Receive, limit_bytes: int) -> Receive:
        """Count what arrives: a body sent in chunks announces no length."""
        taken = 0

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                came = len(message.get("body", b""))
                taken += came
                self._metrics.uploaded.inc(came)
                if taken > limit_bytes:
                    raise BodyTooLarge(f"the body has more than {limit_bytes} bytes")
            return message

        return receive_counted


def _check_origin(headers: Headers, *, host: str, by_cookie: bool) -> None:
    # A key in a header proves its sender; a cookie, or nothing at all, is sent by any page that a browser shows.
    if "authorization" in headers:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site in {"same-origin", "none"}:
        return
    if site is None and origin is not None and urlsplit(origin).netloc == host:
        return
    if site is not None or origin is not None or by_cookie:
        raise ForeignOrigin("a page of another site sent this request", why=origin or site or "it names no origin")


def _route(scope: Scope) -> str:
    """Return the path with the names of its parameters for their values; one word for all that lead nowhere."""
    if "route" not in scope and "endpoint" not in scope:
        return "other"
    named = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    return "/".join(named.get(part, part) for part in scope["path"].split("/"))


def _guard(headers: MutableHeaders, path: str, nonce: str) -> None:
    headers.setdefault("Content-Security-Policy", content_policy(nonce))
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(self)")
    headers.setdefault("Cache-Control", _cache(path))


def _cache(path: str) -> str:
    if path.startswith("/static/vendor/"):
        # The version is in the path.
        return "public, max-age=31536000, immutable"
    return "no-cache" if path.startswith("/static/") else "no-store"
