"""A recording that is handed over: what becomes of it, and what is refused without a trace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from callscope.calls import CallMetadata, Language, Role
from models import ledger
from models.session import transaction
from tests.integration.api.conftest import Served

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

BOUNDARY = "boundary"


def post(served: Served, file: Path, *, headers: dict[str, str] | None = None, **fields: str) -> Any:
    with file.open("rb") as opened:
        return served.client.post(
            "/v1/recordings", files={"file": (file.name, opened)}, data=fields, headers=headers or {}
        )


def test_an_upload_is_in_the_bucket_and_waits_as_urgent(served: Served, recording: Path, run_sql: RunSql) -> None:
    answer = post(
        served,
        recording,
        language="yue",
        call_id="42",
        agent_id="A7",
        queue="refunds",
        direction="inbound",
        started_at="2026-11-20T10:00:00+08:00",
        channel_roles="customer",
        shift="night",
    )
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["location"] == f"/v1/recordings/{body['recording_id']}"
    assert (body["state"], body["stage"], body["place"], body["language"]) == ("discovered", "queued", 1, "yue")
    assert body["metadata"] == {"file_name": "call.wav", "shift": "night"}
    assert served.stored() == [body["key"]]
    told = served.storage.metadata(served.settings.bucket, body["key"])
    assert (told["file_name"], told["call_id"], told["started_at"]) == ("call.wav", "42", "2026-11-20T02:00:00+00:00")
    row = run_sql("SELECT priority, call_id, agent_id, queue, direction, call_date::text FROM recording")
    assert row == [(10, "42", "A7", "refunds", "inbound", "2026-11-20")]
    with transaction(served.engine) as session:
        (taken,) = ledger.take(session, limit=5, sent_deadline_ms=1_000, urgent=True)
    assert taken.job.urgent
    assert taken.job.language is Language.YUE
    assert taken.job.channel_roles == (Role.CUSTOMER,)
    assert [file.name for file in served.settings.state_folder.glob("scratch/*/*")] == ["lock"]


def test_places_count_those_that_wait_before(served: Served, recording: Path) -> None:
    numbers = [post(served, recording).json()["recording_id"] for _ in range(3)]
    places = [served.client.get(f"/v1/recordings/{number}").json()["place"] for number in numbers]
    assert places == [1, 2, 3]


def test_an_object_of_the_bucket_is_named_instead(served: Served, recording: Path, run_sql: RunSql) -> None:
    key = "hotline/2026-11-20/A7/1042.wav"
    served.storage.put(served.settings.bucket, key, recording, metadata={"direction": "outbound"})
    answer = served.client.post("/v1/recordings", json={"key": key, "queue": "vip"})
    assert answer.status_code == 202
    assert run_sql("SELECT key, priority, call_id, agent_id, queue, direction FROM recording") == [
        (key, 10, "1042", "A7", "vip", "outbound")
    ]
    again = served.client.post("/v1/recordings", json={"key": key})
    assert again.json()["recording_id"] == answer.json()["recording_id"]


def test_what_the_watcher_entered_a_moment_before_becomes_urgent(
    served: Served, recording: Path, run_sql: RunSql
) -> None:
    stored = served.storage.put(served.settings.bucket, "late.wav", recording)
    with transaction(served.engine) as session:
        ledger.discover(session, [ledger.Discovered(stored.ref, CallMetadata())])
    served.client.post("/v1/recordings", json={"key": "late.wav", "language": "ko"})
    assert run_sql("SELECT priority, language FROM recording") == [(10, "ko")]


def test_a_repeated_request_makes_nothing_twice(served: Served, recording: Path) -> None:
    first = post(served, recording, headers={"Idempotency-Key": "one"}, call_id="1")
    again = post(served, recording, headers={"Idempotency-Key": "one"}, call_id="1")
    assert again.status_code == 202
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["recording_id"] == first.json()["recording_id"]
    other = post(served, recording, headers={"Idempotency-Key": "one"}, call_id="2")
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency_conflict"
    assert len(served.stored()) == 1


def test_of_requests_at_the_same_time_one_counts(served: Served, recording: Path, run_sql: RunSql) -> None:
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(served, recording, headers={"Idempotency-Key": "one"})))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["recording_id"] for answer in answers}) == 1
    assert len(served.stored()) == 1
    assert run_sql("SELECT count(*) FROM recording") == [(1,)]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"language": "tlh"}, 422, "unknown_language"),
        ({"direction": "sideways"}, 422, "usage"),
        ({"started_at": "yesterday"}, 422, "usage"),
        ({"channel_roles": "agent,martian"}, 422, "usage"),
        ({"callback_url": "https://crm.example/hook"}, 422, "usage"),
    ],
)
def test_fields_that_can_not_be_are_refused(
    served: Served, recording: Path, fields: dict[str, Any], status: int, code: str
) -> None:
    answer = post(served, recording, headers=None, **fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert served.stored() == []


@pytest.mark.parametrize("url", ["ftp://crm.example", "crm.example", "http://", "http://[", "https://x/" + "a" * 3_000])
def test_a_callback_must_be_callable(serve: Callable[..., Served], recording: Path, url: str) -> None:
    served = serve(callback_secret="whsec_" + "A" * 43 + "=")
    assert post(served, recording, callback_url=url).status_code == 422


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"Dear Sir or Madam,\n" * 50, "undecodable"), (b"", "empty_object"), (b"PK\3\4", "undecodable")],
)
def test_what_is_no_recording_leaves_nothing(served: Served, tmp_path: Path, content: bytes, code: str) -> None:
    file = tmp_path / "call.wav"
    file.write_bytes(content)
    answer = post(served, file)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert served.stored() == []
    assert [file.name for file in served.settings.state_folder.glob("scratch/*/*")] == ["lock"]


def test_a_form_without_a_file_and_a_body_of_nothing_are_told(served: Served) -> None:
    assert served.client.post("/v1/recordings", data={"call_id": "1"}).status_code == 422
    for content in (b"{", b"[]", b"\xff", b"{}", b'{"key": 7}'):
        answer = served.client.post("/v1/recordings", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
    assert served.client.post("/v1/recordings", json={"key": "not/there.wav"}).json()["code"] == "object_gone"
    assert served.client.post("/v1/recordings", json={"key": "a", "bucket": "payroll"}).status_code == 422


def test_a_body_that_announces_too_much_is_refused_unread(serve: Callable[..., Served]) -> None:
    served = serve()
    answer = served.client.post("/v1/recordings", content=b"", headers={"Content-Length": str(2 << 30)})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_that_announces_nothing_is_cut_off_while_it_arrives(serve: Callable[..., Served]) -> None:
    served, sent = serve(max_upload_bytes=1_000_000), 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'.encode()
        while sent < 50_000_000:
            sent += 100_000
            yield b"\0" * 100_000

    answer = served.client.post(
        "/v1/recordings",
        content=endless(),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert served.stored() == []


def test_a_file_over_the_limit_is_refused(serve: Callable[..., Served], recording: Path) -> None:
    served = serve(max_upload_bytes=10_000)
    assert post(served, recording).json()["code"] == "body_too_large"
    assert served.stored() == []
