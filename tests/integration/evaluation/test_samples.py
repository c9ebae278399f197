"""The sample calls through the real recogniser, by their own manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from callscope.cli import callscope

pytestmark = pytest.mark.integration

SAMPLES = Path(__file__).parents[3] / "samples"


def test_the_samples_manifest_names_every_reference() -> None:
    rows = [json.loads(line) for line in (SAMPLES / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["reference"] for row in rows] == [
        f"reference/{path.name}" for path in sorted((SAMPLES / "reference").glob("*.json"))
    ]


def test_the_sample_calls_are_evaluated(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ["--engine", "torch", "--dtype", "fp32", "--json", "--html", str(page)]
    result = CliRunner().invoke(callscope, ["evaluate", str(SAMPLES / "manifest.jsonl"), *words])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["calls"], found["clips"]) == (10, 0)
    assert found["role_right"]["value"] == found["language_right"]["value"] == 1
    assert found["emotions"]["items"] == 73
    assert found["emotions"]["accuracy"]["value"] >= 0.9
    assert found["call_events"]["items"] == 13
    assert all(own["recall"]["value"] == 1 for own in found["call_events"]["classes"] if own["support"])
    for stretches in (found["silences"], found["crosstalks"]):
        assert stretches["found"]
        assert (stretches["missed"], stretches["false"]) == (0, 0)
        assert stretches["start"]["mean_ms"] < 50
    characters = sum(own["characters"] for own in found["languages"])
    edits = sum(own["substitutions"] + own["deletions"] + own["insertions"] for own in found["languages"])
    assert edits / characters <= 0.15
    assert found["verdict"] in page.read_text(encoding="utf-8")
