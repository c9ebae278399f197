"""What the built-in reports ask of the database. Their figures are those of the views named `report_`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscope.calls import NoticeKind
from callscope.moments import days_before
from models import figures
from models.tables import Analysis, Outbox, Recording

T = TypeVar("T")

_BRIEFS = uuid.UUID("6f1f4f0e-9a54-4c0b-8f3c-2f6b1c7d5a11")
"""Namespace of the message numbers of briefs."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which calls a report speaks of."""

    first: date
    """UTC date."""
    last: date
    """UTC date, inclusive."""
    queue: str | None = None
    """None: every queue."""
    agent_id: str | None = None
    """None: every agent."""

    @property
    def days(self) -> int:
        """How many days it spans."""
        return (self.last - self.first).days + 1


class Grouping(StrEnum):
    """What the share of anger after silence may be told by."""

    QUEUE = "queue"
    AGENT = "agent"
    REASON = "reason"
    DAY = "day"
    WEEK = "week"
    """Of ISO 8601, such as ``2026-W48``."""
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Grouped(Generic[T]):
    """The figures of each group, and of all calls together."""

    groups: tuple[T, ...]
    total: T
    """Its name is None."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A second of a recording."""

    recording_id: int
    key: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Anger:
    """How much of a group's anger follows an agent's silence."""

    name: str | None
    """None: telephony told none."""
    anger_bursts: int
    after_silence: int
    share_after_silence: float | None
    """In [0, 1]; None without a burst."""
    mean_silence_ms: int | None
    """Of the silences that anger follows."""


@dataclass(frozen=True, slots=True)
class BurstAt:
    """One burst, and where to hear it."""

    recording_id: int
    key: str
    at_ms: int
    """Where it begins."""
    call_date: date
    call_id: str | None
    agent_id: str | None
    queue: str | None
    reason: str | None
    emotion: str
    probability: float
    silence_before_ms: int
    silence_after_ms: int

    @property
    def moment(self) -> Moment:
        """The second to listen to."""
        return Moment(self.recording_id, self.key, self.at_ms)


@dataclass(frozen=True, slots=True)
class Soothing:
    """How an agent took the anger and the sadness of customers."""

    name: str | None
    """The agent; None: telephony told none."""
    bursts: int
    good: int
    poor: int
    open: int
    success_rate: float | None
    """Good over good and poor, in [0, 1]; None where nothing is decided."""
    anger_bursts: int
    mean_silence_after_ms: int | None
    """Over the bursts of anger; one that no silence follows counts as 0."""
    softened: int
    """Bursts after which happiness or laughter followed the reply."""
    mean_softening_ms: int | None
    """From the agent's reply to that."""


@dataclass(frozen=True, slots=True)
class HotWord:
    """A word that carries meaning, how often it is said and how often in anger."""

    word: str
    language: str
    mentions: int
    calls: int
    angry_mentions: int
    share_angry: float
    mentions_before: int
    """In the period of the same length that ends before this one begins."""

    @property
    def change(self) -> float | None:
        """Mentions against the period before: 0.5 is half as many again; None where there were none."""
        return self.mentions / self.mentions_before - 1 if self.mentions_before else None


@dataclass(frozen=True, slots=True)
class Agent:
    """How an agent speaks, and how the customers feel."""

    name: str | None
    calls: int
    talk_share: float | None
    mean_response_ms: int | None
    interruptions: int
    silence_share: float | None
    units_per_s: float | None
    anger_bursts: int
    anger_per_call: float | None
    success_rate: float | None
    critical: int
    high: int
    medium: int
    low: int
    info: int
    service_score: float | None
    """Mean share of the scorecard's points, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Days:
    """One or more days of the whole contact centre."""

    calls: int
    talk_ms: int
    angry_calls: int
    anger_share: float | None
    """Calls with a burst of anger over all calls."""
    anger_bursts: int
    after_silence: int
    share_after_silence: float | None
    success_rate: float | None
    critical: int
    high: int
    medium: int
    low: int
    info: int
    dead: int


@dataclass(frozen=True, slots=True)
class RuleHits:
    """How often a rule hit, and its most certain hit."""

    severity: str
    rule: str
    hits: int
    recording_id: int
    key: str
    at_ms: int
    probability: float

    @property
    def moment(self) -> Moment:
        """Where the most certain hit begins."""
        return Moment(self.recording_id, self.key, self.at_ms)


@dataclass(frozen=True, slots=True)
class DeadRecording:
    """A recording that was given up."""

    recording_id: int
    key: str
    code: str
    message: str


# Values are parameters; all else that is put together here are words of this file and of `models.figures`.

_GROUPS: Mapping[Grouping, str] = {
    Grouping.QUEUE: "queue",
    Grouping.AGENT: "agent_id",
    Grouping.REASON: "reason",
    Grouping.DAY: "to_char(call_date, 'YYYY-MM-DD')",
    Grouping.WEEK: "to_char(call_date, 'IYYY-\"W\"IW')",
    Grouping.MONTH: "to_char(call_date, 'YYYY-MM')",
}

_OF_WHOM = """(CAST(:queue AS text) IS NULL OR queue = :queue)
    AND (CAST(:agent_id AS text) IS NULL OR agent_id = :agent_id)"""
_IN_SCOPE = f"call_date BETWEEN :first AND :last AND {_OF_WHOM}"

_WORST_FIRST = "silence_after_ms DESC, probability DESC, call_date, recording_id, start_ms"

_BURST_AT = f"""recording_id, key, start_ms AS at_ms, call_date, call_id, agent_id, queue, reason, emotion, probability,
    silence_before_ms, silence_after_ms
FROM ({figures.BURSTS}) AS fact
WHERE {_IN_SCOPE}"""


def today(session: Session) -> date:
    """Return the UTC date by the database's clock."""
    return session.scalars(select(func.current_date())).one()


def stored_dates(session: Session) -> tuple[date, date] | None:
    """Return the first and the last day with calls; None while there are none."""
    first, last = session.execute(
        select(func.min(Analysis.call_date), func.max(Analysis.call_date)).where(Analysis.is_current)
    ).one()
    return (first, last) if first else None


def has_calls(session: Session, scope: Scope) -> bool:
    """Return whether a call of the scope has an analysis."""
    of_scope = (
        select(Analysis.id)
        .join(Recording, Recording.id == Analysis.recording_id)
        .where(Analysis.is_current, Analysis.call_date.between(scope.first, scope.last))
    )
    if scope.queue is not None:
        of_scope = of_scope.where(Recording.queue == scope.queue)
    if scope.agent_id is not None:
        of_scope = of_scope.where(Recording.agent_id == scope.agent_id)
    return session.scalar(of_scope.limit(1)) is not None


def anger_after_silence(session: Session, scope: Scope, *, by: Grouping, min_silence_ms: int) -> Grouped[Anger]:
    """
    Return how much of the anger follows an agent's silence.

    Parameters
    ----------
    session : Session
        Inside a transaction, as for every question here.
    scope : Scope
        Which calls.
    by : Grouping
        What the groups are; those of time ascend, others begin with the most anger.
    min_silence_ms : int > 0
        Shorter silences don't count.
    """
    return _grouped(
        session,
        Anger,
        figures.BURSTS,
        figures.anger_figures(":min_silence_ms"),
        scope,
        by=_GROUPS[by],
        order="name" if by in {Grouping.DAY, Grouping.WEEK, Grouping.MONTH} else "anger_bursts DESC",
        where="emotion = 'ANGRY'",
        min_silence_ms=min_silence_ms,
    )


def anger_bursts_after_silence(session: Session, scope: Scope, *, min_silence_ms: int, limit: int) -> list[BurstAt]:
    """Return the bursts of anger that follow an agent's silence, the longest silence first."""
    return _burst_list(
        session,
        f"SELECT {_BURST_AT} AND emotion = 'ANGRY' AND silence_before_ms >= :min_silence_ms"
        " ORDER BY silence_before_ms DESC, call_date, recording_id, start_ms LIMIT :limit",
        scope,
        min_silence_ms=min_silence_ms,
        limit=limit,
    )


def soothing(session: Session, scope: Scope) -> Grouped[Soothing]:
    """Return how each agent took anger and sadness; those with the most bursts first."""
    return _grouped(
        session, Soothing, figures.BURSTS, figures.SOOTHING_FIGURES, scope, by="agent_id", order="bursts DESC"
    )


def worst_bursts(session: Session, scope: Scope, *, limit: int) -> list[BurstAt]:
    """Return the bursts that were poorly taken; those with the longest silence after them first."""
    return _burst_list(
        session,
        f"SELECT {_BURST_AT} AND outcome = 'poor' ORDER BY {_WORST_FIRST} LIMIT :limit",
        scope,
        limit=limit,
    )


def worst_burst_of_each_agent(session: Session, scope: Scope) -> dict[str | None, BurstAt]:
    """Return, by agent, the burst that comes first in `worst_bursts`; agents without one are left out."""
    bursts = _burst_list(
        session,
        f"SELECT DISTINCT ON (agent_id) {_BURST_AT} AND outcome = 'poor' ORDER BY agent_id, {_WORST_FIRST}",
        scope,
    )
    return {burst.agent_id: burst for burst in bursts}


def hot_words(
    session: Session, scope: Scope, *, limit: int, language: str | None = None, by_anger: bool = False
) -> list[HotWord]:
    """
    Return the words that are said most, or most in anger.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    scope : Scope
        Which calls.
    limit : int > 0
        At most so many words.
    language : str, optional
        None: every language.
    by_anger : bool
        Whether mentions in anger put a word first.
    """
    rows = session.execute(
        text(f"""
SELECT
    word,
    language,{figures.word_figures("call_date >= :first")},
    coalesce(sum(mentions) FILTER (WHERE call_date < :first), 0) AS mentions_before
FROM ({figures.WORDS}) AS fact
WHERE call_date BETWEEN :before AND :last AND {_OF_WHOM}
    AND (CAST(:language AS text) IS NULL OR language = :language)
GROUP BY word, language
HAVING bool_or(call_date >= :first)
ORDER BY {"angry_mentions DESC, " if by_anger else ""}mentions DESC, word, language
LIMIT :limit
"""),  # noqa: S608 - our own words
        {
            **_values(scope),
            "before": days_before(scope.first, scope.days),
            "language": language,
            "limit": limit,
        },
    )
    return [HotWord(**row) for row in rows.mappings()]


def agents(session: Session, scope: Scope) -> Grouped[Agent]:
    """Return how each agent speaks and how their customers feel; those with the most calls first."""
    return _grouped(
        session,
        Agent,
        figures.FACTS,
        figures.AGENT_FIGURES,
        scope,
        by="agent_id",
        order="calls DESC",
        where="is_dead IS NULL",
    )


def days(session: Session, scope: Scope) -> Days:
    """Return the figures of all the days of a scope together."""
    rows = session.execute(
        text(f"SELECT {figures.DAY_FIGURES} FROM ({figures.FACTS}) AS fact WHERE {_IN_SCOPE}"),  # noqa: S608 - our own
        _values(scope),
    )
    return Days(**rows.mappings().one())


def rule_hits(session: Session, scope: Scope, *, limit: int) -> list[RuleHits]:
    """Return the rules that hit, the gravest first, then those that hit most."""
    gravest = ", ".join(f"'{severity}'" for severity in figures.SEVERITIES)
    rows = session.execute(
        text(f"""
SELECT * FROM (
    SELECT DISTINCT ON (severity, rule)
        severity,
        rule,
        count(*) OVER (PARTITION BY severity, rule) AS hits,
        recording.id AS recording_id,
        recording.key,
        finding.start_ms AS at_ms,
        finding.probability
    FROM finding
    JOIN analysis
        ON analysis.call_date = finding.call_date AND analysis.id = finding.analysis_id AND analysis.is_current
    JOIN recording ON recording.id = analysis.recording_id
    WHERE finding.call_date BETWEEN :first AND :last AND {_OF_WHOM}
    ORDER BY severity, rule, finding.probability DESC, recording.id, finding.start_ms
) AS hit
ORDER BY array_position(ARRAY[{gravest}], severity), hits DESC, rule
LIMIT :limit
"""),  # noqa: S608 - our own words
        {**_values(scope), "limit": limit},
    )
    return [RuleHits(**row) for row in rows.mappings()]


def dead_recordings(session: Session, scope: Scope, *, limit: int) -> list[DeadRecording]:
    """Return recordings that were given up, the newest first."""
    rows = session.execute(
        text(f"""
SELECT id AS recording_id, key, error_code AS code, error_message AS message
FROM recording
WHERE state = 'dead' AND {_IN_SCOPE}
ORDER BY id DESC
LIMIT :limit
"""),  # noqa: S608 - our own words
        {**_values(scope), "limit": limit},
    )
    return [DeadRecording(**row) for row in rows.mappings()]


def send_brief(session: Session, *, target: str, key: str, data: Mapping[str, str]) -> bool:
    """
    Write a brief into the outbox as mail, once.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    target : str
        Name of the configured receiver.
    key : str
        What the brief is about. The message's number is made of it and of the target, and two messages can't have the
        same number: so a second call, even one at the same moment, writes nothing.
    data : mapping
        ``subject``, ``text`` and ``html``.

    Returns
    -------
    bool
        False when it is in the outbox already, or was sent.
    """
    written = session.scalar(
        insert(Outbox)
        .values(
            kind=NoticeKind.MAIL,
            target=target,
            payload={"type": "report.brief", "data": {"key": key, **data}},
            message_id=f"msg_{uuid.uuid5(_BRIEFS, f'{key} {target}').hex}",
        )
        .on_conflict_do_nothing(index_elements=[Outbox.message_id])
        .returning(Outbox.id)
    )
    return written is not None


def _values(scope: Scope) -> dict[str, Any]:
    return {"first": scope.first, "last": scope.last, "queue": scope.queue, "agent_id": scope.agent_id}


def _grouped(
    session: Session,
    make: Callable[..., T],
    source: str,
    told: str,
    scope: Scope,
    *,
    by: str,
    order: str,
    where: str = "true",
    **values: object,
) -> Grouped[T]:
    """Return the figures of each group and of all, in one pass; the row of all comes last, also where there is none."""
    rows = session.execute(
        text(f"""
SELECT name, {told}
FROM (SELECT {by} AS name, fact.* FROM ({source}) AS fact WHERE {_IN_SCOPE} AND {where}) AS fact
GROUP BY GROUPING SETS ((name), ())
ORDER BY grouping(name), {order}, name NULLS LAST
"""),  # noqa: S608 - our own words
        {**_values(scope), **values},
    )
    *groups, total = [make(**row) for row in rows.mappings()]
    return Grouped(tuple(groups), total)


def _burst_list(session: Session, query: str, scope: Scope, **values: object) -> list[BurstAt]:
    return [BurstAt(**row) for row in session.execute(text(query), {**_values(scope), **values}).mappings()]
