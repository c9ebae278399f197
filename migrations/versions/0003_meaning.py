"""What calls mean: turns, bursts, words; sums of a call; rule sets; one current analysis of each recording."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT, INTEGERS = sa.Text(), sa.ARRAY(sa.Integer())
BIGINT, INTEGER, SMALLINT = sa.BigInteger(), sa.Integer(), sa.SmallInteger()
DOUBLE: TypeEngine[float] = sa.Double()
BOOLEAN, DATE, TIMESTAMP, JSON = sa.Boolean(), sa.Date(), sa.DateTime(timezone=True), JSONB()

ROLES = ("agent", "customer", "unknown")
LANGUAGES = ("zh", "en", "yue", "ja", "ko", "nospeech")
HEARD = (
    *("SPEECH", "BGM", "LAUGHTER", "APPLAUSE", "CRY", "SNEEZE", "BREATH", "COUGH", "SING"),
    *("SPEECH_NOISE", "GBG", "EVENT_UNK", "SILENCE", "CROSSTALK"),
)
KINDS = (*HEARD, "INTERRUPTION", "SIGH", "HOLD_MUSIC", "TEXT_VOICE_CONFLICT")
ENTITIES = ("ORDER_NUMBER", "COUPON", "PHONE", "ID_NUMBER", "CARD_NUMBER", "EMAIL")
SEVERITIES = ("info", "low", "medium", "high", "critical")


def required(
    name: str, kind: TypeEngine[Any], comment: str, *, default: str | None = None, made: sa.Computed | None = None
) -> sa.Column[Any]:
    """Return a column that always holds a value."""
    made_by = () if made is None else (made,)
    server_default = None if default is None else sa.text(default)
    return sa.Column(name, kind, *made_by, nullable=False, comment=comment, server_default=server_default)


def optional(name: str, kind: TypeEngine[Any], comment: str) -> sa.Column[Any]:
    """Return a column that may hold null."""
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    """Add what is derived. Rows that are there keep their place; the newest analysis of a recording is current."""
    for view in ("call_summary", "emotion_timeline", "event_list"):
        op.execute(f"DROP VIEW {view}")  # made anew by 0004, over the columns that come here
    _extend_analysis()
    for column in SEGMENT:
        op.add_column("segment", column)
    _check("segment", "role_confidence", "role_confidence BETWEEN 0 AND 1")
    _widen("segment", "event", KINDS)
    _widen("event", "kind", KINDS)
    _create_by_month("turn", "turn_no", TURN, TURN_RULES, TURN_COMMENT)
    _create_by_month("burst", "burst_no", BURST, BURST_RULES, BURST_COMMENT)
    _create_by_month("word_count", "word_no", WORD_COUNT, WORD_COUNT_RULES, WORD_COUNT_COMMENT)
    op.add_column("entity", ENTITY_VALUE)
    _check("entity", "kind", f"kind IN {ENTITIES}")
    for column in FINDING:
        op.add_column("finding", column)
    _check("finding", "severity", f"severity IN {SEVERITIES}")
    _check("finding", "probability", "probability BETWEEN 0 AND 1")
    op.create_table(
        "rule_set", *RULE_SET, sa.PrimaryKeyConstraint("version", name="pk_rule_set"), comment=RULE_SET_COMMENT
    )
    for column in OUTBOX:
        op.add_column("outbox", column)
    op.execute("UPDATE outbox SET message_id = 'msg_' || replace(gen_random_uuid()::text, '-', '')")
    op.alter_column("outbox", "message_id", nullable=False)
    op.create_unique_constraint("uq_outbox_message_id", "outbox", ["message_id"])
    _check("outbox", "one_end", "sent_at IS NULL OR dead_at IS NULL")
    op.drop_index("ix_outbox_unsent", "outbox")
    op.create_index(
        "ix_outbox_unsent", "outbox", ["id"], postgresql_where=sa.text("sent_at IS NULL AND dead_at IS NULL")
    )


def downgrade() -> None:
    """Take away what is derived, and the events of kinds that are not known before."""
    op.drop_index("ix_outbox_unsent", "outbox")
    op.create_index("ix_outbox_unsent", "outbox", ["id"], postgresql_where=sa.text("sent_at IS NULL"))
    op.drop_constraint("ck_outbox_one_end", "outbox")
    _drop_columns("outbox", OUTBOX)
    op.drop_table("rule_set")
    _drop_columns("finding", FINDING)
    op.drop_constraint("ck_entity_kind", "entity")
    _drop_columns("entity", (ENTITY_VALUE,))
    for table in ("word_count", "burst", "turn"):
        op.drop_table(table)
    op.execute(f"DELETE FROM event WHERE kind NOT IN {HEARD}")  # noqa: S608 - our own words
    _widen("event", "kind", HEARD)
    _widen("segment", "event", HEARD)
    _drop_columns("segment", SEGMENT)
    op.execute("DELETE FROM analysis WHERE base_id IS NOT NULL")
    _drop_columns("analysis", ANALYSIS)
    op.get_context().script.get_revision("0002").module.upgrade()


def _extend_analysis() -> None:
    for column in ANALYSIS:
        op.add_column("analysis", column)
    op.create_foreign_key("fk_analysis_analysis", "analysis", "analysis", ["base_id"], ["id"], ondelete="CASCADE")
    op.execute(
        "UPDATE analysis SET is_current = false WHERE EXISTS ("
        "SELECT FROM analysis AS newer WHERE newer.recording_id = analysis.recording_id AND newer.id > analysis.id)"
    )
    current = sa.text("is_current")
    op.create_index("uq_analysis_current", "analysis", ["recording_id"], unique=True, postgresql_where=current)
    op.create_index("ix_analysis_current_call_date", "analysis", ["call_date", "id"], postgresql_where=current)
    op.create_index("ix_analysis_base_id", "analysis", ["base_id"])


def _check(table: str, name: str, rule: str) -> None:
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)


def _widen(table: str, column: str, words: tuple[str, ...]) -> None:
    op.drop_constraint(f"ck_{table}_{column}", table)
    _check(table, column, f"{column} IN {words}")


def _drop_columns(table: str, columns: tuple[sa.Column[Any], ...]) -> None:
    for column in reversed(columns):
        op.drop_column(table, column.name)


def _create_by_month(
    table: str, number: str, columns: tuple[sa.Column[Any], ...], rules: dict[str, str], comment: str
) -> None:
    op.create_table(
        table,
        required("call_date", DATE, "UTC date of the call, as in analysis; names the partition"),
        required("analysis_id", BIGINT, "analysis that this row belongs to"),
        *columns,
        sa.PrimaryKeyConstraint("call_date", "analysis_id", number, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(
            ["call_date", "analysis_id"],
            ["analysis.call_date", "analysis.id"],
            name=f"fk_{table}_analysis",
            ondelete="CASCADE",
        ),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()),
        sa.CheckConstraint(f"{number} >= 0", name=op.f(f"ck_{table}_{number}")),
        comment=comment,
        postgresql_partition_by="RANGE (call_date)",
    )
    op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def _sum(name: str, comment: str) -> sa.Column[Any]:
    return required(name, INTEGER, comment, default="0")


ANALYSIS = (
    required("is_current", BOOLEAN, "the result of its recording that views and reports speak of", default="true"),
    optional("base_id", BIGINT, "analysis that heard what this one was derived from; null: heard by itself"),
    required(
        "heard_id",
        BIGINT,
        "analysis under whose number the rows of segment and emotion stand",
        made=sa.Computed("COALESCE(base_id, id)", persisted=True),
    ),
    _sum("agent_speech_ms", "speech of the agent, in ms"),
    _sum("customer_speech_ms", "speech of the customer, in ms"),
    _sum("silence_count", "silences"),
    _sum("silence_ms", "all silences together, in ms"),
    _sum("longest_silence_ms", "the longest silence, in ms"),
    _sum("agent_silence_ms", "silences in which it was the agent's turn, together, in ms"),
    _sum("crosstalk_count", "stretches in which both talk"),
    _sum("crosstalk_ms", "all crosstalk together, in ms"),
    _sum("agent_interruptions", "times the agent came in and the customer stopped"),
    _sum("customer_interruptions", "times the customer came in and the agent stopped"),
    _sum("turn_count", "turns of all parties"),
    optional("agent_response_ms", INTEGER, "mean delay of the agent's replies, in ms; null without one"),
    optional("agent_units_per_s", DOUBLE, "talk speed of the agent: characters, or words of en, a second of speech"),
    optional(
        "customer_units_per_s", DOUBLE, "talk speed of the customer: characters, or words of en, a second of speech"
    ),
    _sum("entity_count", "rows of this analysis in entity"),
    _sum("burst_count", "rows of this analysis in burst"),
    _sum("finding_count", "rows of this analysis in finding"),
)

SEGMENT = (
    required(
        "event_distribution",
        JSON,
        "probability of every sound tag of a thousandth or more, by tag",
        default="'{}'::jsonb",
    ),
    required(
        "role_confidence", DOUBLE, "1: the channel or telephony tells the role; less: guessed by a rule", default="1"
    ),
    optional("pitch_hz", DOUBLE, "median fundamental frequency at its end, in Hz; null where nothing is voiced"),
    optional(
        "pitch_slope_st_s",
        DOUBLE,
        "slope of the fundamental frequency at its end, in semitones a second; above 0 it rises",
    ),
    optional("level_slope_db_s", DOUBLE, "slope of the level, in dB a second; below 0 it fades"),
)

TURN_COMMENT = "what one party says until the other has the floor, and how; ascending by start"
TURN = (
    required("turn_no", INTEGER, "0, 1, ... within the analysis"),
    required("channel", SMALLINT, "channel of the file, from 0"),
    required("role", TEXT, "who speaks: agent, customer or unknown"),
    required("start_ms", INTEGER, "start in the call, in ms"),
    required("end_ms", INTEGER, "end in the call, in ms, exclusive"),
    required("segment_nos", INTEGERS, "its segments, ascending"),
    optional(
        "response_ms",
        INTEGER,
        "since the other party's last word, in ms; below 0: before it ended; null: the first to speak",
    ),
    optional("units_per_s", DOUBLE, "talk speed: characters, or words of en, a second of speech; null without words"),
    required("pause_ratio", DOUBLE, "share of the turn that passes between its words, in [0, 1]"),
    required("hesitation_count", INTEGER, "pauses inside the turn longer than a breath takes"),
    required("loudness_dbfs", DOUBLE, "root mean square relative to full scale, in dB"),
    optional(
        "pitch_slope_st_s", DOUBLE, "pitch at its end, in semitones a second; above 0: it rises, as a question does"
    ),
)
TURN_RULES = {
    "role": f"role IN {ROLES}",
    "pause_ratio": "pause_ratio BETWEEN 0 AND 1",
    "runs_forward": "0 <= start_ms AND start_ms <= end_ms",
}

BURST_COMMENT = "a customer's stretches of anger or sadness, what came before, and how the agent took them"
BURST = (
    required("burst_no", INTEGER, "0, 1, ... within the analysis"),
    required("emotion", TEXT, "ANGRY or SAD"),
    required("probability", DOUBLE, "highest of its segments, in [0, 1]"),
    required("start_ms", INTEGER, "start in the call, in ms"),
    required("end_ms", INTEGER, "end in the call, in ms, exclusive"),
    required("segment_nos", INTEGERS, "its segments, ascending"),
    required("silence_before_ms", INTEGER, "agent's silence that it follows, in ms; 0: none"),
    required("silence_after_ms", INTEGER, "agent's silence that follows it, in ms; 0: none"),
    optional("reply_ms", INTEGER, "start of the agent's first reply in the call, in ms"),
    optional("reply_emotion", TEXT, "emotion of the agent's first reply"),
    optional(
        "softened_ms",
        INTEGER,
        "when happiness or laughter followed the reply in time, in ms of the call; null: it didn't",
    ),
    required("outcome", TEXT, "good, poor, or open where neither can be told"),
)
BURST_RULES = {
    "emotion": "emotion IN ('ANGRY', 'SAD')",
    "outcome": "outcome IN ('good', 'poor', 'open')",
    "probability": "probability BETWEEN 0 AND 1",
    "runs_forward": "0 <= start_ms AND start_ms <= end_ms",
}

WORD_COUNT_COMMENT = "a call's most frequent words that carry meaning"
WORD_COUNT = (
    required("word_no", INTEGER, "0, 1, ... within the analysis; the most frequent first"),
    required("word", TEXT, "the word, in lower case"),
    required("language", TEXT, "zh, en, yue, ja or ko"),
    required("mentions", INTEGER, "times it is said"),
    required("angry_mentions", INTEGER, "of these, in a customer's angry segments"),
)
WORD_COUNT_RULES = {
    "language": f"language IN {LANGUAGES}",
    "mentions": "0 <= angry_mentions AND angry_mentions <= mentions",
}

ENTITY_VALUE = optional(
    "value", TEXT, "the value in clear; null unless CALLSCOPE_ENTITY_VALUES=clear when it was stored"
)

FINDING = (
    required("severity", TEXT, "info, low, medium, high or critical, as the rule says"),
    required("score", DOUBLE, "points that the rule adds to the call, or takes when below 0"),
    required("probability", DOUBLE, "confidence: the least of its evidence's, in [0, 1]"),
)

RULE_SET_COMMENT = "rules and scorecards behind each version of them"
RULE_SET = (
    required("version", TEXT, "as in analysis.rules"),
    required("rules", JSON, "each rule: name, about, severity, score, advice, link, when"),
    required("scorecards", JSON, "each scorecard, with its thresholds"),
    required("first_used_at", TIMESTAMP, "when it was first used", default="now()"),
)

OUTBOX = (
    optional("message_id", TEXT, "number that the receiver sees, the same in every attempt: it tells copies by it"),
    optional("dead_at", TIMESTAMP, "when it was given up; `callscope outbox replay` sends it again"),
)
