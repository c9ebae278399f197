"""Agents: how they speak, and how their customers feel."""

from __future__ import annotations

from dataclasses import asdict

from models import reports
from models.reports import Agent, Scope
from models.session import Session
from reports.builtin.document import Column, Document, Unit, section
from reports.builtin.show import counted, duration, percent

NAME = "agents"

_AGENTS = (
    Column("name", "agent"),
    Column("calls", "calls", Unit.COUNT),
    Column("talk_share", "talk share", Unit.SHARE),
    Column("mean_response_ms", "response", Unit.MS),
    Column("interruptions", "interrupts", Unit.COUNT),
    Column("silence_share", "silence", Unit.SHARE),
    Column("units_per_s", "units/s", Unit.NUMBER),
    Column("anger_bursts", "anger", Unit.COUNT),
    Column("anger_per_call", "anger/call", Unit.NUMBER),
    Column("success_rate", "soothed", Unit.SHARE),
    Column("critical", "critical", Unit.COUNT),
    Column("high", "high", Unit.COUNT),
    Column("medium", "medium", Unit.COUNT),
    Column("low", "low", Unit.COUNT),
    Column("info", "info", Unit.COUNT),
    Column("service_score", "score", Unit.SHARE),
)


def compose(session: Session, scope: Scope, *, limit: int, page_url: str) -> Document:
    """
    Return the report.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    scope : Scope
        Which calls.
    limit : int > 0
        At most so many agents; the totals are of all.
    page_url : str
        Where the pages are served, or empty.
    """
    found = reports.agents(session, scope)
    total = found.total
    totals = asdict(total)
    del totals["name"]
    return Document(
        report=NAME,
        title="Agents",
        question="How do agents speak, and how do their customers feel?",
        scope=scope,
        options={"limit": limit},
        summary=(_summary(len(found.groups), total),),
        totals=totals,
        sections=(section("agents", "By agent", _AGENTS, found.groups[:limit]),),
        page_url=page_url,
    )


def _summary(agents: int, total: Agent) -> str:
    if not total.calls:
        return "There are no calls."
    delay = "" if total.mean_response_ms is None else f"reply after {duration(total.mean_response_ms)}, "
    return (
        f"{counted(agents, 'agent')} in {counted(total.calls, 'call')}: they speak {percent(total.talk_share)} of the "
        f"talk, {delay}and customers are angry {total.anger_per_call or 0:.2f} times a call."
    )
