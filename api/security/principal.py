"""Who asks, as a dependency of each handler."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.requests import Request

from api.context import Context, Ctx
from api.security.session import SESSION_COOKIE, read_session
from callscope.errors import NotAllowed, NotSignedIn
from models import keys
from models.keys import Key, Scope
from models.session import Session, transaction

KNOWN_FOR_S = 5.0
"""A key that was found is not looked up again for so long: no sooner does a revoked one stop working."""
_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks, and what they may do."""

    name: str
    scopes: frozenset[Scope]

    @property
    def sees_clear(self) -> bool:
        """Numbers of people are shown as they were said."""
        return Scope.CLEAR in self.scopes


OPEN = Principal("open", frozenset(Scope))
"""Whoever reaches an app that asks for no key."""


class Doorkeeper:
    """Knows who holds which key, and asks the database now and then."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str | int, tuple[float, Principal | None]] = {}

    def identify(self, request: Request, context: Context) -> Principal | None:
        """Return who asks, by the key in a header, else by the session's; None when neither is valid."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.startswith(keys.PREFIX):
            return self._look_up(context, token, lambda session: keys.find_by_token(session, token))
        if scheme:
            return None
        key_id = read_session(request, context.secret)
        if key_id is None:
            return None
        return self._look_up(context, key_id, lambda session: keys.find_by_id(session, key_id))

    def _look_up(self, context: Context, named: str | int, find: Callable[[Session], Key | None]) -> Principal | None:
        now_s = self._clock()
        known = self._known.get(named)
        if known is not None and now_s < known[0]:
            return known[1]
        with transaction(context.engine) as session:
            key = find(session)
        principal = Principal(key.name, frozenset(key.scopes)) if key else None
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[named] = (now_s + KNOWN_FOR_S, principal)
        return principal


def find_principal(
    request: Request,
    context: Ctx,
    _bearer: Annotated[object, Depends(HTTPBearer(auto_error=False, scheme_name="key"))],
    _cookie: Annotated[object, Depends(APIKeyCookie(name=SESSION_COOKIE, auto_error=False, scheme_name="session"))],
) -> Principal | None:
    """Return who asks; None when the request names nobody. Pages find it in ``request.state.principal``."""
    if context.settings.api_auth == "open":
        found: Principal | None = OPEN
    else:
        found = context.doorkeeper.identify(request, context)
        if found is not None:
            context.limiter.count(found.name)
    request.state.principal = found
    return found


def require(scope: Scope) -> Callable[..., Principal]:
    """Return the dependency of a handler that only holders of a scope may call."""

    def check(request: Request, principal: Annotated[Principal | None, Depends(find_principal)]) -> Principal:
        if principal is None:
            named = "authorization" in request.headers or SESSION_COOKIE in request.cookies
            raise NotSignedIn("the key isn't valid" if named else "no key came with the request")
        if scope not in principal.scopes:
            raise NotAllowed(f"the key of {principal.name} hasn't the scope {scope}")
        return principal

    return check


Reader = Annotated[Principal, Depends(require(Scope.READ))]
Writer = Annotated[Principal, Depends(require(Scope.WRITE))]
Admin = Annotated[Principal, Depends(require(Scope.ADMIN))]
