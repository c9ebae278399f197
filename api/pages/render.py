"""A template as an answer, in the reader's language and theme."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path, PurePath

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.pages.words import LANGUAGES, language_of, translator, words_of
from api.security import Principal, Scope

TEMPLATES = Path(__file__).parents[1] / "templates"

PAGES = (("calls", "/calls"), ("overview", "/overview"), ("dead", "/dead"))
"""What the bar leads to."""

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"

_EVENT_ICONS = frozenset(
    [
        "SILENCE",
        "CROSSTALK",
        "INTERRUPTION",
        "LAUGHTER",
        "SIGH",
        "BGM",
        "HOLD_MUSIC",
        "SING",
        "APPLAUSE",
        "CRY",
        "BREATH",
        "COUGH",
        "SNEEZE",
    ]
)


def render(
    request: Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, page: str | None = None, **values: object
) -> HTMLResponse:
    """
    Return a template filled in.

    Parameters
    ----------
    request : Request
        Says the language, the theme and who reads.
    template : str
        Name below ``templates/``.
    status : HTTPStatus
        Of the answer.
    page : str, optional
        Whose words it speaks, and what the bar marks; by default the template's own: the first part of its name.
    values : object
        What it shows.
    """
    page = page or PurePath(template).parts[0].removesuffix(".html")
    language = language_of(request)
    principal: Principal | None = getattr(request.state, "principal", None)
    theme = request.cookies.get(THEME_COOKIE, "auto")
    content = (
        templates()
        .get_template(template)
        .render(
            request=request,
            nonce=request.state.nonce,
            lang=language,
            languages=LANGUAGES.items(),
            theme=theme if theme in THEMES else "auto",
            t=translator(language, page),
            words=words_of(language, page),
            page=page,
            pages=PAGES,
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            principal=principal,
            can_write=principal is not None and Scope.WRITE in principal.scopes,
            **values,
        )
    )
    return HTMLResponse(content, status, headers={"Vary": "Cookie, Accept-Language, HX-Request"})


@cache
def templates() -> Environment:
    """Return the pages' templates; whatever a page names must be there."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["event_icons"] = _EVENT_ICONS
    environment.filters |= {"clock": clock, "percent": percent, "number": number, "iso": iso, "utc": utc}
    return environment


def clock(ms: int) -> str:
    """Return a time inside a call as ``m:ss``, from an hour on as ``h:mm:ss``."""
    minutes, seconds = divmod(ms // 1_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def percent(share: float) -> str:
    """Return a share of 0 to 1 in per cent."""
    return f"{share * 100:.0f}%"


def number(value: float, digits: int = 0) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,.{digits}f}"


def iso(moment: datetime) -> str:
    """Return a moment for programs."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(moment: datetime) -> str:
    """Return a moment for people, before a script puts it into their time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
