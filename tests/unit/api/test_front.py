"""What every request passes first, on an app that reaches no database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from api.front import require_safe
from callscope.errors import InvalidSetting
from callscope.settings import Settings

pytestmark = pytest.mark.unit


@pytest.fixture
def visit(make_settings: Callable[..., Settings]) -> Iterator[Callable[..., TestClient]]:
    """Serve the app under settings of a test's own."""
    started: list[TestClient] = []

    def start(**values: object) -> TestClient:
        nowhere = SecretStr("postgresql://nobody@127.0.0.1:1/nothing")
        settings = make_settings(database_url=nowhere, **{"api_auth": "open", **values})
        client = TestClient(create_app(settings), base_url="http://localhost:8300", raise_server_exceptions=False)
        started.append(client.__enter__())
        return client

    yield start
    for client in started:
        client.__exit__(None, None, None)


def test_every_answer_keeps_the_browser_safe(visit: Callable[..., TestClient]) -> None:
    client, nonces = visit(), set()
    for path in ("/livez", "/nowhere", "/static/nothing.js"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-inline" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        nonces |= set(re.findall(r"'nonce-([^']+)'", policy))
    assert len(nonces) == 3


@pytest.mark.parametrize(
    ("path", "caching"),
    [("/livez", "no-store"), ("/static/css/x.css", "no-cache"), ("/static/vendor/x-1/x.js", "immutable")],
)
def test_only_what_has_its_version_in_its_name_is_kept(
    visit: Callable[..., TestClient], path: str, caching: str
) -> None:
    assert caching in visit().get(path).headers["cache-control"]


def test_an_open_app_answers_to_loopbacks_names_alone(visit: Callable[..., TestClient]) -> None:
    client = visit()
    for host in ("localhost", "127.0.0.1:8300", "[::1]:8300"):
        assert client.get("/livez", headers={"Host": host}).status_code == 200
    answer = client.get("/livez", headers={"Host": "rebound.example:8300"})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_an_app_with_keys_answers_to_the_names_that_are_set(visit: Callable[..., TestClient]) -> None:
    assert visit(api_auth="keys").get("/livez", headers={"Host": "calls.example"}).status_code == 200
    named = visit(api_auth="keys", api_hosts=("calls.example",))
    assert named.get("/livez", headers={"Host": "calls.example"}).status_code == 200
    assert named.get("/livez", headers={"Host": "other.example"}).status_code == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "null"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_a_page_of_another_site_changes_nothing_in_an_open_app(
    visit: Callable[..., TestClient], headers: dict[str, str]
) -> None:
    answer = visit().post("/v1/recordings", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_a_body_of_no_upload_is_small(visit: Callable[..., TestClient]) -> None:
    client = visit()
    large = client.post("/v1/dead/replay", content=b" " * 1_000_001, headers={"Content-Type": "application/json"})
    assert large.status_code == 413
    chunks = client.post(
        "/v1/dead/replay",
        content=(b" " * 100_000 for _ in range(20)),
        headers={"Content-Type": "application/json"},
    )
    assert (chunks.status_code, chunks.json()["code"]) == (413, "body_too_large")


def test_a_missing_database_is_an_outage_and_not_ready(visit: Callable[..., TestClient]) -> None:
    client = visit()
    answer = client.get("/v1/recordings")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert client.get("/livez").status_code == 200
    assert client.get("/readyz").status_code == 503


def test_wrong_parameters_are_named(visit: Callable[..., TestClient]) -> None:
    answer = visit().get("/v1/recordings?limit=0")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["detail"].startswith("limit: ")
    assert set(answer.json()) == {"type", "title", "status", "detail", "code", "advice", "instance"}


def test_a_program_of_openais_reads_its_own_form_of_errors(visit: Callable[..., TestClient]) -> None:
    answer = visit(api_auth="keys").post("/v1/audio/transcriptions", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "calls.example"])  # noqa: S104 - refused, that is the point
def test_no_door_stands_open_to_others(make_settings: Callable[..., Settings], host: str) -> None:
    with pytest.raises(InvalidSetting):
        require_safe(make_settings(api_auth="open", api_host=host))
    require_safe(make_settings(api_auth="keys", api_host=host))


def test_a_rate_that_can_not_be_read_is_told_at_start(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"), api_rate="often")
    with pytest.raises(InvalidSetting), TestClient(create_app(settings)):
        pass
