"""Whoever uploaded a recording with a callback is told when it ends, through the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Text, cast, func, insert, literal, select
from sqlalchemy.orm import Session

from callscope.calls import NoticeKind
from models.tables import FINISHED, Outbox, Recording

RECORDING_ENDED = "callscope.recording.ended"
"""Type of the message."""


def tell_ended(session: Session, recording_ids: Sequence[int]) -> None:
    """
    Write a message for each of these recordings that came to an end and has a callback.

    The receiver is the URL itself, so that each receiver has a lane of its own, as a configured one has.
    """
    if not recording_ids:
        return
    payload = func.jsonb_build_object(
        cast("type", Text),
        literal(RECORDING_ENDED, Text),
        cast("data", Text),
        func.jsonb_build_object(
            cast("state", Text),
            Recording.state,
            cast("key", Text),
            Recording.key,
            cast("call_id", Text),
            Recording.call_id,
            cast("code", Text),
            Recording.error_code,
            cast("message", Text),
            Recording.error_message,
        ),
    )
    session.execute(
        insert(Outbox).from_select(
            ["recording_id", "kind", "target", "payload"],
            select(Recording.id, literal(NoticeKind.WEBHOOK.value, Text), Recording.callback_url, payload).where(
                Recording.id.in_(recording_ids), Recording.callback_url.is_not(None), Recording.state.in_(FINISHED)
            ),
        )
    )
