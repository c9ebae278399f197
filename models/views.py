"""
What analysts are promised: views whose columns stay when the tables change.

All of them speak of the current analysis of each recording. The SQL here is the newest; migrations
keep frozen copies, and a test holds the migrated database to this file. Those named `report_` are the reports of
`models.reports` by the day, from the same figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models import figures


@dataclass(frozen=True, slots=True)
class View:
    """A view, with what it and each of its columns hold."""

    name: str
    comment: str
    columns: Mapping[str, str]
    """Comment of each column, by its name, in the order of the query."""
    query: str

    def statements(self) -> Iterator[str]:
        """Yield the statements that make the view and comment it."""
        yield f"CREATE VIEW {self.name} AS{self.query}"
        yield f"COMMENT ON VIEW {self.name} IS {_quoted(self.comment)}"
        for column, comment in self.columns.items():
            yield f"COMMENT ON COLUMN {self.name}.{column} IS {_quoted(comment)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


CALL = {
    "recording_id": "number of the recording",
    "analysis_id": "number of its current analysis",
    "bucket": "bucket that the recording lies in",
    "key": "key of the object in the bucket",
    "call_id": "number of the call in the telephony system",
    "agent_id": "agent who took the call",
    "queue": "telephony queue that the call came through",
    "call_date": "UTC date of the call; name it in every query over many calls",
    "started_at": "when the call began, as telephony tells",
}

CALL_SUMMARY = View(
    name="call_summary",
    comment="one row for each recording, with the sums of its current analysis; nulls while it has none",
    columns={
        **CALL,
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
    query="""
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
)

EMOTION_TIMELINE = View(
    name="emotion_timeline",
    comment="what was said and felt, segment by segment, in the current analysis of each recording",
    columns={
        **CALL,
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
    query="""
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
)

EVENT_LIST = View(
    name="event_list",
    comment="what else was heard, or not heard, in the current analysis of each recording",
    columns={
        **CALL,
        "event_no": "0, 1, ... within the call",
        "kind": "such as LAUGHTER, BGM, SILENCE or CROSSTALK",
        "origin": "model: a tag of the recogniser; derived: computed from several facts",
        "owner": "who made the sound; SILENCE: whose turn it was; CROSSTALK: who came in second",
        "channel": "channel of the file; null: of the whole call",
        "start_ms": "start in the call, in ms",
        "end_ms": "end in the call, in ms, exclusive",
        "start_s": "start in the call, in s",
        "duration_s": "how long it lasts, in s",
        "probability": "the recogniser's, or the derivation's confidence, in [0, 1]",
    },
    query="""
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
)

OF_DAY = {"call_date": "UTC date of the calls; name it in every query"}
OF_QUEUE = {**OF_DAY, "queue": "telephony queue that the calls came through"}
OF_AGENT = {**OF_DAY, "agent_id": "agent who took the calls", "queue": OF_QUEUE["queue"]}
FINDINGS = {severity: f"findings of severity {severity}" for severity in figures.SEVERITIES}


def _daily(source: str, told: str, by: str, where: str = "true") -> str:
    """Return the query of a report's view: its figures for each group, and a group is of one day."""
    return f"\nSELECT {by},{told}\nFROM ({source}) AS fact\nWHERE {where}\nGROUP BY {by}\n"


REPORT_ANGER_AFTER_SILENCE = View(
    name="report_anger_after_silence",
    comment="how much anger follows an agent's silence, by day, queue, agent, reason",
    columns={
        **OF_QUEUE,
        "agent_id": "agent who took the calls",
        "reason": "reason of the call, as telephony tells in its metadata",
        "anger_bursts": "customers' bursts of anger",
        "after_silence": "of these, those that follow an agent's silence of 1.2 s or more",
        "share_after_silence": "the same as a share, in [0, 1]",
        "mean_silence_ms": "mean length of the silences that they follow, in ms",
    },
    query=_daily(
        figures.BURSTS, figures.anger_figures(), "call_date, queue, agent_id, reason", where="emotion = 'ANGRY'"
    ),
)

REPORT_SOOTHING = View(
    name="report_soothing",
    comment="how agents took their customers' bursts of anger and sadness, by day, agent, queue",
    columns={
        **OF_AGENT,
        "bursts": "customers' bursts of anger or sadness",
        "good": "of these, those that the agent soothed",
        "poor": "of these, those that were met without softening, and a silence followed",
        "open": "of these, those of which neither can be told",
        "success_rate": "good over good and poor, in [0, 1]; null where nothing is decided",
        "anger_bursts": "bursts of anger among them",
        "mean_silence_after_ms": "mean agent's silence after a burst of anger, none counted as 0, in ms",
        "softened": "bursts after which happiness or laughter followed the reply",
        "mean_softening_ms": "mean time from the agent's reply to that, in ms",
    },
    query=_daily(figures.BURSTS, figures.SOOTHING_FIGURES, "call_date, agent_id, queue"),
)

REPORT_HOT_WORDS = View(
    name="report_hot_words",
    comment="words that carry meaning, and how often they come with anger, by day, queue, language, word",
    columns={
        **OF_QUEUE,
        "language": "zh, en, yue, ja or ko",
        "word": "the word, in lower case",
        "mentions": "times it is said",
        "calls": "calls that say it",
        "angry_mentions": "mentions in a customer's angry segments",
        "share_angry": "the same as a share of the mentions, in [0, 1]",
    },
    query=_daily(figures.WORDS, figures.word_figures(), "call_date, queue, language, word"),
)

REPORT_AGENTS = View(
    name="report_agents",
    comment="how agents speak and how their customers feel, by day, agent, queue",
    columns={
        **OF_AGENT,
        "calls": "calls with an analysis",
        "talk_share": "the agent's part of what both say, in [0, 1]",
        "mean_response_ms": "mean over the calls of the agent's mean delay of a reply, in ms",
        "interruptions": "times the agent came in and the customer stopped",
        "silence_share": "silence as a share of the calls' length, in [0, 1]",
        "units_per_s": "mean over the calls of the agent's talk speed: characters, or words of en, a second",
        "anger_bursts": "customers' bursts of anger",
        "anger_per_call": "bursts of anger a call",
        "success_rate": "bursts soothed over bursts decided, in [0, 1]; null where nothing is decided",
        **FINDINGS,
        "service_score": f"mean score on the scorecard {figures.SERVICE} over its maximum, in [0, 1]",
    },
    query=_daily(figures.FACTS, figures.AGENT_FIGURES, "call_date, agent_id, queue", where="is_dead IS NULL"),
)

REPORT_BRIEF = View(
    name="report_brief",
    comment="a day of the whole contact centre",
    columns={
        **OF_DAY,
        "calls": "calls with an analysis",
        "talk_ms": "speech of agents and customers together, in ms",
        "angry_calls": "calls with a burst of anger",
        "anger_share": "the same as a share of the calls, in [0, 1]",
        "anger_bursts": "customers' bursts of anger",
        "after_silence": "of these, those that follow an agent's silence of 1.2 s or more",
        "share_after_silence": "the same as a share, in [0, 1]",
        "success_rate": "bursts soothed over bursts decided, in [0, 1]; null where nothing is decided",
        **FINDINGS,
        "dead": "recordings that were given up",
    },
    query=_daily(figures.FACTS, figures.DAY_FIGURES, "call_date"),
)

REPORTS = (REPORT_ANGER_AFTER_SILENCE, REPORT_SOOTHING, REPORT_HOT_WORDS, REPORT_AGENTS, REPORT_BRIEF)

VIEWS = (CALL_SUMMARY, EMOTION_TIMELINE, EVENT_LIST, *REPORTS)
