"""
The figures of the reports in SQL: each is defined here once, for the report and for its view.

A *source* is a query whose rows are facts; *figures* are what a select over one of them tells of each group.
"""

from __future__ import annotations

from collections.abc import Mapping

MIN_SILENCE_MS = 1_200
"""An agent's silence of this length or more counts, unless a report is asked for another."""

SERVICE = "service"
"""The scorecard whose mean score tells how an agent serves."""

SEVERITIES = ("critical", "high", "medium", "low", "info")
"""Gravest first."""


def _share(part: str, whole: str) -> str:
    """Return one number over another, to four places; null over nothing."""
    return f"""CAST(round(
        1.0 * {part}
        / nullif({whole}, 0), 4) AS double precision)"""


def _mean_ms(value: str) -> str:
    return f"CAST(round(avg({value})) AS integer)"


def _count(where: str) -> str:
    return f"count(*) FILTER (WHERE {where})"


# --- bursts -----------------------------------------------------------------------------------------------------------

BURSTS = """
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
"""
"""A row a burst."""

_ANGRY = _count("emotion = 'ANGRY'")
_SUCCESS = _share(_count("outcome = 'good'"), _count("outcome IN ('good', 'poor')"))


def anger_figures(min_silence_ms: str = str(MIN_SILENCE_MS)) -> str:
    """Return what is told of bursts of anger; the threshold is a number, or the parameter that holds it."""
    follows = f"silence_before_ms >= {min_silence_ms}"
    return f"""
    count(*) AS anger_bursts,
    {_count(follows)} AS after_silence,
    {_share(_count(follows), "count(*)")} AS share_after_silence,
    {_mean_ms(f"CASE WHEN {follows} THEN silence_before_ms END")} AS mean_silence_ms"""


SOOTHING_FIGURES = f"""
    count(*) AS bursts,
    {_count("outcome = 'good'")} AS good,
    {_count("outcome = 'poor'")} AS poor,
    {_count("outcome = 'open'")} AS open,
    {_SUCCESS} AS success_rate,
    {_ANGRY} AS anger_bursts,
    {_mean_ms("CASE WHEN emotion = 'ANGRY' THEN silence_after_ms END")} AS mean_silence_after_ms,
    count(softened_ms) AS softened,
    {_mean_ms("softened_ms - reply_ms")} AS mean_softening_ms"""

# --- words ------------------------------------------------------------------------------------------------------------

# These are the most rows of all. What isn't current is looked for, since that is less than what is; and the other joins
# are from the left, so that Postgres leaves them out where neither queue nor agent is asked for.
WORDS = """
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
"""
"""A row a word of a call."""


def word_figures(where: str | None = None) -> str:
    """Return what is told of words; with a condition, of the rows for which it holds."""
    only = f" FILTER (WHERE {where})" if where else ""
    mentions, angry = f"sum(mentions){only}", f"sum(angry_mentions){only}"
    return f"""
    {mentions} AS mentions,
    count(*){only} AS calls,
    {angry} AS angry_mentions,
    {_share(angry, mentions)} AS share_angry"""


# --- calls and all that is known of them ------------------------------------------------------------------------------

_FACT = {
    "call_date": "date",
    "recording_id": "bigint",
    "queue": "text",
    "agent_id": "text",
    "duration_ms": "integer",
    "agent_speech_ms": "integer",
    "customer_speech_ms": "integer",
    "silence_ms": "integer",
    "agent_interruptions": "integer",
    "agent_response_ms": "integer",
    "agent_units_per_s": "double precision",
    "emotion": "text",
    "outcome": "text",
    "silence_before_ms": "integer",
    "severity": "text",
    "service_score": "double precision",
    "is_dead": "boolean",
}
"""Columns of a fact, with their types; those that a kind of fact doesn't have are null, and count for nothing."""

_OF_CALL = """JOIN analysis
    ON analysis.call_date = {table}.call_date AND analysis.id = {table}.analysis_id AND analysis.is_current
JOIN recording ON recording.id = analysis.recording_id"""


def _facts(source: str, *, call_date: str, **columns: str) -> str:
    """Return the query for one kind of fact: its own columns by their expressions, and null for the others."""
    told: Mapping[str, str] = {
        "call_date": call_date,
        "recording_id": "recording.id",
        "queue": "recording.queue",
        "agent_id": "recording.agent_id",
        **columns,
    }
    listed = ",\n    ".join(f"{told.get(name, f'CAST(NULL AS {kind})')} AS {name}" for name, kind in _FACT.items())
    return f"\nSELECT\n    {listed}\nFROM {source}\n"


FACTS = "UNION ALL".join(
    (
        _facts(
            "analysis\nJOIN recording ON recording.id = analysis.recording_id\nWHERE analysis.is_current",
            call_date="analysis.call_date",
            **{
                name: f"analysis.{name}"
                for name in (
                    *("duration_ms", "agent_speech_ms", "customer_speech_ms", "silence_ms"),
                    *("agent_interruptions", "agent_response_ms", "agent_units_per_s"),
                )
            },
        ),
        _facts(
            f"burst\n{_OF_CALL.format(table='burst')}",
            call_date="burst.call_date",
            emotion="burst.emotion",
            outcome="burst.outcome",
            silence_before_ms="burst.silence_before_ms",
        ),
        _facts(
            f"finding\n{_OF_CALL.format(table='finding')}", call_date="finding.call_date", severity="finding.severity"
        ),
        _facts(
            "scorecard_result\nJOIN analysis ON analysis.id = scorecard_result.analysis_id AND analysis.is_current"
            "\nJOIN recording ON recording.id = analysis.recording_id"
            f"\nWHERE scorecard_result.scorecard = '{SERVICE}'",
            call_date="analysis.call_date",
            service_score="scorecard_result.score / nullif(scorecard_result.max_score, 0)",
        ),
        _facts("recording\nWHERE recording.state = 'dead'", call_date="recording.call_date", is_dead="true"),
    )
)
"""A row a fact: a call with its sums, a burst, a finding, a score, a dead recording."""

_FINDING_FIGURES = ",\n    ".join(_count(f"severity = '{severity}'") + f" AS {severity}" for severity in SEVERITIES)
_CALLS = "count(duration_ms)"
_ANGRY_CALLS = "count(DISTINCT recording_id) FILTER (WHERE emotion = 'ANGRY')"
_FOLLOWS = _count(f"emotion = 'ANGRY' AND silence_before_ms >= {MIN_SILENCE_MS}")

AGENT_FIGURES = f"""
    {_CALLS} AS calls,
    {_share("sum(agent_speech_ms)", "sum(agent_speech_ms + customer_speech_ms)")} AS talk_share,
    {_mean_ms("agent_response_ms")} AS mean_response_ms,
    coalesce(sum(agent_interruptions), 0) AS interruptions,
    {_share("sum(silence_ms)", "sum(duration_ms)")} AS silence_share,
    CAST(round(CAST(avg(agent_units_per_s) AS numeric), 2) AS double precision) AS units_per_s,
    {_ANGRY} AS anger_bursts,
    {_share(_ANGRY, _CALLS)} AS anger_per_call,
    {_SUCCESS} AS success_rate,
    {_FINDING_FIGURES},
    CAST(round(CAST(avg(service_score) AS numeric), 4) AS double precision) AS service_score"""

DAY_FIGURES = f"""
    {_CALLS} AS calls,
    coalesce(sum(agent_speech_ms + customer_speech_ms), 0) AS talk_ms,
    {_ANGRY_CALLS} AS angry_calls,
    {_share(_ANGRY_CALLS, _CALLS)} AS anger_share,
    {_ANGRY} AS anger_bursts,
    {_FOLLOWS} AS after_silence,
    {_share(_FOLLOWS, _ANGRY)} AS share_after_silence,
    {_SUCCESS} AS success_rate,
    {_FINDING_FIGURES},
    {_count("is_dead")} AS dead"""
