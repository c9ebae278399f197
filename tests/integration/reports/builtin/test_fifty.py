"""Fifty scripted calls through Postgres: the reports' statements equal what a hand counts in the script."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from callscope.cli import callscope
from models.partitions import ensure_months
from models.session import transaction
from tests.fifty_calls import ANGER_AFTER_SILENCE, ANGER_BURSTS, FIRST_DAY, SOOTHED, fifty_calls
from tests.integration.models import steps

pytestmark = pytest.mark.integration

PERIOD = ("--from", "2026-11-01", "--to", "2026-11-30")


@pytest.fixture
def stored(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with transaction(engine) as session:
        ensure_months(session, FIRST_DAY.date(), FIRST_DAY.date())
    calls = fifty_calls()
    for call in calls:
        steps.discover(engine, f"{call.metadata.call_id}.wav", metadata=call.metadata)
    for call, taken in zip(calls, steps.take(engine, limit=len(calls)), strict=True):
        assert steps.finish(engine, taken.job, call.hearing)
    monkeypatch.setenv("CALLSCOPE_DATABASE_URL", database_url)


@pytest.mark.usefixtures("stored")
def test_the_published_statements_equal_a_hand_count() -> None:
    told = {}
    for report in ("anger-after-silence", "soothing"):
        answer = CliRunner().invoke(callscope, ["report", report, *PERIOD, "--json"])
        assert answer.exit_code == 0, answer.output
        told[report] = json.loads(answer.stdout)
    anger = told["anger-after-silence"]["totals"]
    assert (anger["anger_bursts"], anger["after_silence"]) == (ANGER_BURSTS, ANGER_AFTER_SILENCE)
    agents = {row["name"]: row for row in told["soothing"]["sections"]["agents"]}
    assert {agent: (row["good"], row["good"] + row["poor"]) for agent, row in agents.items()} == SOOTHED
    for agent, (good, decided) in SOOTHED.items():
        assert agents[agent]["success_rate"] == pytest.approx(good / decided, abs=1e-4)
