"""Lists of calls: what calls are found by, and the views that people keep."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.types import TypeEngine

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TEXT, TEXTS, INTEGERS = sa.Text(), sa.ARRAY(sa.Text()), sa.ARRAY(sa.Integer())
BIGINT, INTEGER, DOUBLE = sa.BigInteger(), sa.Integer(), sa.Double()
DATE, TIMESTAMP, JSON = sa.Date(), sa.DateTime(timezone=True), JSONB()

SEVERITIES = ("info", "low", "medium", "high", "critical")


def required(name: str, kind: TypeEngine[Any], comment: str, *, default: str | None = None) -> sa.Column[Any]:
    """Return a column that always holds a value."""
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, kind, nullable=False, comment=comment, server_default=server_default)


def optional(name: str, kind: TypeEngine[Any], comment: str) -> sa.Column[Any]:
    """Return a column that may hold null."""
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    """Add the index of calls, empty: `callscope db index` fills it with what is stored already."""
    op.create_table(
        "call_index",
        *CALL_INDEX,
        sa.PrimaryKeyConstraint("recording_id", name="pk_call_index"),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name="fk_call_index_recording", ondelete="CASCADE"),
        sa.CheckConstraint("angry_share BETWEEN 0 AND 1", name=op.f("ck_call_index_angry_share")),
        sa.CheckConstraint(f"severity IN {SEVERITIES}", name=op.f("ck_call_index_severity")),
        comment="what each analysed call is listed, sorted and found by; made from its current analysis",
    )
    for name, columns in SORTED.items():
        op.create_index(f"ix_call_index_{name}", "call_index", columns)
    for name in ("facets", "grams"):
        op.create_index(f"ix_call_index_{name}", "call_index", [name], postgresql_using="gin")
    for name, columns in LEDGER.items():
        op.create_index(f"ix_recording_{name}", "recording", [sa.text(column) for column in columns])
    op.create_table(
        "saved_view",
        sa.Column("id", BIGINT, sa.Identity(always=True), nullable=False, comment="number of the view"),
        required("name", TEXT, "what people call it"),
        required("query", TEXT, "its filters and order, as the list's address has them"),
        required("author", TEXT, "who kept it: the name of a key"),
        required("created_at", TIMESTAMP, "when it was kept", default="now()"),
        sa.PrimaryKeyConstraint("id", name="pk_saved_view"),
        sa.UniqueConstraint("name", name="uq_saved_view_name"),
        comment="filters of the list of calls that people kept, for everybody",
    )


def downgrade() -> None:
    """Take both away; nothing is lost but the names of views."""
    op.drop_table("saved_view")
    for name in LEDGER:
        op.drop_index(f"ix_recording_{name}", "recording")
    op.drop_table("call_index")


CALL_INDEX = (
    required("recording_id", BIGINT, "recording whose current analysis it speaks of"),
    required("analysis_id", BIGINT, "that analysis"),
    required("call_at", TIMESTAMP, "when the call began, else when it was discovered"),
    required("call_date", DATE, "UTC date of the call, as in analysis"),
    optional("agent_id", TEXT, "agent who took the call"),
    optional("queue", TEXT, "telephony queue that the call came through"),
    required("duration_ms", INTEGER, "length of the recording, in ms"),
    required("angry_share", DOUBLE, "share of the customer's speech that is angry, in [0, 1]"),
    required(
        "emotion_shares",
        JSON,
        "share of the customer's speech under each emotion, by label; of all speech where nobody is known to be one",
    ),
    required("anger_bursts", INTEGER, "customers' bursts of anger"),
    optional("severity", TEXT, "the gravest of its findings'; null without a finding"),
    required("finding_count", INTEGER, "findings"),
    required(
        "facets",
        TEXTS,
        "what it is filtered by: language:, event:, rule:, severity:, felt:, anger:, outcome:, device:",
    ),
    required("strip", TEXT, "the customer's emotions in 48 equal parts of the call, a letter each; . for none"),
    required("grams", TSVECTOR(), "what its text is found by: words, and pairs of characters"),
    required("text", TEXT, "a line with the call's number and key, then one for each segment with words; masked"),
    required("starts_ms", INTEGERS, "where in the call each line of the text begins, in ms"),
)

SORTED = {
    "call_at": ["call_at", "recording_id"],
    "angry_share": ["angry_share", "recording_id"],
    "duration_ms": ["duration_ms", "recording_id"],
    "agent_id": ["agent_id", "call_at", "recording_id"],
    "queue": ["queue", "call_at", "recording_id"],
}

LEDGER = {
    "call_at": ["COALESCE(call_started_at, discovered_at)", "id"],
    "agent_id": ["agent_id", "COALESCE(call_started_at, discovered_at)", "id"],
    "queue": ["queue", "COALESCE(call_started_at, discovered_at)", "id"],
}
