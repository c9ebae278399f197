"""What the pages and the API need of the ledger: how far an urgent recording is, and what an upload asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TEXT, BIGINT, TIMESTAMP = sa.Text(), sa.BigInteger(), sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add three columns to the ledger, and the table of submissions."""
    op.add_column(
        "recording",
        sa.Column("stage", TEXT, comment="what the latest attempt is at, such as transcribe; null: nobody told"),
    )
    op.add_column(
        "recording",
        sa.Column("language", TEXT, comment="language that is spoken, as the uploader says; null: it is recognised"),
    )
    op.add_column(
        "recording",
        sa.Column("callback_url", TEXT, comment="webhook that is told when the recording ends; null: none"),
    )
    op.create_check_constraint(
        op.f("ck_recording_language"), "recording", "language IN ('zh', 'en', 'yue', 'ja', 'ko')"
    )
    op.create_table(
        "submission",
        sa.Column("holder", TEXT, nullable=False, comment="name of the key that the request came with"),
        sa.Column("idempotency_key", TEXT, nullable=False, comment="what the client named its request"),
        sa.Column("fingerprint", BYTEA(), nullable=False, comment="SHA-256 of the file and of what was said about it"),
        sa.Column("recording_id", BIGINT, nullable=False, comment="recording that the request made"),
        sa.Column(
            "created_at", TIMESTAMP, nullable=False, server_default=sa.text("now()"), comment="when the request came"
        ),
        sa.PrimaryKeyConstraint("holder", "idempotency_key", name="pk_submission"),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name="fk_submission_recording", ondelete="CASCADE"),
        comment="requests that carried an idempotency key, so that a repeated one makes nothing twice",
    )
    op.create_index("ix_submission_recording_id", "submission", ["recording_id"])


def downgrade() -> None:
    """Take the table and the columns away."""
    op.drop_table("submission")
    op.drop_constraint(op.f("ck_recording_language"), "recording")
    for column in ("callback_url", "language", "stage"):
        op.drop_column("recording", column)
