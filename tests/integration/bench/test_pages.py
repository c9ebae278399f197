"""The stage that times the list of calls: its calls are of a kind that the questions find."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.calls import Load
from bench.pages import PAGE, run
from bench.stage import Bench
from callscope.settings import Settings

pytestmark = pytest.mark.integration


def test_every_filter_is_timed(tmp_path: Path) -> None:
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
            progress=lambda _: None,
        )
    )
    told = answers.as_data()
    assert (told["calls"], told["within_limit"]) == (2_000, True)
    full = {
        "newest",
        "angriest",
        "longest",
        "zh",
        "text in every call",
        "text in old calls alone",
        "text in many calls",
    }
    assert {name for name in full if answers.questions[name].rows != PAGE} == set()
    assert answers.questions["text in no call"].rows == 0
    assert all(took > 0 for every in answers.served_ms.values() for took in every)
    assert answers.size_bytes["call_index"] > answers.size_bytes["ix_call_index_grams"] > 0
