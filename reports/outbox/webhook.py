"""Webhooks by the Standard Webhooks scheme: signed, with an id that tells copies and a time that tells replays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from standardwebhooks import Webhook

from callscope.errors import NotDelivered, ReceiverGone
from callscope.targets import WebhookTarget
from reports.outbox.http import post

DEADLINE_S = 15.0
"""The scheme asks receivers to answer within 15 s, and to work afterwards."""

_TAKEN = range(200, 300)
_REDIRECTED = range(300, 400)
_GONE = 410


def send_webhook(target: WebhookTarget, document: Mapping[str, object], *, message_id: str, now: datetime) -> None:
    """
    Send a document, signed.

    Parameters
    ----------
    target : WebhookTarget
        Where, and under which secret.
    document : mapping
        ``type``, ``timestamp``, ``data``.
    message_id : str
        The same in every attempt: the receiver tells copies by it.
    now : datetime
        Time of this attempt, with its zone; receivers refuse one that is minutes off.

    Raises
    ------
    ReceiverGone
        The receiver answered 410.
    AddressNotPublic
        The URL leads into a private network, which the target doesn't allow.
    TargetsInvalid
        Its secret can't be read.
    NotDelivered
        It answered otherwise than by 2xx, or not at all.
    """
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    headers = {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(target.read_secret()).sign(message_id, now, body),
    }
    status = post(
        str(target.url), body.encode(), headers, deadline_s=DEADLINE_S, allow_private=target.allow_private
    ).status
    if status == _GONE:
        raise ReceiverGone("the receiver wants no more messages", why="it answered 410")
    if status not in _TAKEN:
        why = "redirects aren't followed" if status in _REDIRECTED else ""
        raise NotDelivered(f"the receiver answered {status}", why=why)
