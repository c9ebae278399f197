"""The daily brief: a day of the contact centre on one page, which can be mailed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import date

from callscope.moments import days_before
from models import reports
from models.figures import MIN_SILENCE_MS
from models.reports import Days, Scope
from models.session import Session
from reports.builtin import words
from reports.builtin.document import Column, Document, Section, Unit, Value, section
from reports.builtin.show import counted, duration, percent, points

NAME = "brief"

DAYS_A_WEEK = 7

TOP_WORDS, TOP_RULES, TOP_DEAD = 10, 10, 20

_DAYS = (
    Column("name", "day"),
    Column("calls", "calls", Unit.COUNT),
    Column("talk_ms", "talk", Unit.MS),
    Column("angry_calls", "angry calls", Unit.COUNT),
    Column("anger_share", "share", Unit.SHARE, has_bar=True),
    Column("anger_change", "points to the day", Unit.POINTS),
    Column("anger_bursts", "anger bursts", Unit.COUNT),
    Column("after_silence", "after silence", Unit.COUNT),
    Column("share_after_silence", "share", Unit.SHARE),
    Column("success_rate", "soothed", Unit.SHARE),
    Column("critical", "critical", Unit.COUNT),
    Column("high", "high", Unit.COUNT),
    Column("dead", "dead", Unit.COUNT),
)
_RULES = (
    Column("severity", "severity"),
    Column("rule", "rule"),
    Column("hits", "hits", Unit.COUNT),
    Column("probability", "certainty", Unit.SHARE),
    Column("moment", "most certain hit", Unit.MOMENT),
)
_DEAD = (
    Column("recording_id", "recording"),
    Column("key", "key"),
    Column("code", "code"),
    Column("message", "message"),
)


def compose(session: Session, day: date, *, queue: str | None, agent_id: str | None, page_url: str) -> Document:
    """
    Return the brief of a day.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    day : date
        UTC date.
    queue, agent_id : str, optional
        Which calls; None: all.
    page_url : str
        Where the pages are served, or empty.
    """
    scope = Scope(day, day, queue, agent_id)
    yesterday = days_before(day, 1)
    today = reports.days(session, scope)
    before = reports.days(session, replace(scope, first=yesterday, last=yesterday))
    week = reports.days(session, replace(scope, first=days_before(day, DAYS_A_WEEK), last=yesterday))
    to_before, to_week = _difference(today, before), _difference(today, week)
    return Document(
        report=NAME,
        title=f"Daily brief of {day.isoformat()}",
        question="What happened on this day?",
        scope=scope,
        options={},
        summary=tuple(_summary(today, to_before, to_week)),
        totals=asdict(today),
        sections=(
            Section(
                "days",
                "The day, and the days before it",
                _DAYS,
                (
                    _row(asdict(today), name=day.isoformat()),
                    _row(asdict(before), name="day before", anger_change=to_before),
                    _row(_a_day(week), name=f"mean of {DAYS_A_WEEK} days", anger_change=to_week),
                ),
            ),
            section("words", "Hot words", words.COLUMNS, reports.hot_words(session, scope, limit=TOP_WORDS)),
            section("rules", "Findings, the gravest first", _RULES, reports.rule_hits(session, scope, limit=TOP_RULES)),
            section(
                "dead", "Recordings that were given up", _DEAD, reports.dead_recordings(session, scope, limit=TOP_DEAD)
            ),
        ),
        page_url=page_url,
    )


def _row(days: Mapping[str, Value], *, name: str, anger_change: float | None = None) -> tuple[Value, ...]:
    told = {**days, "name": name, "anger_change": anger_change}
    return tuple(told[column.name] for column in _DAYS)


def _a_day(week: Days) -> dict[str, Value]:
    """Return the counts of a mean day; shares are those of the week."""
    mean: dict[str, Value] = {}
    for name, value in asdict(week).items():
        mean[name] = round(value / DAYS_A_WEEK, 1) if isinstance(value, int) else value
    return mean


def _difference(today: Days, other: Days) -> float | None:
    """Return today's share of angry calls less the other's; None where one has no calls."""
    if today.anger_share is None or other.anger_share is None:
        return None
    return round(today.anger_share - other.anger_share, 4)


def _summary(today: Days, to_before: float | None, to_week: float | None) -> Iterator[str]:
    yield f"{counted(today.calls, 'call')}, {duration(today.talk_ms)} of talk."
    if today.calls:
        yield (
            f"Anger in {percent(today.anger_share)} of the calls; against the day before: {points(to_before)}; against "
            f"the mean of the {DAYS_A_WEEK} days before: {points(to_week)}."
        )
    if today.anger_bursts:
        yield (
            f"{counted(today.anger_bursts, 'burst')} of anger, {today.after_silence:,} of them "
            f"({percent(today.share_after_silence)}) after a silence of the agent's of {duration(MIN_SILENCE_MS)} or "
            "more."
        )
    if today.critical or today.high:
        yield f"{counted(today.critical, 'critical finding')}, {today.high:,} of high severity."
    if today.dead:
        yield f"{counted(today.dead, 'recording')} given up."
