from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from callscope.calls import CallMetadata, Emotion, RecordingRef
from callscope.jobs import FailureKind
from models import overview
from models.reports import Scope
from models.session import transaction
from tests.integration.models import steps
from tests.integration.models.test_browse import BEGAN, enter, said

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

MONDAY = BEGAN.date()


@pytest.fixture
def centre(engine: Engine) -> Engine:
    """Three analysed calls, two of them on one day; two dead recordings; two that wait."""
    enter(engine, "one", [said("好", emotion=Emotion.ANGRY)])
    enter(engine, "two", [said("好")])
    enter(engine, "three", [said("好")], days=1, queue="parcels")
    for name in ("first", "second"):
        steps.discover(engine, f"{name}.wav", metadata=CallMetadata(started_at=BEGAN))
        steps.fail(engine, steps.take_one(engine), FailureKind.PERMANENT)
    steps.discover(engine, "sent.wav")
    steps.take_one(engine)
    steps.discover(engine, "waits.wav", priority=10)
    return engine


def test_volume(centre: Engine) -> None:
    def told(scope: Scope) -> list[tuple[date, str | None, int, int, int, int]]:
        with transaction(centre) as session:
            return [
                (day.day, day.queue, day.calls, day.angry_calls, day.after_silence, day.duration_ms)
                for day in overview.volume(session, scope)
            ]

    tuesday = MONDAY + timedelta(1)
    first, second = (MONDAY, "refunds", 2, 1, 0, 20_000), (tuesday, "parcels", 1, 0, 0, 10_000)
    assert told(Scope(MONDAY, tuesday)) == [first, second]
    assert told(Scope(MONDAY, MONDAY)) == [first]
    assert told(Scope(MONDAY, tuesday, queue="parcels")) == [second]
    assert told(Scope(MONDAY, tuesday, agent_id="nobody")) == []


def test_why_recordings_are_dead(centre: Engine) -> None:
    with transaction(centre) as session:
        (reason,) = overview.dead_reasons(session)
    assert (reason.code, reason.stage, reason.count) == ("code_permanent", "decode", 2)


def test_what_waits(centre: Engine, run_sql: RunSql) -> None:
    run_sql("UPDATE recording SET discovered_at = discovered_at - interval '1 hour' WHERE key = 'sent.wav'")
    with transaction(centre) as session:
        waits = overview.waiting(session)
    assert (waits.discovered, waits.queued, waits.started, waits.urgent, waits.total) == (1, 1, 0, 1, 2)
    assert waits.oldest_key == "sent.wav"
    assert waits.oldest_ms is not None
    assert 3_600_000 <= waits.oldest_ms < 3_700_000


def test_nothing_waits(engine: Engine) -> None:
    with transaction(engine) as session:
        waits = overview.waiting(session)
        assert (waits.total, waits.urgent, waits.oldest_id, waits.oldest_ms) == (0, 0, None, None)
        assert overview.dead_reasons(session) == []
        assert overview.speeds(session) == []


def test_how_fast_a_device_is(centre: Engine) -> None:
    with transaction(centre) as session:
        (speed,) = overview.speeds(session)
    # Decode 4, detect 5, transcribe 60 and measure 1 ms a call of 10 s; the fetching isn't the device's.
    assert (speed.device, speed.engine, speed.workers, speed.calls) == ("cpu", "torch-fp32", 1, 3)
    assert (speed.audio_ms, speed.busy_ms) == (30_000, 210)
    assert speed.rtfx == pytest.approx(142.857, abs=0.001)


def test_coverage(centre: Engine) -> None:
    refs = [RecordingRef("calls", key, "v1", 1_000) for key in ("one.wav", "waits.wav", "unseen.wav")]
    with transaction(centre) as session:
        covered = overview.coverage(session, refs, is_whole=True)
    assert (covered.listed, covered.in_ledger, covered.missing) == (3, 2, ("unseen.wav",))
    assert (covered.done, covered.dead, covered.skipped, covered.waiting) == (3, 2, 0, 2)
