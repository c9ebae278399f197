"""The ledger, analyses and their rows; partitioned tables get their default partition."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT, TEXTS, BYTES = sa.Text(), sa.ARRAY(sa.Text()), sa.LargeBinary()
BIGINT, INTEGER, SMALLINT = sa.BigInteger(), sa.Integer(), sa.SmallInteger()
DOUBLE: TypeEngine[float] = sa.Double()
BOOLEAN, DATE, TIMESTAMP, JSON = sa.Boolean(), sa.Date(), sa.DateTime(timezone=True), JSONB()

ROLES = ("agent", "customer", "unknown")
LANGUAGES = ("zh", "en", "yue", "ja", "ko", "nospeech")
EMOTIONS = ("HAPPY", "SAD", "ANGRY", "NEUTRAL", "FEARFUL", "DISGUSTED", "SURPRISED", "OTHER", "EMO_UNKNOWN")
KINDS = (
    *("SPEECH", "BGM", "LAUGHTER", "APPLAUSE", "CRY", "SNEEZE", "BREATH", "COUGH", "SING"),
    *("SPEECH_NOISE", "GBG", "EVENT_UNK", "SILENCE", "CROSSTALK"),
)


def required(
    name: str,
    kind: TypeEngine[Any],
    comment: str,
    *,
    default: str | None = None,
    made: sa.Identity | sa.Computed | None = None,
) -> sa.Column[Any]:
    """Return a column that always holds a value; ``made`` by the database, or with a default."""
    made_by = () if made is None else (made,)
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, kind, *made_by, nullable=False, comment=comment, server_default=server_default)


def optional(name: str, kind: TypeEngine[Any], comment: str, *, made: sa.Computed | None = None) -> sa.Column[Any]:
    """Return a column that may hold null."""
    made_by = () if made is None else (made,)
    return sa.Column(name, kind, *made_by, nullable=True, comment=comment)


def check(name: str, rule: str) -> sa.CheckConstraint:
    """Return a rule under its full name."""
    return sa.CheckConstraint(rule, name=op.f(name))


def upgrade() -> None:
    """Create every table, referenced ones first."""
    _create_recording()
    _create_analysis()
    _create_segment()
    _create_emotion()
    _create_event()
    _create_entity()
    _create_finding()
    _create_scorecard_result()
    _create_outbox()
    _create_api_key()


def downgrade() -> None:
    """Drop every table with its partitions, referenced ones last."""
    for table in (
        "api_key",
        "outbox",
        "scorecard_result",
        "finding",
        "entity",
        "event",
        "emotion",
        "segment",
        "analysis",
        "recording",
    ):
        op.drop_table(table)


def _create_recording() -> None:
    op.create_table(
        "recording",
        required("id", BIGINT, "number of the recording, in order of discovery", made=sa.Identity(always=True)),
        required("bucket", TEXT, "bucket that the recording lies in"),
        required("key", TEXT, "key of the object in the bucket"),
        required("etag", TEXT, "version of the object; a new one is a new recording"),
        required("size_bytes", BIGINT, "size of the object, in bytes"),
        required(
            "state",
            TEXT,
            "discovered (waits), queued (sent), started (under way), or an end: done, no_speech, dead, skipped",
            default="'discovered'",
        ),
        required("priority", SMALLINT, "higher is sent first; 0 is usual; equal ones by id", default="0"),
        required(
            "attempt_no",
            INTEGER,
            "number of the latest attempt sent; notes of any other attempt are stale",
            default="0",
        ),
        required("attempts", INTEGER, "attempts that ended and count; outages and releases do not", default="0"),
        required("isolate", BOOLEAN, "last attempt was lost with its worker: travels alone next time", default="false"),
        required("discovered_at", TIMESTAMP, "when it was first listed", default="now()"),
        optional("sent_at", TIMESTAMP, "when the latest attempt was sent"),
        optional("started_at", TIMESTAMP, "when a worker took up the latest attempt"),
        optional("lease_until", TIMESTAMP, "not heard of by then, the attempt is lost"),
        optional("not_before", TIMESTAMP, "not sent again before; null: at once"),
        optional("finished_at", TIMESTAMP, "when it came to its end; null while it has none"),
        optional("worker", TEXT, "host, process and device of the latest attempt"),
        optional("error_code", TEXT, "last failure: its code, such as undecodable"),
        optional("error_stage", TEXT, "last failure: its stage, such as decode; unknown for a lost attempt"),
        optional("error_message", TEXT, "last failure: what happened, in words"),
        required(
            "attempt_log",
            JSON,
            "how each attempt ended, newest last, at most 50: attempt, at, kind, code, stage, message, worker",
            default="'[]'::jsonb",
        ),
        optional("call_id", TEXT, "number of the call in the telephony system"),
        optional("agent_id", TEXT, "agent who took the call"),
        optional("queue", TEXT, "telephony queue that the call came through"),
        optional("direction", TEXT, "inbound or outbound, as telephony tells"),
        optional("call_started_at", TIMESTAMP, "when the call began, as telephony tells"),
        required(
            "call_date",
            DATE,
            "UTC date of the call: of its begin, else of its discovery",
            made=sa.Computed("(COALESCE(call_started_at, discovered_at) AT TIME ZONE 'UTC')::date", persisted=True),
        ),
        required("metadata", JSON, "every further pair of the call's metadata, as it came", default="'{}'::jsonb"),
        required("channel_roles", TEXTS, "role of channel 0, 1, ...; empty: as configured", default="'{}'::text[]"),
        sa.PrimaryKeyConstraint("id", name="pk_recording"),
        sa.UniqueConstraint("bucket", "key", "etag", name="uq_recording_bucket_key_etag"),
        check(
            "ck_recording_state", "state IN ('discovered', 'queued', 'started', 'done', 'no_speech', 'dead', 'skipped')"
        ),
        check("ck_recording_size_bytes", "size_bytes >= 0"),
        check("ck_recording_attempts", "attempts >= 0 AND attempt_no >= 0"),
        check("ck_recording_started_has_lease", "state <> 'started' OR lease_until IS NOT NULL"),
        check(
            "ck_recording_finished_has_time",
            "(state IN ('done', 'no_speech', 'dead', 'skipped')) = (finished_at IS NOT NULL)",
        ),
        check(
            "ck_recording_failure_has_reason",
            (
                "state NOT IN ('dead', 'skipped') OR (error_code IS NOT NULL AND error_stage IS NOT NULL "
                "AND error_message IS NOT NULL)"
            ),
        ),
        comment="ledger: one row for each version of each recording found in the store",
    )
    op.create_index("ix_recording_call_date", "recording", ["call_date"])
    op.create_index("ix_recording_call_id", "recording", ["call_id"])
    op.create_index(
        "ix_recording_eligible",
        "recording",
        [sa.text("priority DESC"), sa.text("id")],
        postgresql_where=sa.text("state = 'discovered'"),
    )
    op.create_index("ix_recording_state", "recording", ["state"])


def _create_analysis() -> None:
    op.create_table(
        "analysis",
        required("id", BIGINT, "number of the analysis, newest highest", made=sa.Identity(always=True)),
        required("recording_id", BIGINT, "recording that was analysed"),
        required("call_date", DATE, "UTC date of the call when it was stored"),
        required("checkpoint", TEXT, "analysis version: name and short hash of the weights"),
        required("pipeline", INTEGER, "analysis version: number of callscope's derivations"),
        required("rules", TEXT, "analysis version: rule set; none without rules"),
        required("attempt_no", INTEGER, "attempt that gave this result"),
        required("worker", TEXT, "host, process and device that gave this result"),
        required("engine", TEXT, "engine and number format, such as torch-fp32"),
        required("device", TEXT, "device, such as cpu or cuda:0"),
        required("container", TEXT, "container of the file, such as wav"),
        required("codec", TEXT, "codec of the file, such as pcm_mulaw"),
        required("sample_rate_hz", INTEGER, "sample rate of the file, in Hz"),
        required("channels", SMALLINT, "channels in the file"),
        required("duration_ms", INTEGER, "length of the recording, in ms"),
        required("truncated", BOOLEAN, "the file announces more sound than it holds"),
        required("dual_mono", BOOLEAN, "all channels carry the same signal; analysed once"),
        required("speech_coverage", DOUBLE, "share of the recording with speech, in [0, 1]"),
        required("segment_count", INTEGER, "rows of this analysis in segment, and in emotion"),
        required("event_count", INTEGER, "rows of this analysis in event"),
        required("timings_ms", JSON, "wall time of each stage, in ms"),
        required("stored_at", TIMESTAMP, "when it was stored", default="now()"),
        sa.PrimaryKeyConstraint("id", name="pk_analysis"),
        sa.UniqueConstraint(
            "recording_id", "checkpoint", "pipeline", "rules", name="uq_analysis_recording_id_checkpoint_pipeline_rules"
        ),
        sa.UniqueConstraint("call_date", "id", name="uq_analysis_call_date_id"),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name="fk_analysis_recording", ondelete="CASCADE"),
        check("ck_analysis_speech_coverage", "speech_coverage BETWEEN 0 AND 1"),
        check("ck_analysis_duration_ms", "duration_ms >= 0"),
        check("ck_analysis_counts", "segment_count >= 0 AND event_count >= 0"),
        comment="one result of one recording under one analysis version (checkpoint, pipeline, rules)",
    )


def _create_segment() -> None:
    op.create_table(
        "segment",
        required("call_date", DATE, "UTC date of the call, as in analysis; names the partition"),
        required("analysis_id", BIGINT, "analysis that this row belongs to"),
        required("segment_no", INTEGER, "0, 1, ... within the analysis"),
        required("channel", SMALLINT, "channel of the file, from 0"),
        required("role", TEXT, "who speaks: agent, customer or unknown"),
        required("start_ms", INTEGER, "start in the call, in ms"),
        required("end_ms", INTEGER, "end in the call, in ms, exclusive"),
        required("text", TEXT, "what was said; empty where only a sound was heard"),
        required("language", TEXT, "zh, en, yue, ja, ko or nospeech"),
        required("event", TEXT, "most probable sound tag of the region, such as SPEECH or LAUGHTER"),
        required("event_probability", DOUBLE, "probability of that tag, in [0, 1]"),
        required(
            "words", JSON, "words, or characters of a language without spaces: text, start_ms, end_ms in the call"
        ),
        required("loudness_dbfs", DOUBLE, "root mean square relative to full scale, in dB; -120 least"),
        required("is_speech", BOOLEAN, "false: a sound without text"),
        optional(
            "words_per_minute",
            DOUBLE,
            "talk speed: entries of words per minute; null without words",
            made=sa.Computed(
                (
                    "CASE WHEN end_ms > start_ms AND jsonb_array_length(words) > 0 THEN "
                    "jsonb_array_length(words)::numeric * 60000.0 / (end_ms - start_ms)::numeric ELSE NULL::numeric END"
                ),
                persisted=True,
            ),
        ),
        sa.PrimaryKeyConstraint("call_date", "analysis_id", "segment_no", name="pk_segment"),
        sa.ForeignKeyConstraint(
            ["call_date", "analysis_id"],
            ["analysis.call_date", "analysis.id"],
            name="fk_segment_analysis",
            ondelete="CASCADE",
        ),
        check("ck_segment_role", f"role IN {ROLES}"),
        check("ck_segment_language", f"language IN {LANGUAGES}"),
        check("ck_segment_event", f"event IN {KINDS}"),
        check("ck_segment_event_probability", "event_probability BETWEEN 0 AND 1"),
        check("ck_segment_runs_forward", "0 <= start_ms AND start_ms <= end_ms"),
        check("ck_segment_channel", "channel >= 0"),
        check("ck_segment_loudness_dbfs", "loudness_dbfs BETWEEN -120 AND 20"),
        check("ck_segment_segment_no", "segment_no >= 0"),
        comment="one region of one channel with what was said in it; ascending by start, then channel",
        postgresql_partition_by="RANGE (call_date)",
    )
    op.execute("CREATE TABLE segment_default PARTITION OF segment DEFAULT")


def _create_emotion() -> None:
    op.create_table(
        "emotion",
        required("call_date", DATE, "UTC date of the call, as in analysis; names the partition"),
        required("analysis_id", BIGINT, "analysis that this row belongs to"),
        required("segment_no", INTEGER, "segment of the same analysis"),
        required(
            "label",
            TEXT,
            "most probable emotion: HAPPY, SAD, ANGRY, NEUTRAL, FEARFUL, DISGUSTED, SURPRISED, OTHER, EMO_UNKNOWN",
        ),
        required("probability", DOUBLE, "probability of the label, in [0, 1]"),
        required("distribution", JSON, "probability of every emotion, by label; sums to 1"),
        sa.PrimaryKeyConstraint("call_date", "analysis_id", "segment_no", name="pk_emotion"),
        sa.ForeignKeyConstraint(
            ["call_date", "analysis_id"],
            ["analysis.call_date", "analysis.id"],
            name="fk_emotion_analysis",
            ondelete="CASCADE",
        ),
        check("ck_emotion_label", f"label IN {EMOTIONS}"),
        check("ck_emotion_probability", "probability BETWEEN 0 AND 1"),
        check("ck_emotion_segment_no", "segment_no >= 0"),
        comment="what was felt in each segment: one row a segment, under the same number",
        postgresql_partition_by="RANGE (call_date)",
    )
    op.execute("CREATE TABLE emotion_default PARTITION OF emotion DEFAULT")


def _create_event() -> None:
    op.create_table(
        "event",
        required("call_date", DATE, "UTC date of the call, as in analysis; names the partition"),
        required("analysis_id", BIGINT, "analysis that this row belongs to"),
        required("event_no", INTEGER, "0, 1, ... within the analysis"),
        required("kind", TEXT, "such as LAUGHTER, BGM, SILENCE or CROSSTALK"),
        required("origin", TEXT, "model: a tag of the recogniser; derived: computed from several facts"),
        optional("channel", SMALLINT, "channel of the file; null: of the whole call"),
        required("owner", TEXT, "who made the sound; SILENCE: whose turn it was; CROSSTALK: who came in second"),
        required("start_ms", INTEGER, "start in the call, in ms"),
        required("end_ms", INTEGER, "end in the call, in ms, exclusive"),
        required("probability", DOUBLE, "the recogniser's, or the derivation's confidence, in [0, 1]"),
        sa.PrimaryKeyConstraint("call_date", "analysis_id", "event_no", name="pk_event"),
        sa.ForeignKeyConstraint(
            ["call_date", "analysis_id"],
            ["analysis.call_date", "analysis.id"],
            name="fk_event_analysis",
            ondelete="CASCADE",
        ),
        check("ck_event_kind", f"kind IN {KINDS}"),
        check("ck_event_origin", "origin IN ('model', 'derived')"),
        check("ck_event_owner", f"owner IN {ROLES}"),
        check("ck_event_probability", "probability BETWEEN 0 AND 1"),
        check("ck_event_runs_forward", "0 <= start_ms AND start_ms <= end_ms"),
        check("ck_event_channel", "channel >= 0"),
        check("ck_event_event_no", "event_no >= 0"),
        comment="what else was heard, or not heard: laughter, music, silence, crosstalk; ascending by start, then kind",
        postgresql_partition_by="RANGE (call_date)",
    )
    op.execute("CREATE TABLE event_default PARTITION OF event DEFAULT")


def _create_entity() -> None:
    op.create_table(
        "entity",
        required("call_date", DATE, "UTC date of the call, as in analysis; names the partition"),
        required("analysis_id", BIGINT, "analysis that this row belongs to"),
        required("entity_no", INTEGER, "0, 1, ... within the analysis"),
        required("segment_no", INTEGER, "segment of the same analysis that names it"),
        required("kind", TEXT, "such as ORDER_NUMBER or COUPON"),
        required("masked_value", TEXT, "the value with its private part masked"),
        required("start_char", INTEGER, "first character in the segment's text, from 0"),
        required("end_char", INTEGER, "character after the last one"),
        required("start_ms", INTEGER, "start in the call, in ms"),
        required("end_ms", INTEGER, "end in the call, in ms, exclusive"),
        required("probability", DOUBLE, "the derivation's confidence, in [0, 1]"),
        sa.PrimaryKeyConstraint("call_date", "analysis_id", "entity_no", name="pk_entity"),
        sa.ForeignKeyConstraint(
            ["call_date", "analysis_id"],
            ["analysis.call_date", "analysis.id"],
            name="fk_entity_analysis",
            ondelete="CASCADE",
        ),
        check("ck_entity_segment_no", "segment_no >= 0"),
        check("ck_entity_span", "0 <= start_char AND start_char < end_char"),
        check("ck_entity_probability", "probability BETWEEN 0 AND 1"),
        check("ck_entity_runs_forward", "0 <= start_ms AND start_ms <= end_ms"),
        check("ck_entity_entity_no", "entity_no >= 0"),
        comment="things named in a text, such as order numbers and coupons",
        postgresql_partition_by="RANGE (call_date)",
    )
    op.execute("CREATE TABLE entity_default PARTITION OF entity DEFAULT")


def _create_finding() -> None:
    op.create_table(
        "finding",
        required("call_date", DATE, "UTC date of the call, as in analysis; names the partition"),
        required("analysis_id", BIGINT, "analysis that this row belongs to"),
        required("finding_no", INTEGER, "0, 1, ... within the analysis"),
        required("rule", TEXT, "name of the rule in the analysis' rule set"),
        required("role", TEXT, "whom it concerns: agent, customer or unknown"),
        required("start_ms", INTEGER, "start in the call, in ms"),
        required("end_ms", INTEGER, "end in the call, in ms, exclusive"),
        required("evidence", JSON, "what proves it: table, number of the row, start_ms, end_ms"),
        sa.PrimaryKeyConstraint("call_date", "analysis_id", "finding_no", name="pk_finding"),
        sa.ForeignKeyConstraint(
            ["call_date", "analysis_id"],
            ["analysis.call_date", "analysis.id"],
            name="fk_finding_analysis",
            ondelete="CASCADE",
        ),
        check("ck_finding_role", f"role IN {ROLES}"),
        check("ck_finding_runs_forward", "0 <= start_ms AND start_ms <= end_ms"),
        check("ck_finding_finding_no", "finding_no >= 0"),
        comment="hits of rules, with the times that prove them",
        postgresql_partition_by="RANGE (call_date)",
    )
    op.execute("CREATE TABLE finding_default PARTITION OF finding DEFAULT")


def _create_scorecard_result() -> None:
    op.create_table(
        "scorecard_result",
        required("analysis_id", BIGINT, "analysis that was scored"),
        required("scorecard", TEXT, "name of the scorecard"),
        required("score", DOUBLE, "points reached"),
        required("max_score", DOUBLE, "points that could be reached"),
        required("items", JSON, "each item: name, points reached and possible, evidence times in ms"),
        required("scored_at", TIMESTAMP, "when it was scored", default="now()"),
        sa.PrimaryKeyConstraint("analysis_id", "scorecard", name="pk_scorecard_result"),
        sa.ForeignKeyConstraint(
            ["analysis_id"], ["analysis.id"], name="fk_scorecard_result_analysis", ondelete="CASCADE"
        ),
        check("ck_scorecard_result_score", "0 <= score AND score <= max_score"),
        comment="score of a call on a scorecard",
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        required("id", BIGINT, "number of the message, in order of writing", made=sa.Identity(always=True)),
        optional("recording_id", BIGINT, "recording that it is about, if any"),
        required("kind", TEXT, "webhook or mail"),
        required("target", TEXT, "name of the configured receiver"),
        required("payload", JSON, "what is told"),
        required("created_at", TIMESTAMP, "when it was written", default="now()"),
        optional("not_before", TIMESTAMP, "not sent before; null: at once"),
        required("attempts", INTEGER, "times that sending failed", default="0"),
        optional("sent_at", TIMESTAMP, "when the receiver took it; null while it waits"),
        optional("error_message", TEXT, "why the last attempt failed"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name="fk_outbox_recording", ondelete="CASCADE"),
        check("ck_outbox_kind", "kind IN ('webhook', 'mail')"),
        check("ck_outbox_attempts", "attempts >= 0"),
        comment="messages to others, written in the transaction that makes them true",
    )
    op.create_index("ix_outbox_recording_id", "outbox", ["recording_id"])
    op.create_index("ix_outbox_unsent", "outbox", ["id"], postgresql_where=sa.text("sent_at IS NULL"))


def _create_api_key() -> None:
    op.create_table(
        "api_key",
        required("id", BIGINT, "number of the key", made=sa.Identity(always=True)),
        required("name", TEXT, "whom the key was given to"),
        required("key_hash", BYTES, "SHA-256 of the key"),
        required("scopes", TEXTS, "what it may do"),
        required("created_at", TIMESTAMP, "when it was made", default="now()"),
        optional("expires_at", TIMESTAMP, "not valid from then on; null: does not expire"),
        optional("last_used_at", TIMESTAMP, "when it was last used"),
        optional("revoked_at", TIMESTAMP, "when it was withdrawn; null while it is valid"),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("name", name="uq_api_key_name"),
        sa.UniqueConstraint("key_hash", name="uq_api_key_key_hash"),
        comment="who may call the API; the key itself is never stored",
    )
