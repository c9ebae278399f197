"""The stage that times the reports: its calls are of a kind that every report has something to tell of."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.calls import Load
from bench.reports import DAYS, run
from bench.stage import Bench
from callscope.settings import Settings
from reports.builtin.cli import report

pytestmark = pytest.mark.integration


def test_every_report_is_timed(tmp_path: Path) -> None:
    steps: list[str] = []
    answers = run(
        Bench(
            settings=Settings(),
            load=Load(tmp_path / "calls", mean_ms=1_000),
            folder=tmp_path,
            quick=True,
            recordings=(),
            paired_files=0,
            files=0,
            processes=(1,),
            progress=steps.append,
        )
    )
    told = answers.as_data()
    assert (told["calls"], told["segments"], told["days"]) == (500, 20_000, DAYS)
    assert {name.split()[0].rstrip(",") for name in answers.reports} == set(report.commands)
    assert all(answer.shortest_rows > 0 for answer in answers.reports.values())
    assert all(time_s > 0 for answer in answers.reports.values() for time_s in answer.times_s)
    assert steps[0] == "500 calls into a database"
