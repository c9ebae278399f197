"""`callscope demo` as a user runs it: real servers, real processes, every sample."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from callscope.settings import Settings

pytestmark = pytest.mark.acceptance

SAMPLES = Path(__file__).parents[2] / "samples"


def run_demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = Settings(state_folder=folder / "state", cpu_threads=1, engine="torch", dtype="fp32")
    return subprocess.run(
        [sys.executable, "-m", "callscope", "demo", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **settings.as_environment()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.parametrize("store", ["folder", "s3"])
def test_every_sample_becomes_rows(tmp_path: Path, store: str) -> None:
    result = run_demo(tmp_path, "--store", store, "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    assert summary["wall_s"] > 0
    references = [json.loads(path.read_text()) for path in (SAMPLES / "reference").glob("*.json")]
    assert {r["key"] for r in summary["recordings"]} == {reference["key"] for reference in references}
    durations = {reference["key"]: reference["duration_ms"] for reference in references}
    for recording in summary["recordings"]:
        assert recording["state"] == "done"
        assert recording["duration_ms"] == pytest.approx(durations[recording["key"]], abs=100)
        assert recording["segments"] > 0
        assert recording["languages"]
        assert recording["emotions"]
        assert 0 <= recording["cer"] <= 0.3
    assert {kind for recording in summary["recordings"] for kind in recording["events"]} >= {"SILENCE", "CROSSTALK"}


def test_the_demo_shows_calls_queries_and_where_the_rows_are(tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    result = run_demo(tmp_path, "--picture", str(picture))
    assert result.returncode == 0, result.stderr
    for shown in ("shipping-delay-zh.wav", "emotions over time", "FROM event_list", "psql", "Flower", "callscope"):
        assert shown in result.stdout
    assert picture.read_text().startswith("<svg")
