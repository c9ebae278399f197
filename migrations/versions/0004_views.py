"""The views, of the current analysis and by the sums of a call. Frozen: later views are later migrations."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the views; their columns are those that they had."""
    for name, query in QUERIES.items():
        op.execute(f"CREATE VIEW {name} AS{query}")
        op.execute(f"COMMENT ON VIEW {name} IS '{COMMENTS[name]}'")
        for column, comment in COLUMNS[name].items():
            op.execute(f"COMMENT ON COLUMN {name}.{column} IS '{comment}'")


def downgrade() -> None:
    """Drop the views; 0003 brings the first ones back."""
    for name in QUERIES:
        op.execute(f"DROP VIEW {name}")


COMMENTS = {
    "call_summary": "one row for each recording, with the sums of its current analysis; nulls while it has none",
    "emotion_timeline": "what was said and felt, segment by segment, in the current analysis of each recording",
    "event_list": "what else was heard, or not heard, in the current analysis of each recording",
}

COLUMNS = {
    "call_summary": {
        "recording_id": "number of the recording",
        "analysis_id": "number of its current analysis",
        "bucket": "bucket that the recording lies in",
        "key": "key of the object in the bucket",
        "call_id": "number of the call in the telephony system",
        "agent_id": "agent who took the call",
        "queue": "telephony queue that the call came through",
        "call_date": "UTC date of the call; name it in every query over many calls",
        "started_at": "when the call began, as telephony tells",
        "direction": "inbound or outbound, as telephony tells",
        "state": "discovered, queued, started, done, no_speech, dead or skipped",
        "error_code": "why it is dead or skipped; else its last failure, if any",
        "error_message": "the same in words",
        "checkpoint": "name and short hash of the weights",
        "duration_ms": "length of the recording, in ms",
        "truncated": "the file announces more sound than it holds",
        "speech_coverage": "share of the recording with speech, in [0, 1]",
        "languages": "languages spoken, the longest spoken first",
        "segment_count": "segments, sounds without text included",
        "event_count": "events of every kind",
        "silence_count": "silences",
        "silence_ms": "all silences together, in ms",
        "crosstalk_count": "stretches in which both talk",
        "crosstalk_ms": "all crosstalk together, in ms",
        "agent_speech_ms": "all speech segments of the agent together, in ms",
        "customer_speech_ms": "all speech segments of the customer together, in ms",
        "dominant_emotion": "emotion with the greatest share of the speech",
        "emotion_shares": "share of the speech under each emotion, by label; sums to 1",
        "customer_emotion_shares": "the same of the customer alone",
    },
    "emotion_timeline": {
        "recording_id": "number of the recording",
        "analysis_id": "number of its current analysis",
        "bucket": "bucket that the recording lies in",
        "key": "key of the object in the bucket",
        "call_id": "number of the call in the telephony system",
        "agent_id": "agent who took the call",
        "queue": "telephony queue that the call came through",
        "call_date": "UTC date of the call; name it in every query over many calls",
        "started_at": "when the call began, as telephony tells",
        "segment_no": "0, 1, ... within the call",
        "channel": "channel of the file, from 0",
        "role": "who speaks: agent, customer or unknown",
        "start_ms": "start in the call, in ms",
        "end_ms": "end in the call, in ms, exclusive",
        "emotion": "most probable emotion",
        "probability": "probability of that emotion, in [0, 1]",
        "distribution": "probability of every emotion, by label; sums to 1",
        "language": "zh, en, yue, ja, ko or nospeech",
        "text": "what was said; empty where only a sound was heard",
        "is_speech": "false: a sound without text",
    },
    "event_list": {
        "recording_id": "number of the recording",
        "analysis_id": "number of its current analysis",
        "bucket": "bucket that the recording lies in",
        "key": "key of the object in the bucket",
        "call_id": "number of the call in the telephony system",
        "agent_id": "agent who took the call",
        "queue": "telephony queue that the call came through",
        "call_date": "UTC date of the call; name it in every query over many calls",
        "started_at": "when the call began, as telephony tells",
        "event_no": "0, 1, ... within the call",
        "kind": "such as LAUGHTER, BGM, SILENCE or CROSSTALK",
        "origin": "model: a tag of the recogniser; derived: computed from several facts",
        "owner": "who made the sound; SILENCE: whose turn it was; CROSSTALK: who came in second",
        "channel": "channel of the file; null: of the whole call",
        "start_ms": "start in the call, in ms",
        "end_ms": "end in the call, in ms, exclusive",
        "start_s": "start in the call, in s",
        "duration_s": "how long it lasts, in s",
        "probability": "the recogniser''s, or the derivation''s confidence, in [0, 1]",
    },
}

QUERIES = {
    "call_summary": """
SELECT
    recording.id AS recording_id,
    analysis.id AS analysis_id,
    recording.bucket,
    recording.key,
    recording.call_id,
    recording.agent_id,
    recording.queue,
    recording.call_date,
    recording.call_started_at AS started_at,
    recording.direction,
    recording.state,
    recording.error_code,
    recording.error_message,
    analysis.checkpoint,
    analysis.duration_ms,
    analysis.truncated,
    analysis.speech_coverage,
    spoken.languages,
    analysis.segment_count,
    analysis.event_count,
    analysis.silence_count,
    analysis.silence_ms,
    analysis.crosstalk_count,
    analysis.crosstalk_ms,
    analysis.agent_speech_ms,
    analysis.customer_speech_ms,
    felt.dominant_emotion,
    felt.emotion_shares,
    felt.customer_emotion_shares
FROM recording
LEFT JOIN analysis ON analysis.recording_id = recording.id AND analysis.is_current
LEFT JOIN LATERAL (
    SELECT array_agg(language ORDER BY language_ms DESC, language) AS languages
    FROM (
        SELECT language, sum(end_ms - start_ms) AS language_ms
        FROM segment
        WHERE segment.call_date = analysis.call_date AND segment.analysis_id = analysis.heard_id AND is_speech
        GROUP BY language
    ) AS by_language
) AS spoken ON analysis.id IS NOT NULL
LEFT JOIN LATERAL (
    SELECT
        (array_agg(label ORDER BY share DESC, label))[1] AS dominant_emotion,
        jsonb_object_agg(label, round(share, 4)) AS emotion_shares,
        jsonb_object_agg(label, round(customer_share, 4)) FILTER (WHERE customer_share > 0) AS customer_emotion_shares
    FROM (
        SELECT
            label,
            sum(end_ms - start_ms) / nullif(sum(sum(end_ms - start_ms)) OVER (), 0) AS share,
            sum(end_ms - start_ms) FILTER (WHERE role = 'customer')
                / nullif(sum(sum(end_ms - start_ms) FILTER (WHERE role = 'customer')) OVER (), 0) AS customer_share
        FROM segment
        JOIN emotion USING (call_date, analysis_id, segment_no)
        WHERE segment.call_date = analysis.call_date AND segment.analysis_id = analysis.heard_id AND is_speech
        GROUP BY label
    ) AS by_label
) AS felt ON analysis.id IS NOT NULL
""",
    "emotion_timeline": """
SELECT
    recording.id AS recording_id,
    analysis.id AS analysis_id,
    recording.bucket,
    recording.key,
    recording.call_id,
    recording.agent_id,
    recording.queue,
    segment.call_date,
    recording.call_started_at AS started_at,
    segment.segment_no,
    segment.channel,
    segment.role,
    segment.start_ms,
    segment.end_ms,
    emotion.label AS emotion,
    emotion.probability,
    emotion.distribution,
    segment.language,
    segment.text,
    segment.is_speech
FROM segment
JOIN emotion USING (call_date, analysis_id, segment_no)
JOIN analysis
    ON analysis.call_date = segment.call_date AND analysis.heard_id = segment.analysis_id AND analysis.is_current
JOIN recording ON recording.id = analysis.recording_id
""",
    "event_list": """
SELECT
    recording.id AS recording_id,
    analysis.id AS analysis_id,
    recording.bucket,
    recording.key,
    recording.call_id,
    recording.agent_id,
    recording.queue,
    event.call_date,
    recording.call_started_at AS started_at,
    event.event_no,
    event.kind,
    event.origin,
    event.owner,
    event.channel,
    event.start_ms,
    event.end_ms,
    round(event.start_ms / 1000.0, 3) AS start_s,
    round((event.end_ms - event.start_ms) / 1000.0, 3) AS duration_s,
    event.probability
FROM event
JOIN analysis ON analysis.call_date = event.call_date AND analysis.id = event.analysis_id AND analysis.is_current
JOIN recording ON recording.id = analysis.recording_id
""",
}
