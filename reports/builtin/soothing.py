"""The soothing scorecard: how agents take anger and sadness."""

from __future__ import annotations

from dataclasses import asdict

from models import reports
from models.reports import Scope, Soothing
from models.session import Session
from reports.builtin.document import Column, Document, Unit, section
from reports.builtin.show import counted, percent

NAME = "soothing"

MIN_DECIDED = 5
"""Of fewer bursts that were soothed or not, a rate says little."""

_AGENTS = (
    Column("name", "agent"),
    Column("bursts", "bursts", Unit.COUNT),
    Column("good", "good", Unit.COUNT),
    Column("poor", "poor", Unit.COUNT),
    Column("open", "open", Unit.COUNT),
    Column("success_rate", "soothed", Unit.SHARE, has_bar=True),
    Column("against_benchmark", "points to benchmark", Unit.POINTS),
    Column("standing", "standing"),
    Column("anger_bursts", "anger bursts", Unit.COUNT),
    Column("mean_silence_after_ms", "silence after anger", Unit.MS),
    Column("softened", "softened", Unit.COUNT),
    Column("mean_softening_ms", "reply to softening", Unit.MS),
    Column("moment", "look at", Unit.MOMENT),
)
_BURSTS = (
    Column("call_date", "date"),
    Column("call_id", "call"),
    Column("agent_id", "agent"),
    Column("queue", "queue"),
    Column("emotion", "emotion"),
    Column("silence_after_ms", "silence after", Unit.MS),
    Column("probability", "certainty", Unit.SHARE),
    Column("moment", "where", Unit.MOMENT),
)


def compose(
    session: Session, scope: Scope, *, benchmark: float, min_decided: int, limit: int, page_url: str
) -> Document:
    """
    Return the report.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    scope : Scope
        Which calls.
    benchmark : float
        Success rate that agents are held to, in [0, 1].
    min_decided : int > 0
        An agent with fewer bursts that were soothed or not has few data, and is not held to it.
    limit : int >= 0
        At most so many bursts are listed.
    page_url : str
        Where the pages are served, or empty.
    """
    found = reports.soothing(session, scope)
    worst = reports.worst_burst_of_each_agent(session, scope)
    total = found.total
    totals = asdict(total)
    del totals["name"]

    def look_at(agent: Soothing) -> reports.Moment | None:
        burst = worst.get(agent.name)
        return burst.moment if burst else None

    def standing(agent: Soothing) -> str:
        if agent.success_rate is None or agent.good + agent.poor < min_decided:
            return "few data"
        return "reached" if agent.success_rate >= benchmark else "below"

    return Document(
        report=NAME,
        title="Soothing",
        question="How do agents take the anger and the sadness of customers?",
        scope=scope,
        options={"benchmark": benchmark, "min_decided": min_decided, "limit": limit},
        summary=(_summary(total, benchmark),),
        totals=totals,
        sections=(
            section(
                "agents",
                "By agent",
                _AGENTS,
                found.groups,
                against_benchmark=lambda agent: _difference(agent.success_rate, benchmark),
                standing=standing,
                moment=look_at,
            ),
            section(
                "bursts",
                "Poorly taken, the longest silence after them first",
                _BURSTS,
                reports.worst_bursts(session, scope, limit=limit),
            ),
        ),
        page_url=page_url,
    )


def _difference(rate: float | None, benchmark: float) -> float | None:
    return None if rate is None else round(rate - benchmark, 4)


def _summary(total: Soothing, benchmark: float) -> str:
    if not total.bursts:
        return "No customer was angry or sad."
    return (
        f"{total.good:,} of {counted(total.good + total.poor, 'decided burst')} of anger or sadness were soothed: "
        f"{percent(total.success_rate)}, where the benchmark is {percent(benchmark)}. Of {total.open:,} neither can be "
        "told."
    )
