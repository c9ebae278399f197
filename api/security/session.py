"""The session of a person who signed in with a key: a signed cookie that names the key by its number."""

from __future__ import annotations

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response

from api.context import Context
from callscope.errors import NotSignedIn
from models import keys
from models.session import transaction

SESSION_COOKIE = "callscope"
SESSION_S = 14 * 24 * 3_600
"""A session lasts so long, or until its key is revoked."""


def open_session(request: Request, response: Response, context: Context, token: str) -> None:
    """
    Let the browser be whoever holds a key.

    Raises
    ------
    NotSignedIn
        The key isn't valid.
    """
    with transaction(context.engine) as session:
        key = keys.find_by_token(session, token)
    if key is None:
        raise NotSignedIn("this key isn't valid", why="there is no such key, or it was revoked, or has expired")
    response.set_cookie(
        SESSION_COOKIE,
        _serializer(context.secret).dumps(key.id),
        max_age=SESSION_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def close_session(response: Response) -> None:
    """Let the browser be nobody again."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax")


def read_session(request: Request, secret: str) -> int | None:
    """Return the number of the key that the browser signed in with; None without a session, or after its time."""
    try:
        key_id = _serializer(secret).loads(request.cookies.get(SESSION_COOKIE, ""), max_age=SESSION_S)
    except BadSignature:
        return None
    return key_id if isinstance(key_id, int) else None


def _serializer(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="callscope.session")
