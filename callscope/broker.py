"""
How every role talks to Redis: Celery settings as plain data, so that the core needs no Celery.

The producer publishes and the workers consume with the same ones; what concerns consuming alone is in `workers.celery`.
"""

from __future__ import annotations

from typing import Any

from callscope.settings import Settings

SOCKET_TIMEOUT_S = 5
_RESTORE_EVERY_S = 1


def celery_settings(settings: Settings) -> dict[str, Any]:
    """Return the Celery settings that publishers and consumers share, each with the failure that it prevents."""
    return {
        "broker_url": settings.require_broker_url(),
        "broker_transport_options": {
            # Without it, a half-open connection, or a frozen Redis, stalls a process for good.
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": SOCKET_TIMEOUT_S,
            # A peer that vanished is noticed by the kernel also while nothing is sent.
            "socket_keepalive": True,
            # An unanswered PING finds what the kernel doesn't: a proxy that keeps a dead connection open.
            "health_check_interval": 10,
            # A message that a killed process held comes back after this long: sooner than a lease, so that a result
            # in a killed writer's hands is stored before its attempt counts as lost. Storing takes milliseconds.
            "visibility_timeout": max(settings.lease_ms // 3_000, 1),
            # The defaults look for such messages every 100 s, whatever the visibility timeout says.
            "unacked_restore_interval": _RESTORE_EVERY_S,
            "unacked_restore_throttle": 1,
            # Whoever looks for them holds a lock; one that is killed meanwhile, or answered too late, would by default
            # keep all others from looking for 300 s. Two at a time do no harm: a message goes back in a transaction.
            "unacked_mutex_expire": SOCKET_TIMEOUT_S,
        },
        # pickle would run whatever a message says.
        "task_serializer": "json",
        "accept_content": ["json"],
        # A result backend would grow with every recording, and nobody asks it: the ledger knows.
        "result_backend": None,
        "task_ignore_result": True,
    }
