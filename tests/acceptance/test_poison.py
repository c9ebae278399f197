"""All files that lie in one bucket with good calls: each ends as it should, and none takes another with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callscope.evaluation import read_reference
from callscope.settings import Settings
from models.ledger import State
from tests.clusters import finished, running_cluster
from tests.poison import ANALYSED, build_poison_files

pytestmark = pytest.mark.acceptance

ROOM = Path(__file__).parents[2] / "samples"
SAMPLES = [ROOM / read_reference(path).file for path in sorted((ROOM / "reference").glob("*.json"))]


def test_each_poison_file_is_dead_with_its_own_code_and_every_sample_done(
    quick_settings: Settings, tmp_path: Path
) -> None:
    expected = build_poison_files(tmp_path / "poison")
    codes = {f"poison/{name}": code for name, code in expected.items() if code != ANALYSED}
    odd = [f"poison/{name}" for name, code in expected.items() if code == ANALYSED]
    settings = quick_settings.model_copy(update={"checkpoint": "demo", "max_duration_ms": 600_000})
    with running_cluster(settings) as running:
        for name in expected:
            running.upload(f"poison/{name}", tmp_path / "poison" / name)
        for sample in SAMPLES:
            running.upload(f"hotline/2026-11-20/A17/{sample.name}", sample)
        total = len(expected) + len(SAMPLES)
        running.wait(lambda counts: finished(counts) == total)
        listed = running.callscope("dead", "list", "--json")
        states = {row["key"]: State(row["state"]) for row in running.query("SELECT key, state FROM recording")}
        running.audit()

        dead = {row["key"]: row for row in map(json.loads, listed.stdout.splitlines())}
        assert {key: row["code"] for key, row in dead.items()} == codes
        assert {row["attempts"] for row in dead.values()} == {1}
        assert all(row["stage"] in {"fetch", "decode"} and row["message"] for row in dead.values())
        assert {states[f"hotline/2026-11-20/A17/{sample.name}"] for sample in SAMPLES} == {State.DONE}
        assert {states[key] for key in odd} <= {State.DONE, State.NO_SPEECH}

        cut = "SELECT key FROM recording JOIN analysis ON recording_id = recording.id WHERE truncated"
        assert {row["key"] for row in running.query(cut)} == {"poison/truncated.wav", "poison/damaged.mp3"}

        one = dead[min(dead)]
        again = running.callscope("dead", "replay", str(one["recording_id"]))
        assert again.returncode == 0, again.stderr
        running.wait(lambda counts: finished(counts) == total)
        [row] = running.query(f"SELECT state, attempt_no FROM recording WHERE id = {one['recording_id']}")  # noqa: S608
        assert (row["state"], row["attempt_no"]) == ("dead", 2)
