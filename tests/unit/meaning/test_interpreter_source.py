"""A running process follows changes of its rules, and keeps the last good ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from callscope.errors import RulesInvalid
from callscope.meaning.interpret import LOOK_EVERY_S, InterpreterSource
from callscope.settings import Settings
from tests.unit.meaning.rules.scenes import write

pytestmark = pytest.mark.unit

GOOD = "rules:\n  - {name: one, about: x, when: {emotion: SAD}}\n"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def a_source(folder: Path) -> tuple[InterpreterSource, Clock]:
    clock = Clock()
    return InterpreterSource(Settings(rules_folder=folder), clock=clock), clock


def names(source: InterpreterSource) -> list[str]:
    return [rule.name for rule in source.current().rulebook.rules]


def change(folder: Path, text: str) -> None:
    before_ns = (folder / "a.yaml").stat().st_mtime_ns
    write(folder, a=text)
    # Two changes within one tick of the file system's clock look alike when they are of one size.
    os.utime(folder / "a.yaml", ns=(before_ns + 1_000_000, before_ns + 1_000_000))


def test_changes_are_followed_but_not_looked_for_at_every_call(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", a=GOOD)
    source, clock = a_source(folder)
    first = source.current()
    change(folder, GOOD.replace("one", "two"))
    clock.now_s += LOOK_EVERY_S - 0.1
    assert source.current() is first
    clock.now_s += 0.1
    assert names(source) == ["two"]
    second = source.current()
    clock.now_s += LOOK_EVERY_S
    assert source.current() is second


def test_a_new_file_and_a_lost_one_are_changes(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", a=GOOD)
    source, clock = a_source(folder)
    write(folder, b=GOOD.replace("one", "two"))
    clock.now_s += LOOK_EVERY_S
    assert names(source) == ["one", "two"]
    (folder / "a.yaml").unlink()
    clock.now_s += LOOK_EVERY_S
    assert names(source) == ["two"]


def test_bad_rules_are_refused_once_and_the_good_ones_stay(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", a=GOOD)
    source, clock = a_source(folder)
    good = source.current()
    with capture_logs() as logs:
        change(folder, GOOD.replace("SAD", "SADD"))
        for _ in range(3):
            clock.now_s += LOOK_EVERY_S
            assert source.current() is good
    (log,) = logs
    assert (log["event"], log["log_level"], log["kept"]) == ("rules_refused", "error", good.rulebook.version)
    assert "a.yaml, line 2" in log["what"]
    assert "did you mean `SAD`?" in log["why"]
    with capture_logs() as logs:
        change(folder, GOOD.replace("one", "mended"))
        clock.now_s += LOOK_EVERY_S
        assert names(source) == ["mended"]
    assert [log["event"] for log in logs] == ["rules_loaded"]


def test_a_folder_that_goes_away_keeps_its_rules(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", a=GOOD)
    source, clock = a_source(folder)
    shutil.rmtree(folder)
    clock.now_s += LOOK_EVERY_S
    with capture_logs() as logs:
        assert names(source) == ["one"]
    assert [log["event"] for log in logs] == ["rules_refused"]


def test_a_process_does_not_start_with_bad_rules(tmp_path: Path) -> None:
    with pytest.raises(RulesInvalid):
        a_source(tmp_path / "nowhere")


def test_without_a_folder_the_rules_that_come_along() -> None:
    assert InterpreterSource(Settings()).current().rulebook.version.startswith("builtin-")
