"""What programs read: calls, rows of many calls, tables, reports; and how far a recording is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import webvtt

from callscope.calls import EventKind
from callscope.jobs import AttemptNote, FailureKind
from models import ledger
from models.keys import Scope
from models.session import transaction
from tests.integration.api.conftest import Served
from tests.integration.models import steps, stored
from tests.whole_call import METADATA, a_whole_call

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def calls(served: Served) -> Served:
    """Three calls with results."""
    for number in range(3):
        metadata = replace(METADATA, call_id=f"c{number}", agent_id=f"A{number % 2}")
        stored.store(served.engine, f"call-{number}.wav", a_whole_call(), metadata=metadata, keep_values=True)
    return served


def pages(served: Served, path: str, limit: int, **query: Any) -> Iterator[list[dict[str, Any]]]:
    cursor: str | None = ""
    while cursor is not None:
        given = {"cursor": cursor} if cursor else {}
        answer = served.client.get(path, params={**query, **given, "limit": limit})
        assert answer.status_code == 200, answer.text
        yield answer.json()["items"]
        cursor = answer.json()["next_cursor"]


@pytest.mark.parametrize("path", ["/v1/segments", "/v1/events", "/v1/findings"])
def test_pages_hold_every_row_once_whatever_their_size(calls: Served, path: str) -> None:
    (whole,) = pages(calls, path, 500)
    assert len({row["recording_id"] for row in whole}) == 3
    for limit in (1, 2, 7):
        found = list(pages(calls, path, limit))
        assert [row for page in found for row in page] == whole
        assert {len(page) for page in found[:-1]} <= {limit}


def test_rows_are_those_that_are_asked_for(calls: Served) -> None:
    (of_agent,) = pages(calls, "/v1/segments", 500, agent="A1")
    assert {row["call_id"] for row in of_agent} == {"c1"}
    (angry,) = pages(calls, "/v1/segments", 500, emotion="ANGRY")
    (everything,) = pages(calls, "/v1/segments", 500)
    assert angry == [row for row in everything if row["emotion"] == "ANGRY"]
    assert 0 < len(angry) < len(everything)
    (silences,) = pages(calls, "/v1/events", 500, kind=EventKind.SILENCE.value)
    assert {row["kind"] for row in silences} == {"SILENCE"}
    (nothing,) = pages(calls, "/v1/segments", 500, **{"from": "2031-01-01"})
    assert nothing == []


def test_numbers_of_people_are_hidden_unless_the_key_sees_clear(serve: Callable[..., Served]) -> None:
    served = serve(api_auth="keys")
    stored.store(served.engine, "call.wav", a_whole_call(), keep_values=True)
    (recording_id,) = [one.recording_id for one in _progress(served)]
    values = [entity.value for entity in a_whole_call().meaning.entities]
    masked, clear = served.key("crm", Scope.READ), served.key("auditor", Scope.READ, Scope.CLEAR)
    paths = [f"/v1/calls/{recording_id}", f"/v1/calls/{recording_id}/segments", "/v1/segments", "/v1/exports/segments"]
    paths += [f"/v1/calls/{recording_id}/export?format={form}" for form in ("srt", "vtt", "csv", "json", "vcon")]
    for path in [*paths, "/v1/exports/entities"]:
        hidden, shown = (served.client.get(path, headers=headers).text for headers in (masked, clear))
        assert not any(value in hidden for value in values), path
        assert any(value in shown for value in values), path


def _progress(served: Served) -> list[ledger.RecordingProgress]:
    with transaction(served.engine) as session:
        return ledger.progress(session)


def test_a_call_is_told_whole_and_in_parts(calls: Served) -> None:
    number = _progress(calls)[0].recording_id
    whole = calls.client.get(f"/v1/calls/{number}").json()
    assert whole["metadata"]["call_id"] == "c0"
    analysis = whole["analysis"]
    assert calls.client.get(f"/v1/calls/{number}/segments").json()["items"] == analysis["hearing"]["segments"]
    assert calls.client.get(f"/v1/calls/{number}/events").json()["items"] == analysis["meaning"]["events"]
    findings = calls.client.get(f"/v1/calls/{number}/findings").json()
    assert (findings["items"], findings["scores"]) == (analysis["meaning"]["findings"], analysis["meaning"]["scores"])


def test_downloads_are_what_they_say(calls: Served) -> None:
    number = _progress(calls)[0].recording_id
    spoken = sum(bool(one.text) for one in a_whole_call().hearing.segments)
    for form, media_type in (
        ("srt", "application/x-subrip"),
        ("vtt", "text/vtt"),
        ("csv", "text/csv"),
        ("json", "application/json"),
        ("vcon", "application/vcon+json"),
    ):
        answer = calls.client.get(f"/v1/calls/{number}/export", params={"format": form})
        assert answer.headers["content-type"].startswith(media_type)
        assert f"call-{number}." in answer.headers["content-disposition"]
        if form == "vtt":
            assert len(webvtt.from_string(answer.text)) >= spoken
        if form == "csv":
            assert len(answer.text.splitlines()) == 1 + len(a_whole_call().hearing.segments)
        if form in {"json", "vcon"}:
            assert json.loads(answer.text)


@pytest.mark.parametrize("part", ["", "/segments", "/events", "/findings", "/export", "/audio"])
def test_a_call_that_is_not_there_is_not_found(served: Served, part: str) -> None:
    answer = served.client.get(f"/v1/calls/77{part}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_stored")
    assert served.client.get(f"/v1/calls/0{part}").status_code == 422


def test_tables_are_streamed_whole(calls: Served) -> None:
    lines = calls.client.get("/v1/exports/calls", params={"format": "csv"}).text.splitlines()
    assert len(lines) == 4
    objects = calls.client.get("/v1/exports/segments", params={"format": "jsonl"}).text.splitlines()
    table = pq.read_table(io.BytesIO(calls.client.get("/v1/exports/segments", params={"format": "parquet"}).content))
    assert table.num_rows == len(objects) == 3 * len(a_whole_call().hearing.segments)


@pytest.mark.parametrize("name", ["anger-after-silence", "soothing", "brief", "hot-words", "agents"])
def test_reports_are_those_of_the_command_line(calls: Served, name: str) -> None:
    answer = calls.client.get(f"/v1/reports/{name}", params={"from": "2026-01-01", "to": "2026-12-31"})
    assert answer.status_code == 200
    assert answer.json()["report"] == name
    backwards = calls.client.get(f"/v1/reports/{name}", params={"from": "2026-12-31", "to": "2026-01-01"})
    assert backwards.status_code == 422
    for ages in ({"from": "0001-01-01"}, {"to": "0001-01-01"}, {"from": "9999-12-31", "to": "9999-12-31"}):
        assert calls.client.get(f"/v1/reports/{name}", params=ages).status_code == 200, ages


def test_the_rules_are_told_with_their_version(served: Served) -> None:
    document = served.client.get("/v1/rules").json()
    assert document["version"].startswith("builtin-")
    assert document["rules"]
    assert document["scorecards"]


# --- how far a recording is -------------------------------------------------------------------------------------------


def test_progress_names_the_stage_until_the_end(served: Served) -> None:
    steps.discover(served.engine, "call.wav", priority=10)
    (number,) = [one.recording_id for one in _progress(served)]

    def stage() -> str:
        told: str = served.client.get(f"/v1/recordings/{number}").json()["stage"]
        return told

    assert stage() == "queued"
    (taken,) = steps.take(served.engine, urgent=True)
    assert stage() == "queued"
    steps.start(served.engine, taken.job)
    assert stage() == "fetching"
    with transaction(served.engine) as session:
        note = AttemptNote(number, taken.job.attempt, steps.WORKER, "transcribe")
        ledger.extend_lease(session, note, lease_ms=steps.LEASE_MS)
    assert stage() == "analysing"
    steps.fail(served.engine, taken.job, FailureKind.PERMANENT)
    body = served.client.get(f"/v1/recordings/{number}", params={"wait": 5}).json()
    assert (body["stage"], body["code"], body["place"]) == ("dead", "code_permanent", None)


def test_an_ended_recording_ends_its_stream(served: Served) -> None:
    steps.discover(served.engine, "call.wav", priority=10)
    (taken,) = steps.take(served.engine, urgent=True)
    steps.fail(served.engine, taken.job, FailureKind.GONE)
    number = taken.job.recording_id
    stream = served.client.get(f"/v1/recordings/{number}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in stream.text.splitlines() if line]
    assert lines[0] == "event: progress"
    data = json.loads(lines[1].removeprefix("data: "))
    assert (data["recording_id"], data["stage"], data["call_url"]) == (number, "skipped", f"/calls/{number}")
    assert served.client.get("/v1/recordings/999/events").status_code == 404


def test_a_wait_ends_after_its_time(served: Served) -> None:
    steps.discover(served.engine, "call.wav", priority=10)
    number = _progress(served)[0].recording_id
    assert served.client.get(f"/v1/recordings/{number}", params={"wait": 0.3}).json()["stage"] == "queued"
    assert served.client.get(f"/v1/recordings/{number}", params={"wait": 1_000}).status_code == 422


def test_recordings_are_listed_by_page_and_state(served: Served) -> None:
    steps.discover(served.engine, *(f"call-{number}.wav" for number in range(5)))
    (taken, *_) = steps.take(served.engine)
    steps.fail(served.engine, taken.job, FailureKind.PERMANENT)
    keys = [row["key"] for page in pages(served, "/v1/recordings", 2) for row in page]
    assert keys == [f"call-{number}.wav" for number in (4, 3, 2, 1, 0)]
    (dead,) = pages(served, "/v1/recordings", 9, state="dead")
    assert [row["key"] for row in dead] == ["call-0.wav"]


def test_dead_recordings_are_listed_with_advice_and_tried_again(served: Served) -> None:
    steps.discover(served.engine, *(f"call-{number}.wav" for number in range(3)))
    for taken in steps.take(served.engine):
        steps.fail(served.engine, taken.job, FailureKind.PERMANENT)
    found = [row for page in pages(served, "/v1/dead", 2) for row in page]
    assert [row["key"] for row in found] == ["call-2.wav", "call-1.wav", "call-0.wav"]
    assert served.client.post("/v1/dead/replay", json={}).status_code == 422
    one = served.client.post("/v1/dead/replay", json={"recording_ids": [found[0]["recording_id"]]})
    assert one.json() == {"count": 1}
    assert served.client.post("/v1/dead/replay", json={"all": True}).json() == {"count": 2}
    assert list(pages(served, "/v1/dead", 2)) == [[]]


# --- for those who run it ---------------------------------------------------------------------------------------------


def test_figures_tell_states_and_requests(calls: Served) -> None:
    assert calls.client.get("/readyz").json() == {"ok": True, "database": True, "store": True}
    calls.client.get("/v1/calls/77")
    text = calls.client.get("/metrics").text
    assert 'callscope_recordings{state="discovered"} 3.0' in text
    assert 'route="/v1/calls/{recording_id}",status="404"' in text
    assert "callscope_oldest_waiting_seconds" in text
