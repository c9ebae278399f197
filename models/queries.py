"""Ready questions that analysts may ask: the demo answers them, and so can psql."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Query:
    """A question and its SQL, over the views alone."""

    question: str
    sql: str


ANGER_AFTER_SILENCE = Query(
    "Which anger follows a silence of the agent's?",
    """
SELECT silence.call_id, silence.agent_id, round(silence.duration_s, 1) AS silent_s,
       to_char(angry.start_ms * interval '1 ms', 'MI:SS') AS angry_at,
       round(angry.probability::numeric, 2) AS probability
FROM event_list AS silence
JOIN emotion_timeline AS angry USING (recording_id)
WHERE silence.kind = 'SILENCE' AND silence.owner = 'agent'
  AND angry.role = 'customer' AND angry.emotion = 'ANGRY'
  AND angry.start_ms BETWEEN silence.end_ms AND silence.end_ms + 15000
ORDER BY silence.call_id, angry.start_ms
""",
)

CUSTOMERS_FEELINGS = Query(
    "What did customers feel, and for how long, in each queue?",
    """
SELECT queue, emotion, count(*) AS segments, round(sum(end_ms - start_ms) / 1000.0, 1) AS seconds
FROM emotion_timeline
WHERE role = 'customer' AND is_speech
GROUP BY queue, emotion
ORDER BY queue, seconds DESC
""",
)

WHAT_ELSE_WAS_HEARD = Query(
    "What else was heard, or not heard?",
    """
SELECT kind, origin, count(*) AS times, count(DISTINCT recording_id) AS calls, round(sum(duration_s), 1) AS seconds
FROM event_list
GROUP BY kind, origin
ORDER BY seconds DESC
""",
)

QUERIES = (ANGER_AFTER_SILENCE, CUSTOMERS_FEELINGS, WHAT_ELSE_WAS_HEARD)


def run_query(session: Session, query: Query) -> tuple[list[str], list[tuple[object, ...]]]:
    """Return headings and rows."""
    result = session.execute(text(query.sql))
    return list(result.keys()), [tuple(row) for row in result]
