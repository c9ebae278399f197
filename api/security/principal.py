"""Who asks, as a dependency of each handler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from api.context import Ctx
from callscope.errors import NotAllowed, NotSignedIn
from models.keys import Scope


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


def find_principal(request: Request, context: Ctx) -> Principal | None:
    """Return who asks, by key or cookie; None when the request names nobody. Kept in ``request.state.principal``."""
    found = OPEN if context.settings.api_auth == "open" else None
    request.state.principal = found
    return found


def require(scope: Scope) -> Callable[..., Principal]:
    """Return the dependency of a handler that only holders of a scope may call."""

    def check(principal: Annotated[Principal | None, Depends(find_principal)]) -> Principal:
        if principal is None:
            raise NotSignedIn("no key came with the request")
        if scope not in principal.scopes:
            raise NotAllowed(f"the key of {principal.name} hasn't the scope {scope}")
        return principal

    return check


Reader = Annotated[Principal, Depends(require(Scope.READ))]
Writer = Annotated[Principal, Depends(require(Scope.WRITE))]
Admin = Annotated[Principal, Depends(require(Scope.ADMIN))]
