"""A database with a few calls whose figures can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from callscope.calls import (
    Burst,
    CallMeasures,
    CallMetadata,
    Emotion,
    Finding,
    Language,
    Role,
    Score,
    Severity,
    Soothing,
    WordCount,
)
from callscope.jobs import FailureKind
from models import results
from models.partitions import ensure_months
from models.session import transaction
from tests.examples import an_analysis
from tests.integration.models import steps

RunSql = Callable[..., list[tuple[object, ...]]]


def angry(
    start_ms: int,
    outcome: Soothing,
    *,
    before_ms: int = 0,
    after_ms: int = 0,
    reply_ms: int | None = None,
    softened_ms: int | None = None,
    emotion: Emotion = Emotion.ANGRY,
) -> Burst:
    reply_emotion = None if reply_ms is None else Emotion.NEUTRAL
    return Burst(
        *(emotion, 0.9, start_ms, start_ms + 1_000, (1,), before_ms, after_ms),
        *(reply_ms, reply_emotion, softened_ms, outcome),
    )


def hit(rule: str, severity: Severity, start_ms: int, probability: float = 0.8) -> Finding:
    return Finding(rule, severity, 1.0, Role.AGENT, start_ms, start_ms + 500, probability, ())


def store_call(
    engine: Engine,
    key: str,
    day: date,
    *,
    agent_id: str | None = None,
    queue: str | None = None,
    reason: str | None = None,
    bursts: tuple[Burst, ...] = (),
    words: tuple[tuple[str, Language, int, int], ...] = (),
    findings: tuple[Finding, ...] = (),
    measures: CallMeasures | None = None,
    service: float | None = None,
    duration_ms: int = 60_000,
    checkpoint: str = "demo-0123abcd",
) -> None:
    told = CallMetadata(
        call_id=key.removesuffix(".wav"),
        agent_id=agent_id,
        queue=queue,
        started_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        extra={"reason": reason} if reason else {},
    )
    with transaction(engine) as session:
        ensure_months(session, day, day)
    steps.discover(engine, key, metadata=told)
    example = an_analysis(checkpoint=checkpoint)
    analysis = replace(
        example,
        hearing=replace(example.hearing, audio=replace(example.hearing.audio, duration_ms=duration_ms)),
        meaning=replace(
            example.meaning,
            bursts=bursts,
            words=tuple(WordCount(*word) for word in words),
            findings=findings,
            measures=measures or CallMeasures(),
            scores=() if service is None else (Score("service", service, 10.0, ()), Score("other", 1.0, 10.0, ())),
        ),
    )
    with transaction(engine) as session:
        (recording_id,) = session.execute(text("SELECT id FROM recording WHERE key = :key"), {"key": key}).one()
        source = results.Source(recording_id=recording_id, call_date=day, attempt_no=1, worker="w")
        results.write_analysis(session, analysis, source, keep_values=False)


@pytest.fixture
def calls(engine: Engine) -> None:
    """
    Six calls of two agents and a stranger over ten days.

    Anger: ann has three bursts, two of them after a silence; bob has one, not after a silence. Ann soothed two of her
    four bursts (one is of sadness); of bob's nobody can tell.
    """
    store_call(
        *(engine, "before.wav", date(2026, 11, 1)),
        agent_id="ann",
        queue="refunds",
        words=(("退款", Language.ZH, 4, 0),),
    )
    twice = angry(1_000, Soothing.POOR, before_ms=9_000)
    late: Any = {"agent_id": "ann", "queue": "refunds", "reason": "late"}
    store_call(engine, "late.wav", date(2026, 11, 2), **late, bursts=(twice, twice), checkpoint="old-00000000")
    store_call(
        *(engine, "late.wav", date(2026, 11, 2)),
        **late,
        bursts=(
            angry(3_000, Soothing.GOOD, before_ms=1_800, reply_ms=5_000, softened_ms=7_000),
            angry(83_900, Soothing.POOR, after_ms=2_500, reply_ms=85_000),
        ),
        words=(("退款", Language.ZH, 5, 3), ("发货", Language.ZH, 2, 0)),
        findings=(hit("angry-after-silence", Severity.HIGH, 3_000),),
        measures=CallMeasures(
            agent_speech_ms=30_000,
            customer_speech_ms=10_000,
            silence_ms=6_000,
            agent_interruptions=2,
            agent_response_ms=400,
            agent_units_per_s=4.0,
        ),
        service=8.0,
    )
    store_call(
        *(engine, "damaged.wav", date(2026, 11, 3)),
        agent_id="ann",
        queue="refunds",
        reason="damaged",
        bursts=(
            angry(2_000, Soothing.POOR, before_ms=1_300, after_ms=1_500),
            angry(8_000, Soothing.GOOD, reply_ms=9_000, softened_ms=10_000, emotion=Emotion.SAD),
        ),
        words=(("退款", Language.ZH, 3, 1),),
        findings=(hit("allergy", Severity.INFO, 100), hit("allergy", Severity.INFO, 200)),
        measures=CallMeasures(
            agent_speech_ms=10_000, customer_speech_ms=10_000, agent_response_ms=600, agent_units_per_s=5.0
        ),
        service=5.0,
    )
    store_call(
        *(engine, "noisy.wav", date(2026, 11, 9)),
        agent_id="bob",
        queue="sales",
        reason="late",
        bursts=(angry(4_000, Soothing.OPEN),),
        words=(("refund", Language.EN, 4, 4),),
        measures=CallMeasures(agent_speech_ms=5_000, customer_speech_ms=15_000, agent_interruptions=1),
    )
    store_call(
        *(engine, "calm.wav", date(2026, 11, 10)),
        agent_id="bob",
        queue="sales",
        findings=(
            hit("angry-with-sigh", Severity.CRITICAL, 61_000, 0.6),
            hit("angry-with-sigh", Severity.CRITICAL, 125_000, 0.9),
            hit("allergy", Severity.INFO, 100),
        ),
        measures=CallMeasures(agent_speech_ms=3_000_000, customer_speech_ms=900_000),
        duration_ms=4_000_000,
    )
    store_call(
        engine,
        "stranger.wav",
        date(2026, 11, 10),
        bursts=(angry(1_000, Soothing.OPEN, before_ms=2_000, emotion=Emotion.SAD),),
    )
    lost = CallMetadata(queue="sales", started_at=datetime(2026, 11, 10, 9, tzinfo=UTC))
    steps.discover(engine, "dead.wav", metadata=lost, priority=5)
    steps.fail(engine, steps.take(engine, urgent=True)[0].job, FailureKind.PERMANENT, message="no audio in it")
