"""Translation by real HTTP servers that speak the two protocols; not the products, but their documented forms."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from callscope.errors import InvalidSetting
from reports.outbox import translate
from tests.integration.reports.outbox.conftest import Post, webhook
from tests.integration.reports.outbox.receivers import HttpReceiver, Request

pytestmark = pytest.mark.integration

TRANSCRIPT = [
    {"start_ms": 0, "role": "agent", "text": "少々お待ちください"},
    {"start_ms": 900, "role": "customer", "text": "はぁ"},
]
CHINESE = ["请稍等", "唉"]

Answer = tuple[int, dict[str, str], bytes]


def as_json(content: object, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(content).encode()


def chat(content: str) -> Answer:
    return as_json({"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}]})


def ticket(post: Post, receiver: HttpReceiver, **settings: Any) -> dict[str, Any]:
    """Return the data of a ticket that asks for Chinese."""
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets", transcript=TRANSCRIPT, translate_to="zh")
    assert post.with_settings(**settings).send().sent == 1
    data: dict[str, Any] = receiver.requests[-1].verified()["data"]
    assert data["transcript"] == TRANSCRIPT
    return data


@pytest.fixture
def translator() -> Iterator[HttpReceiver]:
    with HttpReceiver().running() as running:
        yield running


def test_chat_completions_translate_all_lines_by_one_request(
    post: Post, receiver: HttpReceiver, translator: HttpReceiver
) -> None:
    def complete(request: Request) -> Answer:
        assert json.loads(request.json()["messages"][1]["content"]) == {
            "to": "zh",
            "lines": [line["text"] for line in TRANSCRIPT],
        }
        return chat("```json\n" + json.dumps({"lines": CHINESE}) + "\n```")

    translator.answer = complete
    data = ticket(
        post,
        receiver,
        translator="openai",
        translator_url=translator.url("/v1/"),
        translator_model="a-model",
        translator_key=SecretStr("hush"),
    )
    assert data["translation"] == {"status": "done", "language": "zh", "lines": CHINESE}
    (request,) = translator.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer hush"
    assert request.json()["temperature"] == 0
    assert request.json()["model"] == "a-model"


def test_libretranslate_translates_all_lines_by_one_request(
    post: Post, receiver: HttpReceiver, translator: HttpReceiver
) -> None:
    translator.answer = lambda _request: as_json({"translatedText": CHINESE})
    data = ticket(
        post,
        receiver,
        translator="libretranslate",
        translator_url=translator.url(""),
        translator_key=SecretStr("hush"),
    )
    assert data["translation"] == {"status": "done", "language": "zh", "lines": CHINESE}
    (request,) = translator.requests
    assert request.path == "/translate"
    assert request.json() == {
        "q": [line["text"] for line in TRANSCRIPT],
        "source": "auto",
        "target": "zh",
        "format": "text",
        "api_key": "hush",
    }


def test_without_a_translator_the_ticket_says_so(post: Post, receiver: HttpReceiver) -> None:
    assert ticket(post, receiver)["translation"] == {"status": "not_configured"}


def test_a_message_that_asks_for_none_carries_none(post: Post, receiver: HttpReceiver) -> None:
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets", transcript=TRANSCRIPT)
    post.send()
    assert "translation" not in receiver.requests[0].verified()["data"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: as_json({"error": {"message": "Incorrect API key: hush"}}, 401), "the translator answered 401"),
        (lambda _: chat("I can't do that."), "no JSON with lines in it"),
        (lambda _: chat('{"lines": ["唉"]}'), "1 lines for 2"),
        (lambda _: chat('{"lines": [1, 2]}'), "no list of lines"),
        (lambda _: as_json([]), "no JSON with lines"),
        (lambda _: (200, {}, b"<html>"), "no JSON"),
    ],
    ids=["refuses", "chats", "leaves one out", "counts", "says nothing", "shows a page"],
)
def test_the_ticket_goes_out_when_translating_failed(
    post: Post, receiver: HttpReceiver, translator: HttpReceiver, answer: Callable[[Request], Answer], why: str
) -> None:
    translator.answer = answer
    data = ticket(
        post,
        receiver,
        translator="openai",
        translator_url=translator.url("/v1"),
        translator_model="a-model",
        translator_key=SecretStr("hush"),
    )
    assert data["translation"]["status"] == "failed"
    assert why in data["translation"]["why"]
    assert "hush" not in str(data)


@pytest.mark.parametrize(
    "answer",
    [lambda _: as_json({"error": "Slowdown"}, 429), lambda _: as_json(["?"])],
    ids=["refuses", "says something else"],
)
def test_libretranslate_may_fail_too(
    post: Post, receiver: HttpReceiver, translator: HttpReceiver, answer: Callable[[Request], Answer]
) -> None:
    translator.answer = answer
    data = ticket(post, receiver, translator="libretranslate", translator_url=translator.url(""))
    assert data["translation"]["status"] == "failed"


def test_a_translator_that_takes_too_long_is_not_waited_for(
    post: Post, receiver: HttpReceiver, translator: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def slow(_request: Request) -> Answer:
        released.wait(30)
        return as_json({})

    translator.answer = slow
    monkeypatch.setattr(translate, "DEADLINE_S", 0.3)
    try:
        data = ticket(post, receiver, translator="libretranslate", translator_url=translator.url(""))
    finally:
        released.set()
    assert data["translation"] == {"status": "failed", "why": "the translator took too long: no answer within 0.3 s"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"translator": "openai", "translator_model": "m"}, "CALLSCOPE_TRANSLATOR_URL"),
        ({"translator": "openai", "translator_url": "http://localhost/v1"}, "CALLSCOPE_TRANSLATOR_MODEL"),
        ({"translator": "libretranslate"}, "CALLSCOPE_TRANSLATOR_URL"),
    ],
)
def test_half_a_translator_is_told_at_start(post: Post, settings: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidSetting, match=named):
        post.with_settings(**settings).send()
