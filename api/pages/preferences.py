"""The language that a browser is spoken to in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse

from api.pages.words import LANGUAGE_COOKIE, LANGUAGES

router = APIRouter()

YEAR_S = 365 * 24 * 3_600


@router.post("/preferences")
def prefer(lang: Annotated[str, Form()], next_page: Annotated[str, Form(alias="next")] = "/") -> RedirectResponse:
    """Keep the language in a cookie, and go back to where the reader was."""
    answer = RedirectResponse(inside(next_page), HTTPStatus.SEE_OTHER)
    if lang in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, lang, max_age=YEAR_S, samesite="lax", httponly=True)
    return answer


def inside(url: str) -> str:
    """Return a path of ours as it is, and the start page for whatever would lead elsewhere."""
    return url if url.startswith("/") and not url.startswith(("//", "/\\")) else "/"
