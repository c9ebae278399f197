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

URGENT = """
SELECT urgent.state, urgent.attempts,
       count(*) FILTER (WHERE backlog.finished_at IS NULL OR backlog.finished_at > urgent.finished_at) AS overtaken
FROM recording AS urgent JOIN recording AS backlog ON backlog.id < urgent.id
WHERE urgent.priority > 0
GROUP BY urgent.id
"""


def test_an_urgent_recording_overtakes_a_deep_backlog(quick_settings: Settings, tmp_path: Path) -> None:
    settings = quick_settings.model_copy(update={"prefix": "hotline/", "threads": SLOTS})
    soundfile.write(tmp_path / "urgent.wav", babble(3_000, seed=BACKLOG), SAMPLE_RATE_HZ, subtype="PCM_16")
    with running_cluster(settings) as running:
        running.upload_babble(tmp_path, BACKLOG, duration_ms=60_000)
        running.wait(lambda counts: sum(counts.values()) == BACKLOG and counts[State.STARTED] == SLOTS)
        running.upload_urgent("uploads/urgent.wav", tmp_path / "urgent.wav")
        running.wait(lambda _: running.query(URGENT)[0]["state"] in {"done", "no_speech"})
        [urgent] = running.query(URGENT)
        counts = running.wait(lambda counts: finished(counts) == BACKLOG + 1)
        running.audit()
    assert urgent["overtaken"] >= BACKLOG // 2
    assert urgent["attempts"] == 1
    assert counts[State.DONE] + counts[State.NO_SPEECH] == BACKLOG + 1
