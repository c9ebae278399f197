"""What every role asks of Redis, held against the real one."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from celery import Celery
from pydantic import SecretStr

from callscope.broker import SOCKET_TIMEOUT_S, celery_settings
from callscope.settings import Settings

pytestmark = pytest.mark.integration

_QUEUE = "held"


def test_a_message_in_dead_hands_comes_back_though_whoever_looked_for_such_died_too(
    broker_url: str, make_settings: Callable[..., Settings]
) -> None:
    app = Celery(set_as_current=False)
    app.conf.update(celery_settings(make_settings(broker_url=SecretStr(broker_url), lease_ms=3_000)))
    with app.connection_for_write() as connection:
        queue, channel = connection.SimpleQueue(_QUEUE), connection.default_channel
        queue.put({"recording": 1})
        held = queue.get(timeout=5)  # and never acknowledged
        redis, qos = held.channel.client, held.channel.qos
        assert redis.hlen(channel.unacked_key) == 1
        assert redis.lock(channel.unacked_mutex_key, timeout=channel.unacked_mutex_expire).acquire(blocking=False)
        began = time.monotonic()
        while redis.hlen(channel.unacked_key):
            assert time.monotonic() - began < SOCKET_TIMEOUT_S + 3, "nobody may look any more"
            qos.restore_visible(interval=1)
            time.sleep(0.1)
        assert redis.llen(_QUEUE) == 1
    app.close()
