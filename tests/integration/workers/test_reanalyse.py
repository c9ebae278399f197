"""Stored calls derived anew under other rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine
from typing_extensions import override

from callscope.calls import CallAnalysis, CallMetadata, EventKind, Hearing
from callscope.cli import callscope
from callscope.meaning.conversation import ConversationOptions
from callscope.meaning.interpret import Interpreter
from callscope.meaning.rules.book import Rulebook, load_rulebook
from models.session import transaction
from tests.examples import a_hearing
from tests.integration.models import steps
from workers import reanalyse as module
from workers.reanalyse import reanalyse_calls

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]


def interpreter(version: str, *, min_silence_ms: int = 1_200) -> Interpreter:
    """Return one whose results differ by what it takes for a silence."""
    return Interpreter(
        replace(load_rulebook(None), version=version), ConversationOptions(min_silence_ms=min_silence_ms)
    )


def store(engine: Engine, count: int) -> None:
    steps.discover(engine, *(f"{number}.wav" for number in range(count)))
    for taken in steps.take(engine, limit=count):
        steps.finish(engine, taken.job, interpreter=interpreter("old"))


def test_a_new_analysis_stands_beside_the_old_and_shares_its_segments(engine: Engine, run_sql: RunSql) -> None:
    store(engine, 3)
    changes = reanalyse_calls(engine, interpreter("new", min_silence_ms=500))
    assert (changes.calls, changes.derived, changes.unchanged, changes.failed) == (3, 3, 0, [])
    assert run_sql("SELECT rules, is_current, count(*) FROM analysis GROUP BY 1, 2 ORDER BY 1") == [
        ("new", True, 3),
        ("old", False, 3),
    ]
    # Old: the silence of 1.8 s alone; new: also the 1.0 s at the end.
    assert run_sql(
        "SELECT rules, silence_count,"
        " (SELECT count(*) FROM event WHERE analysis_id = analysis.id AND kind = 'SILENCE'),"
        " (SELECT count(*) FROM segment WHERE analysis_id = analysis.id),"
        " (SELECT count(*) FROM segment WHERE analysis_id = analysis.heard_id)"
        " FROM analysis WHERE recording_id = 1 ORDER BY id"
    ) == [("old", 1, 1, 2, 2), ("new", 2, 2, 0, 2)]
    # Views speak of the new one, and find the segments all the same.
    assert run_sql("SELECT count(*) FROM event_list WHERE recording_id = 1 AND kind = 'SILENCE'") == [(2,)]
    assert run_sql("SELECT count(*) FROM emotion_timeline") == [(6,)]


def test_a_second_run_changes_nothing(engine: Engine, run_sql: RunSql) -> None:
    store(engine, 2)
    reanalyse_calls(engine, interpreter("new"))
    changes = reanalyse_calls(engine, interpreter("new"))
    assert (changes.calls, changes.derived, changes.unchanged) == (2, 0, 2)
    assert run_sql("SELECT count(*) FROM analysis") == [(4,)]


def test_rules_that_come_back_bring_their_analysis_back(engine: Engine, run_sql: RunSql) -> None:
    store(engine, 1)
    reanalyse_calls(engine, interpreter("new"))
    reanalyse_calls(engine, interpreter("old"))
    assert run_sql("SELECT rules, is_current FROM analysis ORDER BY id") == [("old", True), ("new", False)]


def test_batches_go_through_all_calls_once(engine: Engine, run_sql: RunSql, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    store(engine, 8)
    told: list[int] = []
    changes = reanalyse_calls(engine, interpreter("new"), on_batch=told.append)
    assert (changes.calls, told) == (8, [3, 3, 2])
    assert run_sql("SELECT count(*) FROM analysis WHERE is_current AND rules = 'new'") == [(8,)]


def test_only_calls_since_a_day(engine: Engine, run_sql: RunSql) -> None:
    now = datetime.now(UTC)
    for number, started in enumerate((now, now - timedelta(days=10))):
        steps.discover(engine, f"{number}.wav", metadata=CallMetadata(call_id=f"c-{number}", started_at=started))
    for taken in steps.take(engine):
        steps.finish(engine, taken.job, interpreter=interpreter("old"))
    since: date = (now - timedelta(days=2)).date()
    assert reanalyse_calls(engine, interpreter("new"), since=since).calls == 1
    assert run_sql("SELECT key FROM call_summary JOIN analysis ON analysis.id = analysis_id WHERE rules = 'new'") == [
        ("0.wav",)
    ]


def test_one_call_that_cant_be_derived_costs_no_other(engine: Engine, run_sql: RunSql) -> None:
    store(engine, 3)

    class Failing(Interpreter):
        @override
        def interpret(self, hearing: Hearing, metadata: CallMetadata) -> CallAnalysis:
            analysis = super().interpret(hearing, metadata)
            if metadata.call_id == "raises":
                raise ZeroDivisionError
            if metadata.call_id == "is refused":
                refused = replace(analysis.meaning.events[0], kind=EventKind.SIGH, probability=1.5)
                return replace(analysis, meaning=replace(analysis.meaning, events=(refused,)))
            return analysis

    run_sql("UPDATE recording SET call_id = 'raises' WHERE id = 1")
    run_sql("UPDATE recording SET call_id = 'is refused' WHERE id = 2")
    rulebook: Rulebook = replace(load_rulebook(None), version="new")
    changes = reanalyse_calls(engine, Failing(rulebook, ConversationOptions()))
    assert (changes.derived, changes.failed) == (1, [1, 2])
    assert run_sql("SELECT recording_id, rules FROM analysis WHERE is_current ORDER BY 1") == [
        (1, "old"),
        (2, "old"),
        (3, "new"),
    ]


def test_a_recording_analysed_again_meanwhile_keeps_its_newest_result(engine: Engine, run_sql: RunSql) -> None:
    store(engine, 1)

    class Late(Interpreter):
        @override
        def interpret(self, hearing: Hearing, metadata: CallMetadata) -> CallAnalysis:
            with transaction(engine) as session:
                session.connection().exec_driver_sql("UPDATE analysis SET is_current = false")
            return super().interpret(hearing, metadata)

    changes = reanalyse_calls(engine, Late(replace(load_rulebook(None), version="new"), ConversationOptions()))
    assert (changes.derived, changes.skipped) == (0, 1)
    assert run_sql("SELECT rules FROM analysis") == [("old",)]


def test_the_command_tells_what_changed(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, run_sql: RunSql
) -> None:
    steps.discover(engine, "a.wav")
    steps.finish(engine, steps.take_one(engine), a_hearing(), interpreter=interpreter("old"))
    monkeypatch.setenv("CALLSCOPE_DATABASE_URL", database_url)
    told = CliRunner().invoke(callscope, ["reanalyse", "--json"])
    assert told.exit_code == 0, told.output
    document = json.loads(told.stdout)
    assert (document["calls"], document["derived"]) == (1, 1)
    assert run_sql("SELECT version FROM rule_set ORDER BY 1") == [(document["rules"],), ("old",)]
