"""What every role asks of Redis, held against the real one."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from kombu import Connection, Queue
from pydantic import SecretStr

from callscope.broker import SOCKET_TIMEOUT_S, celery_settings
from callscope.settings import Settings

pytestmark = pytest.mark.integration

_QUEUE = "held"


def test_a_message_in_dead_hands_comes_back_though_whoever_looked_for_such_died_too(
    broker_url: str, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(broker_url=SecretStr(broker_url), lease_ms=3_000)
    options = celery_settings(settings)["broker_transport_options"]
    with Connection(broker_url, transport_options=options) as connection, connection.channel() as channel:
        Queue(_QUEUE, channel=channel).declare()
        connection.Producer(channel).publish({"recording": 1}, routing_key=_QUEUE)
        assert Queue(_QUEUE, channel=channel).get() is not None  # and never acknowledged
        assert channel.client.hlen(channel.unacked_key) == 1
        held = channel.client.lock(channel.unacked_mutex_key, timeout=channel.unacked_mutex_expire)
        assert held.acquire(blocking=False)
        began = time.monotonic()
        while channel.client.hlen(channel.unacked_key):
            assert time.monotonic() - began < SOCKET_TIMEOUT_S + 3, "nobody may look any more"
            channel.qos.restore_visible(interval=1)
            time.sleep(0.1)
        assert channel.client.llen(_QUEUE) == 1
