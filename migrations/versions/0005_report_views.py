"""The reports as views, by the day. Frozen: later views are later migrations."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the views, each with a comment on it and on its columns."""
    for name, query in QUERIES.items():
        op.execute(f"CREATE VIEW {name} AS{query.format(**SOURCES)}")
        op.execute(f"COMMENT ON VIEW {name} IS '{COMMENTS[name]}'")
        for column, comment in COLUMNS[name].items():
            op.execute(f"COMMENT ON COLUMN {name}.{column} IS '{comment}'")


def downgrade() -> None:
    """Drop the views."""
    for name in QUERIES:
        op.execute(f"DROP VIEW {name}")


COMMENTS = {
    "report_anger_after_silence": "how much anger follows an agent''s silence, by day, queue, agent, reason",
    "report_soothing": "how agents took their customers'' bursts of anger and sadness, by day, agent, queue",
    "report_hot_words": "words that carry meaning, and how often they come with anger, by day, queue, language, word",
    "report_agents": "how agents speak and how their customers feel, by day, agent, queue",
    "report_brief": "a day of the whole contact centre",
}

COLUMNS = {
    "report_anger_after_silence": {
        "call_date": "UTC date of the calls; name it in every query",
        "queue": "telephony queue that the calls came through",
        "agent_id": "agent who took the calls",
        "reason": "reason of the call, as telephony tells in its metadata",
        "anger_bursts": "customers'' bursts of anger",
        "after_silence": "of these, those that follow an agent''s silence of 1.2 s or more",
        "share_after_silence": "the same as a share, in [0, 1]",
        "mean_silence_ms": "mean length of the silences that they follow, in ms",
    },
    "report_soothing": {
        "call_date": "UTC date of the calls; name it in every query",
        "agent_id": "agent who took the calls",
        "queue": "telephony queue that the calls came through",
        "bursts": "customers'' bursts of anger or sadness",
        "good": "of these, those that the agent soothed",
        "poor": "of these, those that were met without softening, and a silence followed",
        "open": "of these, those of which neither can be told",
        "success_rate": "good over good and poor, in [0, 1]; null where nothing is decided",
        "anger_bursts": "bursts of anger among them",
        "mean_silence_after_ms": "mean agent''s silence after a burst of anger, none counted as 0, in ms",
        "softened": "bursts after which happiness or laughter followed the reply",
        "mean_softening_ms": "mean time from the agent''s reply to that, in ms",
    },
    "report_hot_words": {
        "call_date": "UTC date of the calls; name it in every query",
        "queue": "telephony queue that the calls came through",
        "language": "zh, en, yue, ja or ko",
        "word": "the word, in lower case",
        "mentions": "times it is said",
        "calls": "calls that say it",
        "angry_mentions": "mentions in a customer''s angry segments",
        "share_angry": "the same as a share of the mentions, in [0, 1]",
    },
    "report_agents": {
        "call_date": "UTC date of the calls; name it in every query",
        "agent_id": "agent who took the calls",
        "queue": "telephony queue that the calls came through",
        "calls": "calls with an analysis",
        "talk_share": "the agent''s part of what both say, in [0, 1]",
        "mean_response_ms": "mean over the calls of the agent''s mean delay of a reply, in ms",
        "interruptions": "times the agent came in and the customer stopped",
        "silence_share": "silence as a share of the calls'' length, in [0, 1]",
        "units_per_s": "mean over the calls of the agent''s talk speed: characters, or words of en, a second",
        "anger_bursts": "customers'' bursts of anger",
        "anger_per_call": "bursts of anger a call",
        "success_rate": "bursts soothed over bursts decided, in [0, 1]; null where nothing is decided",
        "critical": "findings of severity critical",
        "high": "findings of severity high",
        "medium": "findings of severity medium",
        "low": "findings of severity low",
        "info": "findings of severity info",
        "service_score": "mean score on the scorecard service over its maximum, in [0, 1]",
    },
    "report_brief": {
        "call_date": "UTC date of the calls; name it in every query",
        "calls": "calls with an analysis",
        "talk_ms": "speech of agents and customers together, in ms",
        "angry_calls": "calls with a burst of anger",
        "anger_share": "the same as a share of the calls, in [0, 1]",
        "anger_bursts": "customers'' bursts of anger",
        "after_silence": "of these, those that follow an agent''s silence of 1.2 s or more",
        "share_after_silence": "the same as a share, in [0, 1]",
        "success_rate": "bursts soothed over bursts decided, in [0, 1]; null where nothing is decided",
        "critical": "findings of severity critical",
        "high": "findings of severity high",
        "medium": "findings of severity medium",
        "low": "findings of severity low",
        "info": "findings of severity info",
        "dead": "recordings that were given up",
    },
}

SOURCES = {
    "bursts": """
SELECT
    burst.call_date,
    recording.id AS recording_id,
    recording.key,
    recording.call_id,
    recording.agent_id,
    recording.queue,
    recording.metadata ->> 'reason' AS reason,
    burst.emotion,
    burst.probability,
    burst.start_ms,
    burst.silence_before_ms,
    burst.silence_after_ms,
    burst.reply_ms,
    burst.softened_ms,
    burst.outcome
FROM burst
JOIN analysis ON analysis.call_date = burst.call_date AND analysis.id = burst.analysis_id AND analysis.is_current
JOIN recording ON recording.id = analysis.recording_id
""",
    "words": """
SELECT
    word_count.call_date,
    recording.queue,
    recording.agent_id,
    word_count.word,
    word_count.language,
    word_count.mentions,
    word_count.angry_mentions
FROM word_count
LEFT JOIN analysis ON analysis.call_date = word_count.call_date AND analysis.id = word_count.analysis_id
LEFT JOIN recording ON recording.id = analysis.recording_id
WHERE NOT EXISTS (
    SELECT FROM analysis AS earlier WHERE earlier.id = word_count.analysis_id AND NOT earlier.is_current
)
""",
    "facts": """
SELECT
    analysis.call_date AS call_date,
    recording.id AS recording_id,
    recording.queue AS queue,
    recording.agent_id AS agent_id,
    analysis.duration_ms AS duration_ms,
    analysis.agent_speech_ms AS agent_speech_ms,
    analysis.customer_speech_ms AS customer_speech_ms,
    analysis.silence_ms AS silence_ms,
    analysis.agent_interruptions AS agent_interruptions,
    analysis.agent_response_ms AS agent_response_ms,
    analysis.agent_units_per_s AS agent_units_per_s,
    CAST(NULL AS text) AS emotion,
    CAST(NULL AS text) AS outcome,
    CAST(NULL AS integer) AS silence_before_ms,
    CAST(NULL AS text) AS severity,
    CAST(NULL AS double precision) AS service_score,
    CAST(NULL AS boolean) AS is_dead
FROM analysis
JOIN recording ON recording.id = analysis.recording_id
WHERE analysis.is_current
UNION ALL
SELECT
    burst.call_date AS call_date,
    recording.id AS recording_id,
    recording.queue AS queue,
    recording.agent_id AS agent_id,
    CAST(NULL AS integer) AS duration_ms,
    CAST(NULL AS integer) AS agent_speech_ms,
    CAST(NULL AS integer) AS customer_speech_ms,
    CAST(NULL AS integer) AS silence_ms,
    CAST(NULL AS integer) AS agent_interruptions,
    CAST(NULL AS integer) AS agent_response_ms,
    CAST(NULL AS double precision) AS agent_units_per_s,
    burst.emotion AS emotion,
    burst.outcome AS outcome,
    burst.silence_before_ms AS silence_before_ms,
    CAST(NULL AS text) AS severity,
    CAST(NULL AS double precision) AS service_score,
    CAST(NULL AS boolean) AS is_dead
FROM burst
JOIN analysis
    ON analysis.call_date = burst.call_date AND analysis.id = burst.analysis_id AND analysis.is_current
JOIN recording ON recording.id = analysis.recording_id
UNION ALL
SELECT
    finding.call_date AS call_date,
    recording.id AS recording_id,
    recording.queue AS queue,
    recording.agent_id AS agent_id,
    CAST(NULL AS integer) AS duration_ms,
    CAST(NULL AS integer) AS agent_speech_ms,
    CAST(NULL AS integer) AS customer_speech_ms,
    CAST(NULL AS integer) AS silence_ms,
    CAST(NULL AS integer) AS agent_interruptions,
    CAST(NULL AS integer) AS agent_response_ms,
    CAST(NULL AS double precision) AS agent_units_per_s,
    CAST(NULL AS text) AS emotion,
    CAST(NULL AS text) AS outcome,
    CAST(NULL AS integer) AS silence_before_ms,
    finding.severity AS severity,
    CAST(NULL AS double precision) AS service_score,
    CAST(NULL AS boolean) AS is_dead
FROM finding
JOIN analysis
    ON analysis.call_date = finding.call_date AND analysis.id = finding.analysis_id AND analysis.is_current
JOIN recording ON recording.id = analysis.recording_id
UNION ALL
SELECT
    analysis.call_date AS call_date,
    recording.id AS recording_id,
    recording.queue AS queue,
    recording.agent_id AS agent_id,
    CAST(NULL AS integer) AS duration_ms,
    CAST(NULL AS integer) AS agent_speech_ms,
    CAST(NULL AS integer) AS customer_speech_ms,
    CAST(NULL AS integer) AS silence_ms,
    CAST(NULL AS integer) AS agent_interruptions,
    CAST(NULL AS integer) AS agent_response_ms,
    CAST(NULL AS double precision) AS agent_units_per_s,
    CAST(NULL AS text) AS emotion,
    CAST(NULL AS text) AS outcome,
    CAST(NULL AS integer) AS silence_before_ms,
    CAST(NULL AS text) AS severity,
    scorecard_result.score / nullif(scorecard_result.max_score, 0) AS service_score,
    CAST(NULL AS boolean) AS is_dead
FROM scorecard_result
JOIN analysis ON analysis.id = scorecard_result.analysis_id AND analysis.is_current
JOIN recording ON recording.id = analysis.recording_id
WHERE scorecard_result.scorecard = 'service'
UNION ALL
SELECT
    recording.call_date AS call_date,
    recording.id AS recording_id,
    recording.queue AS queue,
    recording.agent_id AS agent_id,
    CAST(NULL AS integer) AS duration_ms,
    CAST(NULL AS integer) AS agent_speech_ms,
    CAST(NULL AS integer) AS customer_speech_ms,
    CAST(NULL AS integer) AS silence_ms,
    CAST(NULL AS integer) AS agent_interruptions,
    CAST(NULL AS integer) AS agent_response_ms,
    CAST(NULL AS double precision) AS agent_units_per_s,
    CAST(NULL AS text) AS emotion,
    CAST(NULL AS text) AS outcome,
    CAST(NULL AS integer) AS silence_before_ms,
    CAST(NULL AS text) AS severity,
    CAST(NULL AS double precision) AS service_score,
    true AS is_dead
FROM recording
WHERE recording.state = 'dead'
""",
}

QUERIES = {
    "report_anger_after_silence": """
SELECT call_date, queue, agent_id, reason,
    count(*) AS anger_bursts,
    count(*) FILTER (WHERE silence_before_ms >= 1200) AS after_silence,
    CAST(round(
        1.0 * count(*) FILTER (WHERE silence_before_ms >= 1200)
        / nullif(count(*), 0), 4) AS double precision) AS share_after_silence,
    CAST(round(avg(CASE WHEN silence_before_ms >= 1200 THEN silence_before_ms END)) AS integer) AS mean_silence_ms
FROM ({bursts}) AS fact
WHERE emotion = 'ANGRY'
GROUP BY call_date, queue, agent_id, reason
""",
    "report_soothing": """
SELECT call_date, agent_id, queue,
    count(*) AS bursts,
    count(*) FILTER (WHERE outcome = 'good') AS good,
    count(*) FILTER (WHERE outcome = 'poor') AS poor,
    count(*) FILTER (WHERE outcome = 'open') AS open,
    CAST(round(
        1.0 * count(*) FILTER (WHERE outcome = 'good')
        / nullif(count(*) FILTER (WHERE outcome IN ('good', 'poor')), 0), 4) AS double precision) AS success_rate,
    count(*) FILTER (WHERE emotion = 'ANGRY') AS anger_bursts,
    CAST(round(avg(CASE WHEN emotion = 'ANGRY' THEN silence_after_ms END)) AS integer) AS mean_silence_after_ms,
    count(softened_ms) AS softened,
    CAST(round(avg(softened_ms - reply_ms)) AS integer) AS mean_softening_ms
FROM ({bursts}) AS fact
WHERE true
GROUP BY call_date, agent_id, queue
""",
    "report_hot_words": """
SELECT call_date, queue, language, word,
    sum(mentions) AS mentions,
    count(*) AS calls,
    sum(angry_mentions) AS angry_mentions,
    CAST(round(
        1.0 * sum(angry_mentions)
        / nullif(sum(mentions), 0), 4) AS double precision) AS share_angry
FROM ({words}) AS fact
WHERE true
GROUP BY call_date, queue, language, word
""",
    "report_agents": """
SELECT call_date, agent_id, queue,
    count(duration_ms) AS calls,
    CAST(round(
        1.0 * sum(agent_speech_ms)
        / nullif(sum(agent_speech_ms + customer_speech_ms), 0), 4) AS double precision) AS talk_share,
    CAST(round(avg(agent_response_ms)) AS integer) AS mean_response_ms,
    coalesce(sum(agent_interruptions), 0) AS interruptions,
    CAST(round(
        1.0 * sum(silence_ms)
        / nullif(sum(duration_ms), 0), 4) AS double precision) AS silence_share,
    CAST(round(CAST(avg(agent_units_per_s) AS numeric), 2) AS double precision) AS units_per_s,
    count(*) FILTER (WHERE emotion = 'ANGRY') AS anger_bursts,
    CAST(round(
        1.0 * count(*) FILTER (WHERE emotion = 'ANGRY')
        / nullif(count(duration_ms), 0), 4) AS double precision) AS anger_per_call,
    CAST(round(
        1.0 * count(*) FILTER (WHERE outcome = 'good')
        / nullif(count(*) FILTER (WHERE outcome IN ('good', 'poor')), 0), 4) AS double precision) AS success_rate,
    count(*) FILTER (WHERE severity = 'critical') AS critical,
    count(*) FILTER (WHERE severity = 'high') AS high,
    count(*) FILTER (WHERE severity = 'medium') AS medium,
    count(*) FILTER (WHERE severity = 'low') AS low,
    count(*) FILTER (WHERE severity = 'info') AS info,
    CAST(round(CAST(avg(service_score) AS numeric), 4) AS double precision) AS service_score
FROM ({facts}) AS fact
WHERE is_dead IS NULL
GROUP BY call_date, agent_id, queue
""",
    "report_brief": """
SELECT call_date,
    count(duration_ms) AS calls,
    coalesce(sum(agent_speech_ms + customer_speech_ms), 0) AS talk_ms,
    count(DISTINCT recording_id) FILTER (WHERE emotion = 'ANGRY') AS angry_calls,
    CAST(round(
        1.0 * count(DISTINCT recording_id) FILTER (WHERE emotion = 'ANGRY')
        / nullif(count(duration_ms), 0), 4) AS double precision) AS anger_share,
    count(*) FILTER (WHERE emotion = 'ANGRY') AS anger_bursts,
    count(*) FILTER (WHERE emotion = 'ANGRY' AND silence_before_ms >= 1200) AS after_silence,
    CAST(round(
        1.0 * count(*) FILTER (WHERE emotion = 'ANGRY' AND silence_before_ms >= 1200)
        / nullif(count(*) FILTER (WHERE emotion = 'ANGRY'), 0), 4) AS double precision) AS share_after_silence,
    CAST(round(
        1.0 * count(*) FILTER (WHERE outcome = 'good')
        / nullif(count(*) FILTER (WHERE outcome IN ('good', 'poor')), 0), 4) AS double precision) AS success_rate,
    count(*) FILTER (WHERE severity = 'critical') AS critical,
    count(*) FILTER (WHERE severity = 'high') AS high,
    count(*) FILTER (WHERE severity = 'medium') AS medium,
    count(*) FILTER (WHERE severity = 'low') AS low,
    count(*) FILTER (WHERE severity = 'info') AS info,
    count(*) FILTER (WHERE is_dead) AS dead
FROM ({facts}) AS fact
WHERE true
GROUP BY call_date
""",
}
