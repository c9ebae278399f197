"""Anger after silence: how much of the customers' anger follows an agent's silence."""

from __future__ import annotations

from dataclasses import asdict

from models import reports
from models.reports import Anger, Grouping, Scope
from models.session import Session
from reports.builtin.document import Column, Document, Unit, section
from reports.builtin.show import counted, duration, percent

NAME = "anger-after-silence"

_GROUPS = (
    Column("anger_bursts", "anger bursts", Unit.COUNT),
    Column("after_silence", "after silence", Unit.COUNT),
    Column("share_after_silence", "share", Unit.SHARE, has_bar=True),
    Column("mean_silence_ms", "mean silence", Unit.MS),
)
_BURSTS = (
    Column("call_date", "date"),
    Column("call_id", "call"),
    Column("agent_id", "agent"),
    Column("queue", "queue"),
    Column("reason", "reason"),
    Column("silence_before_ms", "silence", Unit.MS),
    Column("probability", "certainty", Unit.SHARE),
    Column("moment", "where", Unit.MOMENT),
)


def compose(
    session: Session, scope: Scope, *, by: Grouping, min_silence_ms: int, limit: int, page_url: str
) -> Document:
    """
    Return the report.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    scope : Scope
        Which calls.
    by : Grouping
        What the groups are.
    min_silence_ms : int > 0
        Shorter silences don't count.
    limit : int >= 0
        At most so many bursts are listed; all are counted.
    page_url : str
        Where the pages are served, or empty.
    """
    found = reports.anger_after_silence(session, scope, by=by, min_silence_ms=min_silence_ms)
    bursts = reports.anger_bursts_after_silence(session, scope, min_silence_ms=min_silence_ms, limit=limit)
    total = found.total
    totals = asdict(total)
    del totals["name"]
    return Document(
        report=NAME,
        title="Anger after silence",
        question="How much of the customers' anger follows a silence of the agent's?",
        scope=scope,
        options={"by": by.value, "min_silence_ms": min_silence_ms, "limit": limit},
        summary=(_summary(total, min_silence_ms),),
        totals=totals,
        sections=(
            section("groups", f"By {by}", (Column("name", by.value), *_GROUPS), found.groups),
            section(
                "bursts", f"Bursts after silence, the longest silence first ({len(bursts):,} shown)", _BURSTS, bursts
            ),
        ),
        page_url=page_url,
    )


def _summary(total: Anger, min_silence_ms: int) -> str:
    if not total.anger_bursts:
        return "No customer was angry."
    return (
        f"{total.after_silence:,} of {counted(total.anger_bursts, 'burst')} of anger "
        f"({percent(total.share_after_silence)}) come after a silence of the agent's of {duration(min_silence_ms)} or "
        "more."
    )
