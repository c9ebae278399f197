"""Corrections and waveforms over HTTP, on a real database."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select
from starlette.testclient import TestClient

from api.app import create_app
from callscope.settings import Settings
from models.session import transaction
from models.tables import Recording
from tests.examples import a_hearing, an_analysis
from tests.integration.models import stored

pytestmark = pytest.mark.integration

LANES = (bytes(range(100)), bytes(100))


@pytest.fixture
def client(database_url: str, tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        database_url=SecretStr(database_url), state_folder=tmp_path, store_folder=tmp_path / "store", api_auth="open"
    )
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def recording_id(engine: Engine) -> int:
    heard = replace(an_analysis(), hearing=replace(a_hearing(), waveform=LANES))
    stored.store(engine, "a.wav", heard)
    with transaction(engine) as session:
        return session.scalars(select(Recording.id)).one()


def test_the_waveform_arrives_a_byte_a_peak(client: TestClient, recording_id: int) -> None:
    answer = client.get(f"/v1/calls/{recording_id}/waveform").json()
    assert answer["hop_ms"] == 50
    assert tuple(map(b64decode, answer["channels"])) == LANES
    assert client.get(f"/v1/calls/{recording_id + 1}/waveform").status_code == HTTPStatus.NOT_FOUND


def test_a_correction_is_kept_told_and_taken_back(client: TestClient, recording_id: int) -> None:
    where = f"/v1/calls/{recording_id}/annotations"
    said = {"channel": 1, "start_ms": 2_800, "end_ms": 4_000, "text": "五天了。", "emotion": "ANGRY"}
    first = client.put(where, json=said).json()
    again = client.put(where, json={**said, "emotion": "SAD"}).json()
    assert (again["annotation_id"], again["emotion"], again["author"]) == (first["annotation_id"], "SAD", "open")
    (kept,) = client.get(where).json()["items"]
    assert kept == again
    gone = client.delete(f"{where}/{kept['annotation_id']}")
    assert (gone.status_code, gone.content) == (HTTPStatus.NO_CONTENT, b"")
    assert client.get(where).json() == {"items": []}
    assert client.delete(f"{where}/{kept['annotation_id']}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"emotion": "FURIOUS"}, "emotion"),
        ({}, "it says nothing"),
        ({"text": "x", "end_ms": 0}, "it ends before it begins"),
        ({"text": "x", "channel": -1}, "channel"),
        ({"text": "x", "mood": "fine"}, "mood"),
    ],
)
def test_one_that_makes_no_sense_is_refused_by_name(
    client: TestClient, recording_id: int, said: dict[str, object], why: str
) -> None:
    body = {"channel": 1, "start_ms": 0, "end_ms": 10, **said}
    answer = client.put(f"/v1/calls/{recording_id}/annotations", json=body)
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert answer.headers["content-type"] == "application/problem+json"
    assert why in answer.json()["detail"]


def test_a_recording_that_is_not_there_has_none(client: TestClient) -> None:
    assert client.get("/v1/calls/7/annotations").status_code == HTTPStatus.NOT_FOUND
    body = {"channel": 0, "start_ms": 0, "end_ms": 10, "text": "x"}
    assert client.put("/v1/calls/7/annotations", json=body).status_code == HTTPStatus.NOT_FOUND
