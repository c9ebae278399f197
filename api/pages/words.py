"""The pages' words in every language that they speak: JSON files by page, one key a phrase."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from starlette.requests import Request

LOCALES = Path(__file__).parents[1] / "locales"

LANGUAGES = {"en": "English", "zh": "中文"}
"""By code, as each calls itself; the first is spoken to those who ask for none of them."""
DEFAULT = next(iter(LANGUAGES))
LANGUAGE_COOKIE = "lang"

Translate = Callable[..., str]


@cache
def words_of(language: str, page: str) -> Mapping[str, str]:
    """Return a page's phrases by key: those that all pages share, and its own over them."""
    folder = LOCALES / language
    own = folder / f"{page}.json"
    shared: dict[str, str] = json.loads((folder / "base.json").read_text(encoding="utf-8"))
    return shared | (json.loads(own.read_text(encoding="utf-8")) if own.is_file() else {})


def translator(language: str, page: str) -> Translate:
    """Return ``t(key, **values)``: the phrase, its ``{names}`` filled in; a KeyError names a key that nobody wrote."""
    words = words_of(language, page)

    def translate(key: str, /, **values: object) -> str:
        return words[key].format(**values) if values else words[key]

    return translate


def language_of(request: Request) -> str:
    """Return the language that is chosen in this browser, else the first that it accepts and we speak."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return next((code for code in _accepted(request.headers.get("accept-language", "")) if code in LANGUAGES), DEFAULT)


def _accepted(header: str) -> list[str]:
    ranked: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), tag.split("-")[0].lower()))
        except ValueError:
            continue
    return [code for _, code in sorted(ranked, key=lambda rank: rank[0])]
