from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine

from callscope.calls import CallMetadata, Emotion, EventKind, Language, Role
from callscope.jobs import FailureKind
from models.partitions import ensure_months
from models.session import transaction
from tests.examples import a_hearing, a_segment
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

STARTED = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def stored(engine: Engine) -> None:
    """A call: the agent 2 s neutral, the customer 3 s angry in zh and 1 s sad in yue, then a laugh in a silence."""
    with transaction(engine) as session:
        ensure_months(session, STARTED.date(), STARTED.date())
    told = CallMetadata(call_id="c-1", agent_id="a-7", queue="refunds", direction="inbound", started_at=STARTED)
    steps.discover(engine, "a.wav", metadata=told)
    segments = (
        a_segment(start_ms=0, end_ms=2_000),
        a_segment(channel=1, role=Role.CUSTOMER, start_ms=1_500, end_ms=4_500, emotion=Emotion.ANGRY),
        replace(
            a_segment(channel=1, role=Role.CUSTOMER, start_ms=6_500, end_ms=7_500, emotion=Emotion.SAD),
            language=Language.YUE,
        ),
        replace(
            a_segment(start_ms=8_000, end_ms=9_000, text="", emotion=Emotion.HAPPY, is_speech=False),
            event=EventKind.LAUGHTER,
            event_probability=0.8,
        ),
    )
    job = steps.take_one(engine)
    steps.finish(engine, job, a_hearing(checkpoint="old-00000000"))
    hearing = a_hearing(segments=segments)
    steps.finish(engine, job, replace(hearing, audio=replace(hearing.audio, duration_ms=9_000)))


@pytest.mark.usefixtures("stored")
def test_call_summary(run_sql: RunSql) -> None:
    assert run_sql(
        "SELECT key, call_id, agent_id, queue, direction, call_date::text, started_at, state, checkpoint, duration_ms,"
        " languages, segment_count, event_count, silence_count, silence_ms, crosstalk_count, crosstalk_ms,"
        " agent_speech_ms, customer_speech_ms, dominant_emotion, emotion_shares, customer_emotion_shares"
        " FROM call_summary"
    ) == [
        (
            *("a.wav", "c-1", "a-7", "refunds", "inbound", "2026-11-02", STARTED, "done", "demo-0123abcd", 9_000),
            *(["zh", "yue"], 4, 5, 2, 3_500, 1, 500, 2_000, 4_000, "ANGRY"),
            {"ANGRY": 0.5, "NEUTRAL": 0.3333, "SAD": 0.1667},
            {"ANGRY": 0.75, "SAD": 0.25},
        )
    ]


def test_call_summary_tells_of_recordings_without_an_analysis(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "dead.wav", "waits.wav")
    steps.fail(engine, steps.take(engine, limit=1)[0].job, FailureKind.PERMANENT)
    assert run_sql(
        "SELECT key, state, error_code, analysis_id, silence_ms, languages FROM call_summary ORDER BY key"
    ) == [
        ("dead.wav", "dead", "code_permanent", None, None, None),
        ("waits.wav", "discovered", None, None, None, None),
    ]


def test_call_summary_of_a_call_without_speech(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    steps.finish(engine, steps.take_one(engine), a_hearing(segments=()))
    assert run_sql("SELECT state, segment_count, silence_ms, languages, emotion_shares FROM call_summary") == [
        ("no_speech", 0, 5_000, None, None)
    ]


@pytest.mark.usefixtures("stored")
def test_emotion_timeline_is_of_the_newest_analysis(run_sql: RunSql) -> None:
    assert run_sql(
        "SELECT key, segment_no, role, start_ms, end_ms, emotion, probability, language, is_speech,"
        " distribution ->> emotion FROM emotion_timeline ORDER BY segment_no"
    ) == [
        ("a.wav", 0, "agent", 0, 2_000, "NEUTRAL", 0.92, "zh", True, "0.92"),
        ("a.wav", 1, "customer", 1_500, 4_500, "ANGRY", 0.92, "zh", True, "0.92"),
        ("a.wav", 2, "customer", 6_500, 7_500, "SAD", 0.92, "yue", True, "0.92"),
        ("a.wav", 3, "agent", 8_000, 9_000, "HAPPY", 0.92, "zh", False, "0.92"),
    ]


@pytest.mark.usefixtures("stored")
def test_event_list_is_of_the_newest_analysis(run_sql: RunSql) -> None:
    assert run_sql(
        "SELECT event_no, kind, origin, owner, channel, start_ms, start_s, duration_s FROM event_list ORDER BY event_no"
    ) == [
        (0, "CROSSTALK", "derived", "customer", None, 1_500, Decimal("1.500"), Decimal("0.500")),
        (1, "INTERRUPTION", "derived", "customer", 1, 1_500, Decimal("1.500"), Decimal("0.500")),
        (2, "SILENCE", "derived", "agent", None, 4_500, Decimal("4.500"), Decimal("2.000")),
        (3, "SILENCE", "derived", "agent", None, 7_500, Decimal("7.500"), Decimal("1.500")),
        (4, "LAUGHTER", "model", "agent", 0, 8_000, Decimal("8.000"), Decimal("1.000")),
    ]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("view", ["call_summary", "emotion_timeline", "event_list"])
def test_a_day_of_a_view_touches_the_partition_of_its_month_alone(run_sql: RunSql, view: str) -> None:
    plan = run_sql(f"EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM {view} WHERE call_date = '2026-11-02'")  # noqa: S608
    lines = [str(line) for (line,) in plan]
    touched = {
        match[1]
        for line in lines
        if "never executed" not in line and (match := re.search(r" on (?:segment|emotion|event)_(\w+)", line))
    }
    assert touched == {"y2026m11"}
