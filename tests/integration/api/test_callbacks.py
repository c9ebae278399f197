"""Whoever uploaded with a callback is told of the end, once, and signed."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from callscope.calls import CallMetadata, RecordingRef
from callscope.jobs import FailureKind
from callscope.settings import Settings
from models import outbox, submissions
from models.ledger import Discovered
from models.session import Engine, transaction
from reports.outbox.deliver import Deliverer, SenderSource
from tests.integration.models import steps
from tests.integration.reports.outbox.receivers import HttpReceiver

pytestmark = pytest.mark.integration

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver().running() as running:
        yield running


def enter(engine: Engine, url: str | None, key: str = "call.wav") -> int:
    with transaction(engine) as session:
        found = Discovered(RecordingRef("calls", key, "v1", 1_000), CallMetadata(call_id="c7"), priority=10)
        return submissions.enter(session, found, submissions.Asked(callback_url=url))


def send(engine: Engine, settings: Settings) -> tuple[int, int, int]:
    deliverer = Deliverer(engine, SenderSource(settings))
    deliverer.run_once(lambda: False)
    return deliverer.tally.sent, deliverer.tally.failed, deliverer.tally.dead


def written(engine: Engine) -> list[outbox.MessageStatus]:
    with transaction(engine) as session:
        return outbox.list_messages(session, states=list(outbox.MessageState), limit=100)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(callback_secret=SecretStr(SECRET), callback_private=True, page_url="https://calls.example")


def test_the_end_is_told_once_and_signed(engine: Engine, settings: Settings, receiver: HttpReceiver) -> None:
    number = enter(engine, receiver.url())
    (taken,) = steps.take(engine, urgent=True)
    steps.start(engine, taken.job)
    assert written(engine) == []
    for _ in range(2):
        steps.finish(engine, taken.job)
    assert send(engine, settings) == (1, 0, 0)
    (request,) = receiver.requests
    document = Webhook(SECRET).verify(request.body, {name.lower(): value for name, value in request.headers.items()})
    assert document["type"] == "callscope.recording.ended"
    data = document["data"]
    assert (data["recording_id"], data["state"], data["call_id"], data["code"]) == (number, "done", "c7", None)
    assert data["url"] == f"https://calls.example/calls/{number}?t=0"


@pytest.mark.parametrize(("kind", "state"), [(FailureKind.PERMANENT, "dead"), (FailureKind.GONE, "skipped")])
def test_a_bad_end_is_told_too(
    engine: Engine, settings: Settings, receiver: HttpReceiver, kind: FailureKind, state: str
) -> None:
    enter(engine, receiver.url())
    (taken,) = steps.take(engine, urgent=True)
    steps.fail(engine, taken.job, kind)
    assert send(engine, settings) == (1, 0, 0)
    document = Webhook(SECRET).verify(receiver.requests[0].body, dict(receiver.requests[0].headers))
    assert (document["data"]["state"], document["data"]["code"]) == (state, f"code_{kind}")


def test_attempts_that_go_on_tell_nothing(engine: Engine) -> None:
    enter(engine, "https://crm.example")
    (taken,) = steps.take(engine, urgent=True)
    steps.fail(engine, taken.job, FailureKind.OUTAGE)
    (taken,) = steps.take(engine, urgent=True)
    steps.fail(engine, taken.job, FailureKind.ATTEMPT)
    assert written(engine) == []


def test_a_lost_worker_tells_when_it_was_the_last_try(engine: Engine) -> None:
    enter(engine, "https://crm.example")
    for attempt in range(steps.MAX_ATTEMPTS):
        (taken,) = steps.take(engine, urgent=attempt == 0)
        steps.start(engine, taken.job, lease_ms=-1)
        assert written(engine) == []
        steps.expire(engine)
    assert [message.target for message in written(engine)] == ["https://crm.example"]


def test_nobody_is_told_without_a_callback(engine: Engine) -> None:
    enter(engine, None)
    (taken,) = steps.take(engine, urgent=True)
    steps.finish(engine, taken.job)
    assert written(engine) == []


def test_a_private_address_is_not_called_unless_that_is_meant(
    engine: Engine, settings: Settings, receiver: HttpReceiver
) -> None:
    enter(engine, receiver.url())
    (taken,) = steps.take(engine, urgent=True)
    steps.finish(engine, taken.job)
    assert send(engine, settings.model_copy(update={"callback_private": False})) == (0, 0, 1)
    assert receiver.requests == []
    (message,) = written(engine)
    assert message.error_message.startswith("address_not_public")
