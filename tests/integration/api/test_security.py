"""Who may do what: keys, sessions, scopes, links, limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from api.security import principal as door
from api.security.session import SESSION_COOKIE, open_session
from callscope.errors import NotSignedIn, UsageError
from models import keys
from models.keys import Scope
from models.session import Engine, transaction
from tests.integration.api.conftest import Served

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "KNOWN_FOR_S", 0.0)


def test_a_key_is_needed_and_only_its_hash_is_stored(guarded: Served, run_sql: RunSql) -> None:
    for headers in ({}, {"Authorization": "Bearer csk_wrong"}, {"Authorization": "Basic abc"}):
        answer = guarded.client.get("/v1/recordings", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"
    held = guarded.key("crm", Scope.READ)
    assert guarded.client.get("/v1/recordings", headers=held).status_code == 200
    assert run_sql("SELECT length(key_hash), last_used_at IS NOT NULL FROM api_key") == [(32, True)]


def test_a_key_does_what_its_scopes_say(guarded: Served, recording: Path) -> None:
    reads = guarded.key("reader", Scope.READ)
    with recording.open("rb") as file:
        answer = guarded.client.post("/v1/recordings", files={"file": file}, headers=reads)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert guarded.stored() == []
    writes = guarded.key("writer", Scope.WRITE)
    with recording.open("rb") as file:
        assert guarded.client.post("/v1/recordings", files={"file": file}, headers=writes).status_code == 202
    assert guarded.client.get("/v1/recordings", headers=writes).status_code == 403


def test_an_upload_without_a_key_is_refused_before_its_body_is_read(guarded: Served) -> None:
    answer = guarded.client.post("/v1/recordings", content=b"no form at all")
    assert answer.status_code == 401


def test_a_revoked_or_expired_key_opens_nothing(guarded: Served, run_sql: RunSql) -> None:
    held = guarded.key("crm", Scope.READ)
    with transaction(guarded.engine) as session:
        assert keys.revoke_key(session, "crm")
        assert not keys.revoke_key(session, "crm")
    assert guarded.client.get("/v1/recordings", headers=held).status_code == 401
    late = guarded.key("late", Scope.READ)
    run_sql("UPDATE api_key SET expires_at = now() - interval '1 second' WHERE name = 'late'")
    assert guarded.client.get("/v1/recordings", headers=late).status_code == 401


def test_a_name_is_given_once_unless_it_is_replaced(engine: Engine) -> None:
    with transaction(engine) as session:
        first = keys.create_key(session, "crm", [Scope.READ])
    with pytest.raises(UsageError), transaction(engine) as session:
        keys.create_key(session, "crm", [Scope.READ])
    with transaction(engine) as session:
        second = keys.replace_key(session, "crm", [Scope.WRITE])
        assert keys.find_by_token(session, first) is None
        found = keys.find_by_token(session, second)
        assert found is not None
        assert found.scopes == (Scope.WRITE,)
        assert [key.name for key in keys.list_keys(session)] == ["crm"]


def sign_in(served: Served, token: str) -> None:
    app = served.client.app
    request = Request({"type": "http", "method": "POST", "scheme": "http", "headers": [], "path": "/", "app": app})
    response = Response()
    open_session(request, response, app.state.context, token)  # type: ignore[attr-defined]
    cookie = re.match(rf"{SESSION_COOKIE}=([^;]+);.*HttpOnly.*SameSite=lax", response.headers["set-cookie"])
    assert cookie is not None
    served.client.cookies.set(SESSION_COOKIE, cookie[1])


def test_a_session_is_its_key_until_that_is_revoked(guarded: Served) -> None:
    token = guarded.key("ann", Scope.READ, Scope.WRITE)["Authorization"].removeprefix("Bearer ")
    sign_in(guarded, token)
    assert guarded.client.get("/v1/recordings").status_code == 200
    with transaction(guarded.engine) as session:
        keys.revoke_key(session, "ann")
    assert guarded.client.get("/v1/recordings").status_code == 401
    with pytest.raises(NotSignedIn):
        sign_in(guarded, token)


def test_a_forged_session_is_none(guarded: Served) -> None:
    guarded.client.cookies.set(SESSION_COOKIE, "MQ.aGVsbG8.forged")
    assert guarded.client.get("/v1/recordings").status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://localhost:8300"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8300"}, 403),
        ({}, 403),
    ],
)
def test_a_session_changes_something_from_its_own_pages_alone(
    guarded: Served, headers: dict[str, str], status: int
) -> None:
    token = guarded.key("ann", Scope.READ, Scope.WRITE)["Authorization"].removeprefix("Bearer ")
    sign_in(guarded, token)
    answer = guarded.client.post("/v1/dead/replay", json={"all": True}, headers=headers)
    assert answer.status_code == status


def test_a_key_asks_so_often_and_no_more(serve: Callable[..., Served]) -> None:
    served = serve(api_auth="keys", api_rate="3/hour")
    held, other = served.key("crm", Scope.READ), served.key("other", Scope.READ)
    assert [served.client.get("/v1/recordings", headers=held).status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = served.client.get("/v1/recordings", headers=held)
    assert answer.json()["code"] == "too_many_requests"
    assert 0 < int(answer.headers["retry-after"]) <= 3_600
    assert served.client.get("/v1/recordings", headers=other).status_code == 200


def test_numbers_of_people_are_masked_without_the_scope(guarded: Served) -> None:
    held, clear = guarded.key("crm", Scope.READ), guarded.key("auditor", Scope.READ, Scope.CLEAR)
    for headers in (held, clear):
        assert guarded.client.get("/v1/segments", headers=headers).status_code == 200
