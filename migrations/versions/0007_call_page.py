"""What the page of a call needs: how its channels look, and what people say of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT, BIGINT, INTEGER, SMALLINT = sa.Text(), sa.BigInteger(), sa.Integer(), sa.SmallInteger()
TIMESTAMP, DATE = sa.DateTime(timezone=True), sa.Date()

EMOTIONS = ("HAPPY", "SAD", "ANGRY", "NEUTRAL", "FEARFUL", "DISGUSTED", "SURPRISED", "OTHER", "EMO_UNKNOWN")
ROLES = ("agent", "customer", "unknown")
LANGUAGES = ("zh", "en", "yue", "ja", "ko", "nospeech")

CHANNEL = "channel of the file, from 0"


def upgrade() -> None:
    """Add two tables; calls that are there have no waveform until they are heard again."""
    op.create_table(
        "waveform",
        sa.Column(
            "call_date", DATE, nullable=False, comment="UTC date of the call, as in analysis; names the partition"
        ),
        sa.Column("analysis_id", BIGINT, nullable=False, comment="analysis that this row belongs to"),
        sa.Column("channel", SMALLINT, nullable=False, comment=CHANNEL),
        sa.Column("peaks", BYTEA(), nullable=False, comment="peak of each 50 ms, linear, a byte each; 255: full scale"),
        sa.PrimaryKeyConstraint("call_date", "analysis_id", "channel", name="pk_waveform"),
        sa.ForeignKeyConstraint(
            ["call_date", "analysis_id"],
            ["analysis.call_date", "analysis.id"],
            name="fk_waveform_analysis",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint("channel >= 0", name=op.f("ck_waveform_channel")),
        comment="peaks of each channel's sound, for people to look at; under the analysis that heard it",
        postgresql_partition_by="RANGE (call_date)",
    )
    op.execute("CREATE TABLE waveform_default PARTITION OF waveform DEFAULT")
    op.create_table(
        "annotation",
        sa.Column("id", BIGINT, sa.Identity(always=True), nullable=False, comment="number of the annotation"),
        sa.Column("recording_id", BIGINT, nullable=False, comment="recording that it is about"),
        sa.Column("channel", SMALLINT, nullable=False, comment=CHANNEL),
        sa.Column(
            "start_ms", INTEGER, nullable=False, comment="start in the call, in ms; the segment's that was corrected"
        ),
        sa.Column("end_ms", INTEGER, nullable=False, comment="end in the call, in ms, exclusive"),
        sa.Column("text", TEXT, comment="what is said there; null: as it was heard"),
        sa.Column("emotion", TEXT, comment="what is felt there; null: as it was heard"),
        sa.Column("role", TEXT, comment="who speaks there; null: as it was heard"),
        sa.Column("language", TEXT, comment="what is spoken there; null: as it was heard"),
        sa.Column("note", TEXT, comment="what the person wants to add; null: nothing"),
        sa.Column("author", TEXT, nullable=False, comment="who says so: the name of the key"),
        sa.Column(
            "created_at",
            TIMESTAMP,
            nullable=False,
            server_default=sa.text("now()"),
            comment="when it was first written",
        ),
        sa.Column(
            "updated_at", TIMESTAMP, nullable=False, server_default=sa.text("now()"), comment="when it was last changed"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_annotation"),
        sa.UniqueConstraint(
            *("recording_id", "channel", "start_ms", "end_ms"),
            name="uq_annotation_recording_id_channel_start_ms_end_ms",
        ),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name="fk_annotation_recording", ondelete="CASCADE"),
        sa.CheckConstraint(f"emotion IN {EMOTIONS}", name=op.f("ck_annotation_emotion")),
        sa.CheckConstraint(f"role IN {ROLES}", name=op.f("ck_annotation_role")),
        sa.CheckConstraint(f"language IN {LANGUAGES}", name=op.f("ck_annotation_language")),
        sa.CheckConstraint("channel >= 0", name=op.f("ck_annotation_channel")),
        sa.CheckConstraint("0 <= start_ms AND start_ms < end_ms", name=op.f("ck_annotation_runs_forward")),
        sa.CheckConstraint(
            "num_nonnulls(text, emotion, role, language, note) > 0", name=op.f("ck_annotation_says_something")
        ),
        comment="what people say of stretches of calls, beside what was heard there; no analysis replaces it",
    )
    op.create_index("ix_annotation_updated_at", "annotation", ["updated_at"])


def downgrade() -> None:
    """Take both tables away."""
    op.drop_table("annotation")
    op.drop_table("waveform")
