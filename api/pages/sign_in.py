"""Signing in with a key, and out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.context import Ctx
from api.pages.preferences import inside
from api.pages.render import render
from api.security import Principal, find_principal
from api.security.session import close_session, open_session
from callscope.errors import NotSignedIn

router = APIRouter()


@router.get("/sign-in", name="sign_in")
def ask(request: Request, known: Annotated[Principal | None, Depends(find_principal)], next: str = "/") -> Response:  # noqa: A002 - the parameter's name in the URL
    """Ask for a key; whoever is known already goes on."""
    if known is not None:
        return RedirectResponse(inside(next), HTTPStatus.SEE_OTHER)
    return render(request, "sign_in.html", next=inside(next), fault=False)


@router.post("/sign-in")
def sign_in(
    request: Request,
    context: Ctx,
    key: Annotated[str, Form(max_length=500)],
    next_page: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Let whoever holds a key in."""
    answer = RedirectResponse(inside(next_page), HTTPStatus.SEE_OTHER)
    try:
        open_session(request, answer, context, key.strip())
    except NotSignedIn:
        return render(request, "sign_in.html", status=HTTPStatus.UNAUTHORIZED, next=inside(next_page), fault=True)
    return answer


@router.post("/sign-out")
def sign_out() -> Response:
    """Let the browser be nobody again."""
    answer = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    close_session(answer)
    return answer
