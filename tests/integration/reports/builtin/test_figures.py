"""Every figure against a hand count over the calls of conftest, and the views against the same."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date

import pytest
from sqlalchemy import Engine

from models import reports
from models.reports import Anger, Grouping, HotWord, Moment, Scope, Soothing
from models.session import transaction
from models.views import REPORTS
from tests.integration.reports.builtin.conftest import RunSql

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("calls")]

ALL = Scope(date(2026, 11, 2), date(2026, 11, 10))
TENTH = Scope(date(2026, 11, 10), date(2026, 11, 10))


def test_anger_after_silence(engine: Engine) -> None:
    with transaction(engine) as session:
        found = reports.anger_after_silence(session, ALL, by=Grouping.QUEUE, min_silence_ms=1_200)
    assert found.groups == (Anger("refunds", 3, 2, 0.6667, 1_550), Anger("sales", 1, 0, 0.0, None))
    assert found.total == Anger(None, 4, 2, 0.5, 1_550)


def test_only_silences_of_the_length_asked_for_count(engine: Engine) -> None:
    with transaction(engine) as session:
        found = reports.anger_after_silence(session, ALL, by=Grouping.QUEUE, min_silence_ms=1_301)
        bursts = reports.anger_bursts_after_silence(session, ALL, min_silence_ms=1_301, limit=9)
    assert found.total == Anger(None, 4, 1, 0.25, 1_800)
    assert [burst.moment.at_ms for burst in bursts] == [3_000]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (Grouping.AGENT, [("ann", 3, 2), ("bob", 1, 0)]),
        (Grouping.REASON, [("late", 3, 1), ("damaged", 1, 1)]),
        (Grouping.DAY, [("2026-11-02", 2, 1), ("2026-11-03", 1, 1), ("2026-11-09", 1, 0)]),
        (Grouping.WEEK, [("2026-W45", 3, 2), ("2026-W46", 1, 0)]),
        (Grouping.MONTH, [("2026-11", 4, 2)]),
    ],
)
def test_anger_by(engine: Engine, by: Grouping, expected: list[tuple[str, int, int]]) -> None:
    with transaction(engine) as session:
        found = reports.anger_after_silence(session, ALL, by=by, min_silence_ms=1_200)
    assert [astuple(group)[:3] for group in found.groups] == expected


@pytest.mark.parametrize(
    ("scope", "bursts"),
    [
        (Scope(date(2026, 11, 3), date(2026, 11, 9)), 2),
        (Scope(ALL.first, ALL.last, queue="refunds"), 3),
        (Scope(ALL.first, ALL.last, agent_id="bob"), 1),
        (Scope(ALL.first, ALL.last, queue="refunds", agent_id="bob"), 0),
        (Scope(date(2025, 1, 1), date(2025, 1, 2)), 0),
    ],
)
def test_the_scope_holds(engine: Engine, scope: Scope, bursts: int) -> None:
    with transaction(engine) as session:
        found = reports.anger_after_silence(session, scope, by=Grouping.AGENT, min_silence_ms=1_200)
        assert reports.has_calls(session, scope) is (bursts > 0)
    assert found.total.anger_bursts == bursts
    assert bool(found.groups) is (bursts > 0)


def test_bursts_after_silence_are_listed_the_longest_silence_first(engine: Engine, run_sql: RunSql) -> None:
    ids = {str(key): int(str(number)) for key, number in run_sql("SELECT key, id FROM recording")}
    with transaction(engine) as session:
        found = reports.anger_bursts_after_silence(session, ALL, min_silence_ms=1_200, limit=9)
        first = reports.anger_bursts_after_silence(session, ALL, min_silence_ms=1_200, limit=1)
    assert [(b.moment, b.silence_before_ms, b.reason) for b in found] == [
        (Moment(ids["late.wav"], "late.wav", 3_000), 1_800, "late"),
        (Moment(ids["damaged.wav"], "damaged.wav", 2_000), 1_300, "damaged"),
    ]
    assert first == found[:1]


def test_soothing(engine: Engine) -> None:
    with transaction(engine) as session:
        found = reports.soothing(session, ALL)
    assert found.groups == (
        Soothing("ann", 4, 2, 2, 0, 0.5, 3, 1_333, 2, 1_500),
        Soothing("bob", 1, 0, 0, 1, None, 1, 0, 0, None),
        Soothing(None, 1, 0, 0, 1, None, 0, None, 0, None),
    )
    assert found.total == Soothing(None, 6, 2, 2, 2, 0.5, 4, 1_000, 2, 1_500)


def test_the_worst_bursts(engine: Engine) -> None:
    with transaction(engine) as session:
        listed = reports.worst_bursts(session, ALL, limit=9)
        of_each = reports.worst_burst_of_each_agent(session, ALL)
    assert [(burst.key, burst.at_ms, burst.silence_after_ms) for burst in listed] == [
        ("late.wav", 83_900, 2_500),
        ("damaged.wav", 2_000, 1_500),
    ]
    assert of_each == {"ann": listed[0]}


def test_hot_words(engine: Engine) -> None:
    with transaction(engine) as session:
        found = reports.hot_words(session, ALL, limit=9)
        by_anger = reports.hot_words(session, ALL, limit=2, by_anger=True)
        english = reports.hot_words(session, ALL, limit=9, language="en")
        sales = reports.hot_words(session, Scope(ALL.first, ALL.last, queue="sales"), limit=9)
    assert found == [
        HotWord("退款", "zh", 8, 2, 4, 0.5, 4),
        HotWord("refund", "en", 4, 1, 4, 1.0, 0),
        HotWord("发货", "zh", 2, 1, 0, 0.0, 0),
    ]
    assert [word.change for word in found] == [1.0, None, None]
    assert by_anger == found[:2]
    assert english == sales == found[1:2]


def test_the_period_before_is_as_long_as_the_period(engine: Engine) -> None:
    third = Scope(date(2026, 11, 3), date(2026, 11, 3))
    with transaction(engine) as session:
        [word] = reports.hot_words(session, third, limit=9)
        [of_two_days] = reports.hot_words(session, Scope(third.first, date(2026, 11, 4)), limit=9)
    assert word.mentions_before == 5, "of the second alone"
    assert of_two_days.mentions_before == 9, "of the first and the second"


def test_agents(engine: Engine) -> None:
    with transaction(engine) as session:
        found = reports.agents(session, ALL)
    told = {agent.name: agent for agent in found.groups}
    assert list(told) == ["ann", "bob", None]
    assert astuple(told["ann"]) == (
        *("ann", 2, 0.6667, 500, 2, 0.05, 4.5),
        *(3, 1.5, 0.5),
        *(0, 1, 0, 0, 2, 0.65),
    )
    assert astuple(told["bob"]) == (
        *("bob", 2, 0.7666, None, 1, 0.0, None),
        *(1, 0.5, None),
        *(2, 0, 0, 0, 1, None),
    )
    assert astuple(found.total)[:3] == (None, 5, 0.7651)
    assert (found.total.anger_bursts, found.total.anger_per_call, found.total.info) == (4, 0.8, 3)


def test_days(engine: Engine) -> None:
    with transaction(engine) as session:
        tenth = reports.days(session, TENTH)
        week = reports.days(session, Scope(date(2026, 11, 3), date(2026, 11, 9)))
        never = reports.days(session, Scope(date(2025, 1, 1), date(2025, 1, 1)))
    assert astuple(tenth) == (2, 3_900_000, 0, 0.0, 0, 0, None, None, 2, 0, 0, 0, 1, 1)
    assert astuple(week) == (2, 40_000, 2, 1.0, 2, 1, 0.5, 0.5, 0, 0, 0, 0, 2, 0)
    assert astuple(never) == (0, 0, 0, None, 0, 0, None, None, 0, 0, 0, 0, 0, 0)


def test_findings_and_dead_recordings(engine: Engine) -> None:
    with transaction(engine) as session:
        hits = reports.rule_hits(session, TENTH, limit=9)
        dead = reports.dead_recordings(session, TENTH, limit=9)
        elsewhere = reports.dead_recordings(session, Scope(TENTH.first, TENTH.last, queue="refunds"), limit=9)
    assert [(hit.severity, hit.rule, hit.hits, hit.key, hit.at_ms, hit.probability) for hit in hits] == [
        ("critical", "angry-with-sigh", 2, "calm.wav", 125_000, 0.9),
        ("info", "allergy", 1, "calm.wav", 100, 0.8),
    ]
    assert [(one.key, one.code, one.message) for one in dead] == [("dead.wav", "code_permanent", "no audio in it")]
    assert elsewhere == []


def test_which_days_have_calls(engine: Engine, run_sql: RunSql) -> None:
    with transaction(engine) as session:
        assert reports.stored_dates(session) == (date(2026, 11, 1), date(2026, 11, 10))
    run_sql("DELETE FROM recording")
    with transaction(engine) as session:
        assert reports.stored_dates(session) is None
        assert not reports.has_calls(session, ALL)


# --- the views: their counts, added up over the days, are the report's ----------------------------------------------


def test_the_view_of_anger_agrees(engine: Engine, run_sql: RunSql) -> None:
    with transaction(engine) as session:
        found = reports.anger_after_silence(session, ALL, by=Grouping.REASON, min_silence_ms=1_200)
    assert run_sql(
        "SELECT reason, CAST(sum(anger_bursts) AS int), CAST(sum(after_silence) AS int) FROM report_anger_after_silence"
        " WHERE call_date > '2026-11-01' GROUP BY reason ORDER BY 2 DESC"
    ) == [astuple(group)[:3] for group in found.groups]
    assert run_sql(
        "SELECT share_after_silence, mean_silence_ms FROM report_anger_after_silence WHERE call_date = '2026-11-02'"
    ) == [(0.5, 1_800)]


def test_the_view_of_soothing_agrees(engine: Engine, run_sql: RunSql) -> None:
    with transaction(engine) as session:
        found = reports.soothing(session, ALL)
    assert run_sql(
        "SELECT agent_id, CAST(sum(bursts) AS int), CAST(sum(good) AS int), CAST(sum(poor) AS int),"
        " CAST(sum(open) AS int)"
        " FROM report_soothing WHERE call_date > '2026-11-01' GROUP BY agent_id ORDER BY agent_id NULLS LAST"
    ) == [astuple(agent)[:5] for agent in found.groups]
    assert run_sql(
        "SELECT success_rate, mean_silence_after_ms FROM report_soothing WHERE call_date = '2026-11-03'"
    ) == [(0.5, 1_500)]


def test_the_view_of_words_agrees(engine: Engine, run_sql: RunSql) -> None:
    with transaction(engine) as session:
        found = reports.hot_words(session, ALL, limit=9)
    assert run_sql(
        "SELECT word, language, CAST(sum(mentions) AS int), CAST(sum(calls) AS int), CAST(sum(angry_mentions) AS int)"
        " FROM report_hot_words WHERE call_date > '2026-11-01' GROUP BY word, language ORDER BY 3 DESC"
    ) == [astuple(word)[:5] for word in found]


def test_the_views_of_a_day_are_its_report(engine: Engine, run_sql: RunSql) -> None:
    second = Scope(date(2026, 11, 2), date(2026, 11, 2))
    with transaction(engine) as session:
        [agent] = reports.agents(session, second).groups
        day = reports.days(session, second)
    [(_, name, queue, *told)] = run_sql("SELECT * FROM report_agents WHERE call_date = '2026-11-02'")
    assert (name, queue) == ("ann", "refunds")
    assert tuple(told) == astuple(agent)[1:]
    [(_, *of_day)] = run_sql("SELECT * FROM report_brief WHERE call_date = '2026-11-02'")
    assert tuple(of_day) == astuple(day)
    assert run_sql("SELECT dead FROM report_brief WHERE call_date = '2026-11-10'") == [(1,)]


@pytest.mark.parametrize("view", [view.name for view in REPORTS])
def test_a_day_of_a_view_touches_the_partition_of_its_month_alone(run_sql: RunSql, view: str) -> None:
    plan = run_sql(f"EXPLAIN (COSTS OFF) SELECT * FROM {view} WHERE call_date = '2026-11-02'")  # noqa: S608 - our own
    lines = "\n".join(str(line) for (line,) in plan)
    assert "y2026m11" in lines
    assert "y2026m10" not in lines
    assert "_default" not in lines
