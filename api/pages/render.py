"""A template as an answer, in the reader's language and theme."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path, PurePath

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.context import context_of
from api.pages.words import LANGUAGES, language_of, translator, words_of
from api.security import Principal, Scope

TEMPLATES = Path(__file__).parents[1] / "templates"
ICONS = Path(__file__).parents[1] / "static" / "icons.svg"

PAGES = (("calls", "/calls"), ("overview", "/overview"), ("dead", "/dead"))
"""What the bar leads to."""

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"


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
            upload_limit=bytes_(context_of(request).settings.max_upload_bytes),
            can_write=principal is not None and Scope.WRITE in principal.scopes,
            **values,
        )
    )
    return HTMLResponse(content, status, headers={"Vary": "Cookie, Accept-Language, HX-Request"})


def notice(text: str) -> str:
    """Return the ``HX-Trigger`` header that lets the page say something."""
    return json.dumps({"callscope:toast": {"text": text}})


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
    environment.globals["icons"] = frozenset(re.findall(r'symbol id="([^"]+)"', ICONS.read_text(encoding="utf-8")))
    environment.filters |= {
        "bytes": bytes_,
        "clock": clock,
        "code": code,
        "percent": percent,
        "number": number,
        "iso": iso,
        "utc": utc,
    }
    return environment


def clock(ms: int) -> str:
    """Return a time inside a call as ``m:ss``, from an hour on as ``h:mm:ss``."""
    minutes, seconds = divmod(ms // 1_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def code(text: str) -> Markup:
    """Return a text whose `words in backquotes` stand as code."""
    return Markup("").join(  # the joined parts are escaped
        Markup("<code>{}</code>").format(part) if position % 2 else escape(part)
        for position, part in enumerate(text.split("`"))
    )


def percent(share: float) -> str:
    """Return a share of 0 to 1 in per cent."""
    return f"{share * 100:.0f}%"


def bytes_(size_bytes: int) -> str:
    """Return a size with the unit that fits."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= step:
            return f"{size_bytes / step:.3g} {unit}"
    return f"{size_bytes} B"


def number(value: float, digits: int = 0) -> str:
    """Return a number with its thousands apart."""
    return f"{value:,.{digits}f}"


def iso(moment: datetime) -> str:
    """Return a moment for programs."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc(moment: datetime) -> str:
    """Return a moment for people, before a script puts it into their time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
