"""The list of calls as programs and pages read it: filters, cursors, saved views, the overview, many calls at once."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace

import pytest

from api.paging import encode_cursor
from models import extracts
from models.browse import Sort
from models.keys import Scope
from tests.integration.api.conftest import Served
from tests.integration.models import stored
from tests.whole_call import METADATA, a_whole_call

pytestmark = pytest.mark.integration


@pytest.fixture
def calls(served: Served) -> Served:
    """Three calls with results, the third of another queue."""
    for number in range(3):
        metadata = replace(METADATA, call_id=f"c{number}", queue="other" if number == 2 else "refunds")
        stored.store(served.engine, f"call-{number}.wav", a_whole_call(), metadata=metadata)
    return served


def names(served: Served, query: str) -> list[str]:
    answer = served.client.get(f"/v1/calls?{query}")
    assert answer.status_code == 200, answer.text
    return [item["call_id"] for item in answer.json()["items"]]


@pytest.mark.parametrize("sort", Sort)
def test_page_by_page(calls: Served, sort: Sort) -> None:
    found = list[str]()
    cursor: str | None = ""
    while cursor is not None:
        page = calls.client.get("/v1/calls", params={"limit": 1, "cursor": cursor, "sort": sort}).json()
        found += [item["call_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert found == ["c2", "c1", "c0"]


def test_filters_and_what_a_form_leaves_empty(calls: Served) -> None:
    assert names(calls, "queue=other&emotion=&share=&days=&from=&agent=&sort=") == ["c2"]
    assert names(calls, "from=2000-01-01&to=9999-12-31&sort=longest") == ["c2", "c1", "c0"]
    assert names(calls, "to=0001-01-01") == []


@pytest.mark.parametrize(
    "query",
    [
        *("emotion=FURIOUS", "share=0", "share=101", "days=0", "from=yesterday", "sort=random", "language=tlh"),
        *("cursor=x", "limit=501", "queue=a%00b", "q=a%00b", "agent=" + "x" * 256),
    ],
)
def test_what_is_refused(served: Served, query: str) -> None:
    for path in ("/v1/calls", "/calls"):
        if query.startswith("limit") and path == "/calls":
            continue
        answer = served.client.get(f"{path}?{query}")
        assert answer.status_code == 422, (path, answer.text[:200])


@pytest.mark.parametrize(
    "place",
    [
        *([], ["newest"], ["newest", "now", 1], ["newest", 5, 1], ["newest", "2026-11-20T09:30:00", 1]),
        *(["newest", "2026-11-20T09:30:00Z", -1], ["newest", "2026-11-20T09:30:00Z", 1 << 63], ["angriest", 1.0, 1]),
        ["newest", "0001-01-01T00:00:00+20:10", 1],
    ],
)
def test_a_cursor_of_another_list_is_refused(served: Served, place: list[object]) -> None:
    answer = served.client.get("/v1/calls", params={"cursor": encode_cursor(*place)})
    assert (answer.status_code, answer.json()["code"]) == (422, "usage")


def test_views_are_kept_and_removed(guarded: Served) -> None:
    writer, reader = guarded.key("Ann", Scope.READ, Scope.WRITE), guarded.key("Bob", Scope.READ)
    view = {"name": "Angry", "query": "emotion=ANGRY"}
    refused = guarded.client.post("/v1/views", json={"name": "x", "query": "mood=ANGRY"}, headers=writer)
    assert (refused.status_code, refused.json()["code"]) == (422, "usage")
    assert guarded.client.post("/v1/views", json=view, headers=reader).status_code == 403
    kept = guarded.client.post("/v1/views", json=view, headers=writer)
    assert (kept.status_code, kept.json()["author"]) == (201, "Ann")
    (listed,) = guarded.client.get("/v1/views", headers=reader).json()["items"]
    assert listed == kept.json()
    path = f"/v1/views/{listed['id']}"
    assert guarded.client.delete(path, headers=reader).status_code == 403
    assert guarded.client.delete(path, headers=writer).status_code == 204
    assert guarded.client.delete(path, headers=writer).status_code == 404


def test_many_calls_wait_again(guarded: Served) -> None:
    writer, reader = guarded.key("Ann", Scope.READ, Scope.WRITE), guarded.key("Bob", Scope.READ)
    assert guarded.client.post("/v1/calls/replay", json={"all": True}, headers=reader).status_code == 403
    assert guarded.client.post("/v1/calls/replay", json={}, headers=writer).status_code == 422
    assert (
        guarded.client.post("/v1/calls/replay", json={"recording_ids": [1], "all": True}, headers=writer).status_code
        == 422
    )
    answer = guarded.client.post("/v1/calls/replay?state=dead", json={"all": True}, headers=writer)
    assert answer.json() == {"count": 0}


def test_chosen_calls_are_exported(calls: Served) -> None:
    answer = calls.client.post("/calls/export?form=calls", data={"ids": "3,1"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert sorted(row["call_id"] for row in rows) == ["c0", "c2"]
    answer = calls.client.post("/calls/export?form=zip&queue=other", data={"ids": ""})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert len(archive.namelist()) == len(extracts.NAMES)
        assert b"c2" in archive.read("calls.csv")
        assert b"c1" not in archive.read("calls.csv")
    for wrong in ("one", "0", "-1", str(1 << 63)):
        assert calls.client.post("/calls/export", data={"ids": wrong}).status_code == 422, wrong


def test_too_many_calls_for_one_request_are_refused(calls: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.browsing.MAX_CHOSEN", 2)
    for answer in (
        calls.client.post("/calls/export?form=calls", data={"ids": ""}),
        calls.client.post("/v1/calls/replay", json={"all": True}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "usage")
        assert "more than 2 calls" in answer.text
    assert calls.client.post("/v1/calls/replay?queue=other", json={"all": True}).status_code == 200


def test_the_overview(calls: Served) -> None:
    told = calls.client.get("/v1/overview?days=3660").json()
    assert sum(one["calls"] for one in told["volume"]) == 3
    assert told["waiting"]["discovered"] == 3  # stored by hand, so nobody has ended them
    assert told["dead"] == []
    assert len(told["speeds"]) == 1
    for part in ("", "/meaning", "/machine", "/coverage"):
        assert calls.client.get(f"/overview{part}?days=3660").status_code == 200


def test_who_has_no_key_sees_nothing(guarded: Served) -> None:
    for path in ("/v1/calls", "/v1/views", "/v1/overview", "/calls/count", "/overview/meaning"):
        assert guarded.client.get(path, headers={"Accept": "application/json"}).status_code == 401
