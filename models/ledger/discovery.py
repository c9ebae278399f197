"""Recordings enter the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Integer,
    SmallInteger,
    Text,
    and_,
    column,
    exists,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from callscope.calls import CallMetadata, RecordingRef
from callscope.errors import ObjectGone
from models.tables import Recording, State
from models.texts import storable

MAX_CHARS = 255
"""Of the metadata in columns; longer ones are cut, or an index would refuse the row."""

MAX_REVIVALS = 20
"""A store whose listing and HEAD disagree must not send a recording round for ever."""

_MAY_COME_BACK = and_(
    Recording.state == State.SKIPPED,
    Recording.error_code == ObjectGone.code,
    Recording.attempt_no < MAX_REVIVALS,
)
"""Skipped because the object was gone; should it be listed again, it waits again."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """A recording as a listing or an event found it."""

    ref: RecordingRef
    metadata: CallMetadata
    priority: int = 0
    """Higher is sent first."""


def discover(session: Session, found: Sequence[Discovered]) -> int:
    """
    Enter recordings that the ledger doesn't know, in one statement, good for thousands of them.

    A recording that was skipped because its object was gone, and whose object is there again unchanged, waits again.

    Returns
    -------
    int
        How many wait now that did not before.
    """
    if not found:
        return 0
    listed = (
        func.jsonb_to_recordset(literal([_wire(one, position) for position, one in enumerate(found)], JSONB))
        .table_valued(
            column("position", Integer),
            column("bucket", Text),
            column("key", Text),
            column("etag", Text),
            column("size_bytes", BigInteger),
            column("priority", SmallInteger),
            column("call_id", Text),
            column("agent_id", Text),
            column("queue", Text),
            column("direction", Text),
            column("call_started_at", DateTime(timezone=True)),
            column("metadata", JSONB),
            column("channel_roles", ARRAY(Text)),
        )
        .render_derived(name="listed", with_types=True)
    )
    is_same = and_(Recording.bucket == listed.c.bucket, Recording.key == listed.c.key, Recording.etag == listed.c.etag)
    # Known rows are left out before the insert: a conflict would use up a number each time the bucket is listed.
    told = [told for told in listed.c if told is not listed.c.position]
    fresh = select(*told).where(~exists().where(is_same)).order_by(listed.c.position)
    entered = session.execute(
        insert(Recording)
        .from_select([one.name for one in told], fresh)
        .on_conflict_do_nothing(index_elements=["bucket", "key", "etag"])
        .returning(Recording.id)
    ).all()
    revived = session.execute(
        update(Recording)
        .where(is_same, _MAY_COME_BACK)
        .values(state=State.DISCOVERED, finished_at=null())
        .returning(Recording.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(entered) + len(revived)


def find_new(session: Session, bucket: str, listed: Sequence[RecordingRef]) -> list[RecordingRef]:
    """
    Return those of a bucket's listed recordings that `discover` would let wait, in their order.

    One statement for thousands of them, so that a sweep reads metadata of what is new alone.
    """
    if not listed:
        return []
    rows = session.execute(
        select(Recording.key, Recording.etag).where(
            Recording.bucket == bucket, Recording.key.in_({ref.key for ref in listed}), ~_MAY_COME_BACK
        )
    )
    known = {(row.key, row.etag) for row in rows}
    return [ref for ref in listed if (ref.key, ref.etag) not in known]


def _wire(one: Discovered, position: int) -> Mapping[str, object]:
    call = one.metadata
    short = {
        name: storable(value, max_chars=MAX_CHARS) if value is not None else None
        for name, value in (
            ("call_id", call.call_id),
            ("agent_id", call.agent_id),
            ("queue", call.queue),
            ("direction", call.direction),
        )
    }
    return {
        "position": position,
        "bucket": one.ref.bucket,
        "key": one.ref.key,
        "etag": one.ref.etag,
        "size_bytes": one.ref.size_bytes,
        "priority": one.priority,
        **short,
        "call_started_at": call.started_at.isoformat() if call.started_at else None,
        "metadata": {storable(name): storable(value) for name, value in call.extra.items()},
        "channel_roles": list(call.channel_roles),
    }
