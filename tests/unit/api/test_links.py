"""Signed links, secrets that are kept, and places in lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.paging import decode_cursor, encode_cursor
from api.security.links import Links
from api.security.secret import api_secret, kept_secret
from callscope.errors import LinkExpired, LinkInvalid, UsageError, advice_for
from callscope.settings import Settings

pytestmark = pytest.mark.unit


def test_a_link_opens_one_thing_for_a_while() -> None:
    now_s = 1_000.0
    links = Links("secret", now_s=lambda: now_s)
    token = links.make("embed", "17", expires_in_s=60)
    links.check("embed", "17", token)
    now_s = 1_059.0
    links.check("embed", "17", token)
    now_s = 1_060.0
    with pytest.raises(LinkExpired):
        links.check("embed", "17", token)


@pytest.mark.parametrize(
    ("purpose", "subject", "secret"), [("audio", "17", "secret"), ("embed", "18", "secret"), ("embed", "17", "other")]
)
def test_a_link_opens_nothing_else(purpose: str, subject: str, secret: str) -> None:
    token = Links("secret").make("embed", "17", expires_in_s=60)
    with pytest.raises(LinkInvalid):
        Links(secret).check(purpose, subject, token)


@pytest.mark.parametrize("token", ["", "x", "a.b", "WzE3LDFd.AAAA", "é"])
def test_rubbish_opens_nothing(token: str) -> None:
    with pytest.raises(LinkInvalid):
        Links("secret").check("embed", "17", token)


def test_a_secret_is_made_once_and_is_its_owners(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    settings = make_settings()
    first = api_secret(settings)
    assert len(first) > 40
    assert api_secret(settings) == first
    assert (settings.state_folder / "api-secret").stat().st_mode & 0o777 == 0o600
    assert kept_secret(tmp_path / "new", "mine") == kept_secret(tmp_path / "new", "another") == "mine"
    assert api_secret(make_settings(api_secret=SecretStr("told"))) == "told"


def test_a_cursor_names_the_place_that_it_was_made_for() -> None:
    cursor = encode_cursor("2026-11-20", 7, 3)
    assert decode_cursor(cursor, str, int, int) == ("2026-11-20", 7, 3)


@pytest.mark.parametrize("cursor", ["", "?", "bnVsbA", "WzFd", encode_cursor("a"), encode_cursor(None), "W" * 400])
def test_any_other_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(UsageError):
        decode_cursor(cursor, int, int)


def test_a_stored_code_has_its_advice() -> None:
    assert advice_for("too_long").startswith("Raise CALLSCOPE_MAX_DURATION_MS")
    assert advice_for("attempt_lost")
    assert advice_for("nobody-knows") == ""
    assert advice_for(None) == ""
