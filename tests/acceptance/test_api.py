"""Programs at the API of a real cluster: OpenAI's client, a fuzzer, readers of each format, whoever is called back."""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import webvtt
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import SecretStr
from standardwebhooks import Webhook

from callscope.processes import free_ports
from callscope.settings import Settings
from models.keys import Scope, create_key
from models.session import transaction
from tests.acceptance.api_examples import take
from tests.clusters import RunningCluster, running_cluster
from tests.integration.reports.outbox.receivers import HttpReceiver
from tests.unit.exports.test_vcon import SCHEMA

pytestmark = pytest.mark.acceptance

SAMPLES = Path(__file__).parents[2] / "samples"
ENGLISH = SAMPLES / "broken-lamp-en.flac"
CHINESE = SAMPLES / "refund-zh.wav"
SECRET = "whsec_" + base64.b64encode(b"c" * 32).decode()
PATIENCE_S = 60

FORMS = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json")
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """The API of a cluster that hears the sample calls."""

    url: str
    key: str
    cluster: RunningCluster
    http: httpx.Client
    openai: openai.OpenAI

    def upload(self, file: Path, **fields: str) -> httpx.Response:
        with file.open("rb") as opened:
            return self.http.post("/v1/recordings", files={"file": (file.name, opened)}, data=fields)


@contextmanager
def _serving(settings: Settings) -> Iterator[None]:
    """Run `callscope serve` until the block ends."""
    server = subprocess.Popen(
        [sys.executable, "-m", "callscope", "serve"],
        env={**os.environ, **settings.as_environment()},  # noqa: TID251 - handed on whole
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert server.poll() is None
            assert time.monotonic() < deadline
            try:
                httpx.get(f"http://127.0.0.1:{settings.api_port}/livez", timeout=1)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                break
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    settings = Settings(
        state_folder=folder,
        store_folder=folder / "store",
        cpu_threads=1,
        sweep_ms=500,
        stable_ms=500,
        api_port=free_ports(1)[0],
        api_rate="100000/minute",
        callback_secret=SecretStr(SECRET),
        callback_private=True,
    )
    with running_cluster(settings) as cluster, _serving(cluster.settings):
        with transaction(cluster.engine) as session:
            key = create_key(session, "tests", [Scope.READ, Scope.WRITE])
        url = f"http://127.0.0.1:{settings.api_port}"
        with (
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE_S) as http,
            openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client,
        ):
            yield Api(url, key, cluster, http, client)


@pytest.fixture(scope="module")
def done(api: Api) -> int:
    """The number of a call that is done."""
    number: int = api.upload(CHINESE, language="zh").json()["recording_id"]
    ended = api.http.get(f"/v1/recordings/{number}", params={"wait": PATIENCE_S}).json()
    assert ended["stage"] == "done"
    return number


# --- OpenAI's client --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_openais_client_transcribes_in_every_form(api: Api, form: Any) -> None:
    granularities: Any = ["word", "segment"] if form == "verbose_json" else openai.omit
    with ENGLISH.open("rb") as file:
        answer: Any = api.openai.audio.transcriptions.create(
            model="whisper-1", file=file, response_format=form, language="en", timestamp_granularities=granularities
        )
    text = answer if isinstance(answer, str) else answer.text
    assert "thank you" in text.lower()
    match form:
        case "srt":
            assert text.startswith("1\n00:00:")
        case "vtt":
            assert len(webvtt.from_string(text)) > 3
        case "verbose_json":
            assert answer.language == "english"
            assert answer.duration == pytest.approx(30.6, abs=0.2)
            assert answer.words
            for segment in answer.segments:
                assert 0 <= segment.start < segment.end <= answer.duration
                # What callscope adds to OpenAI's own fields.
                assert segment.emotion["label"] in segment.emotion["distribution"]
                assert segment.channel in {0, 1}
                assert isinstance(segment.events, list)
        case "diarized_json":
            assert {segment.speaker for segment in answer.segments} == {"Agent", "Customer"}


@pytest.mark.parametrize("form", ["json", "diarized_json"])
def test_openais_client_streams(api: Api, form: Any) -> None:
    with ENGLISH.open("rb") as file:
        stream: Any = api.openai.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=file, response_format=form, stream=True
        )
        *pieces, last = list(stream)
    assert last.type == "transcript.text.done"
    if form == "json":
        assert "".join(piece.delta for piece in pieces) == last.text
    else:
        assert {piece.type for piece in pieces} == {"transcript.text.segment"}


def test_openais_client_reads_what_is_wrong(api: Api, tmp_path: Path) -> None:
    letter = tmp_path / "letter.wav"
    letter.write_text("Dear Sir or Madam,\n")
    with letter.open("rb") as file, pytest.raises(openai.BadRequestError) as text:
        api.openai.audio.transcriptions.create(model="whisper-1", file=file)
    assert (text.value.code, text.value.param, text.value.type) == ("undecodable", "file", "invalid_request_error")
    with ENGLISH.open("rb") as file, pytest.raises(openai.BadRequestError) as language:
        api.openai.audio.transcriptions.create(model="whisper-1", file=file, language="tlh")
    assert (language.value.code, language.value.param) == ("unknown_language", "language")
    with (
        ENGLISH.open("rb") as file,
        openai.OpenAI(base_url=f"{api.url}/v1", api_key="csk_wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.audio.transcriptions.create(model="whisper-1", file=file)


# --- hand over and follow ---------------------------------------------------------------------------------------------


def test_progress_is_told_until_the_call_is_there(api: Api) -> None:
    number = api.upload(CHINESE).json()["recording_id"]
    told: list[Event] = []
    with api.http.stream("GET", f"/v1/recordings/{number}/events") as stream:
        told.extend(
            json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")
        )
    stages = [event["stage"] for event in told]
    order = ["queued", "fetching", "analysing", "done"]
    assert stages[-1] == "done"
    assert stages == sorted(stages, key=order.index)
    assert told[0]["place"] == 1
    assert api.http.get(f"/v1/calls/{number}").status_code == 200


def test_a_callback_is_called_and_signed(api: Api) -> None:
    with HttpReceiver().running() as receiver:
        number = api.upload(CHINESE, callback_url=receiver.url(), call_id="c-7").json()["recording_id"]
        deadline = time.monotonic() + PATIENCE_S
        while not receiver.requests:
            assert time.monotonic() < deadline, api.cluster.logs()
            api.cluster.keep_alive()
            time.sleep(0.1)
        (request,) = receiver.requests
    document = Webhook(SECRET).verify(request.body, {name.lower(): value for name, value in request.headers.items()})
    assert document["type"] == "callscope.recording.ended"
    data = document["data"]
    assert (data["recording_id"], data["state"], data["call_id"]) == (number, "done", "c-7")


def test_a_repeated_upload_is_one_recording(api: Api) -> None:
    before = len(api.http.get("/v1/recordings", params={"limit": 500}).json()["items"])
    answers = []
    for _ in range(2):
        with CHINESE.open("rb") as file:
            answers.append(api.http.post("/v1/recordings", files={"file": file}, headers={"Idempotency-Key": "one"}))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["recording_id"] for answer in answers}) == 1
    assert len(api.http.get("/v1/recordings", params={"limit": 500}).json()["items"]) == before + 1


def test_an_upload_of_two_gigabytes_is_refused(api: Api) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(2_000):
            yield bytes(1_000_000)

    # Two gigabytes are announced, and the answer comes before any of them is sent.
    connection = http.client.HTTPConnection(api.url.removeprefix("http://"), timeout=10)
    connection.putrequest("POST", "/v1/recordings")
    connection.putheader("Authorization", f"Bearer {api.key}")
    connection.putheader("Content-Length", str(2_000_000_000))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "body_too_large")
    connection.close()
    try:
        cut = api.http.post(
            "/v1/recordings", content=endless(), headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        assert (cut.status_code, cut.json()["code"]) == (413, "body_too_large")
    except httpx.TransportError:
        # The connection is closed while the client still sends; some clients never look at the answer then.
        pass
    assert api.http.get("/livez").status_code == 200
    assert not list(api.cluster.settings.state_folder.glob("scratch/*/*/upload*"))


# --- formats ----------------------------------------------------------------------------------------------------------


def test_the_vcon_is_one(api: Api, done: int) -> None:
    document = api.http.get(f"/v1/calls/{done}/export", params={"format": "vcon"}).json()
    Draft202012Validator(SCHEMA, format_checker=FormatChecker()).validate(document)


def test_subtitles_parse(api: Api, done: int) -> None:
    cues = webvtt.from_string(api.http.get(f"/v1/calls/{done}/export", params={"format": "vtt"}).text)
    assert len(cues) > 3
    assert all(cue.start < cue.end for cue in cues.captions)


def test_the_recording_plays_from_any_place(api: Api, done: int) -> None:
    path = f"/v1/calls/{done}/audio"
    whole = api.http.get(path)
    assert whole.headers["accept-ranges"] == "bytes"
    part = api.http.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert api.http.get(path, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416


# --- the document -----------------------------------------------------------------------------------------------------


def test_the_document_shows_an_answer_of_each_operation(api: Api, done: int) -> None:
    shown = {
        f"{method.upper()} {path}": content.get("example")
        for path, operations in api.http.get("/openapi.json").json()["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status.startswith("2") and (content := answer.get("content", {}).get("application/json")) is not None
    }
    given = take(api.http, done, CHINESE)
    assert shown.keys() == given.keys()
    assert {name: found for name in shown if (found := _difference(shown[name], given[name]))} == {}


_FREE = {"metadata", "emotion_shares"}
"""Whose keys differ from call to call."""


def _difference(one: Any, other: Any) -> str | None:
    """Return where two answers are not alike; null and an empty list are like anything."""
    match one, other:
        case (None, _) | (_, None):
            return None
        case dict(), dict():
            if one.keys() != other.keys():
                return f"{sorted(one.keys() ^ other.keys())}"
            found = ((name, _difference(one[name], other[name])) for name in one.keys() - _FREE)
            return next((f"{name}.{where}" for name, where in found if where), None)
        case list(), list():
            return next((where for where in map(_difference, one[:1], other[:1]) if where), None)
        case _:
            numbers = {int, float}
            same = type(one) is type(other) or {type(one), type(other)} <= numbers
            return None if same else f"{one!r} and {other!r}"


def test_no_request_that_the_document_allows_brings_the_server_down(api: Api, done: int) -> None:
    program = str(Path(sys.executable).with_name("schemathesis"))
    ended = subprocess.run(
        [
            *(program, "run", f"{api.url}/openapi.json", "--checks", "not_a_server_error"),
            # The stream of a recording that nobody analyses doesn't end.
            *("--max-examples", "8", "--exclude-path-regex", "/recordings/.*/events$", "--no-color"),
            *("-H", f"Authorization: Bearer {api.key}", "--request-timeout", "30"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-5_000:] + ended.stderr
    assert api.http.get("/readyz").status_code == 200
    assert done
