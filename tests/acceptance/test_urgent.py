"""Somebody waits for a recording while the workers have a night's calls before them."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from callscope.ports import SAMPLE_RATE_HZ
from callscope.settings import Settings
from models.ledger import State
from tests.clusters import finished, running_cluster
from tests.sounds import babble

pytestmark = pytest.mark.acceptance

SLOTS = 2
BACKLOG = 40


def test_an_urgent_recording_starts_at_once_and_ends_before_a_deep_backlog(
    quick_settings: Settings, tmp_path: Path
) -> None:
    # What hangs keeps its slot for as long as the test needs.
    settings = quick_settings.model_copy(
        update={"prefix": "hotline/", "threads": SLOTS, "failpoint": "transcribe:hang:long"}
    )
    soundfile.write(tmp_path / "urgent.wav", babble(3_000, seed=BACKLOG).samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    with running_cluster(settings) as running:
        running.upload_babble(tmp_path, SLOTS, name="long")
        running.wait(lambda counts: counts[State.STARTED] == SLOTS)
        running.upload_babble(tmp_path, BACKLOG)
        running.wait(lambda counts: sum(counts.values()) == SLOTS + BACKLOG)
        running.upload_urgent("uploads/urgent.wav", tmp_path / "urgent.wav")
        counts = running.wait(lambda counts: finished(counts) > 0)
        ended = running.query("SELECT key, priority, attempts FROM recording WHERE finished_at IS NOT NULL")
        assert [(row["key"], row["priority"], row["attempts"]) for row in ended] == [("uploads/urgent.wav", 1, 1)]
        assert counts[State.STARTED] == SLOTS
        assert counts[State.QUEUED] + counts[State.DISCOVERED] == BACKLOG
        # What hangs would be waited for.
        running.kill_worker()
