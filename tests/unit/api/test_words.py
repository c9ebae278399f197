from __future__ import annotations

import json
import re
import string

import pytest
from starlette.requests import Request

from api.pages.preferences import inside
from api.pages.render import code, templates
from api.pages.words import LANGUAGES, LOCALES, language_of, translator, words_of
from callscope.calls import Emotion, EventKind, Language, Role, Severity
from callscope.errors import AttemptFailed, PermanentFailure
from models.tables import State

pytestmark = pytest.mark.unit

PAGES = sorted(file.stem for file in (LOCALES / "en").glob("*.json"))


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("page", PAGES)
def test_every_language_has_the_same_phrases_with_the_same_values(page: str) -> None:
    english = words_of("en", page)
    for language in LANGUAGES:
        spoken = words_of(language, page)
        # Rules carry their own English names.
        assert {key for key in spoken if not key.startswith("rule.")} == english.keys()
        assert {key: fields(spoken[key]) for key in english} == {key: fields(text) for key, text in english.items()}
        assert all(text.strip() == text and text for text in spoken.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_written_twice(language: str) -> None:
    for file in (LOCALES / language).glob("*.json"):
        pairs = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=list)
        assert len(pairs) == len({key for key, _ in pairs}), file


def test_whatever_the_rows_hold_has_a_name() -> None:
    words = words_of("en", "base")
    for kind, values in {
        "emotion": Emotion,
        "event": EventKind,
        "severity": Severity,
        "state": State,
        "role": Role,
        "language": Language,
    }.items():
        assert {f"{kind}.{value}" for value in values} <= words.keys()


def test_every_reason_to_be_dead_has_a_name_and_advice() -> None:
    words = words_of("en", "base")
    reasons = [PermanentFailure, AttemptFailed]
    for reason in reasons:
        reasons.extend(reason.__subclasses__())
        assert {f"code.{reason.code}", f"advice.{reason.code}"} <= words.keys()


def test_every_icon_that_a_page_names_is_drawn() -> None:
    icons = templates().globals["icons"]
    assert isinstance(icons, frozenset)
    assert {emotion.value for emotion in Emotion} <= icons
    named = {
        name
        for template in templates().list_templates()
        for name in re.findall(r'ui\.icon\("([^"]+)"\)', (LOCALES.parent / "templates" / template).read_text("utf-8"))
    }
    assert named
    assert named <= icons


@pytest.mark.parametrize(
    ("header", "cookie", "spoken"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"),
        ("fr;q=0.9, zh;q=0.5, en;q=0.7", "", "en"),
        ("fr", "", "en"),
        ("", "", "en"),
        ("zh;q=nonsense", "", "en"),
        ("zh", "lang=en", "en"),
        ("en", "lang=xx", "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_best_accepted(header: str, cookie: str, spoken: str) -> None:
    headers = [(b"accept-language", header.encode()), (b"cookie", cookie.encode())]
    assert language_of(Request({"type": "http", "headers": headers})) == spoken


def test_a_key_that_nobody_wrote_is_an_error() -> None:
    with pytest.raises(KeyError):
        translator("en", "base")("no.such.key")


@pytest.mark.parametrize("url", ["https://example.com/", "//example.com/", "/\\example.com", "", "calls"])
def test_no_way_back_leads_off_the_site(url: str) -> None:
    assert inside(url) == "/"


def test_a_way_back_stays_as_it_is() -> None:
    assert inside("/calls?emotion=ANGRY") == "/calls?emotion=ANGRY"


def test_text_beside_code_is_escaped() -> None:
    assert code("<b> `a<b`") == "&lt;b&gt; <code>a&lt;b</code>"
