"""Processes killed, frozen and stopped in the middle of the work, and what the promises P1 to P5 say afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from callscope.settings import Settings
from models.ledger import State
from tests.clusters import Counts, RunningCluster, finished, running_cluster
from workers.inflight import EXIT_DEVICE_LOST
from workers.supervise import EXIT_REFUSED

pytestmark = pytest.mark.acceptance


OUTLIVED_LEASE = """
SELECT id FROM recording
WHERE state = 'started' AND attempts = 0 AND lease_until > started_at + interval '10 s'
"""


def _is_busy(counts: Counts, *, goal: int) -> bool:
    return finished(counts) >= goal and counts[State.STARTED] >= 2


def valkey_pid(running: RunningCluster) -> int:
    return running.servers.supervisor.process("valkey").pid


def test_two_hundred_recordings_outlive_kills_of_workers_and_redis(quick_settings: Settings, tmp_path: Path) -> None:
    # A lost attempt counts, and the two kills may well meet the same recording.
    settings = quick_settings.model_copy(update={"max_attempts": 5})
    with running_cluster(settings) as running:
        running.upload_babble(tmp_path, 200)
        running.wait(lambda counts: finished(counts) >= 30)
        running.kill_worker()
        running.wait(lambda counts: finished(counts) >= 80)
        os.kill(valkey_pid(running), signal.SIGKILL)
        running.wait(lambda counts: finished(counts) >= 130)
        running.kill_worker()
        counts = running.wait(lambda counts: finished(counts) == 200)
        report = running.audit()
    assert counts[State.DONE] + counts[State.NO_SPEECH] == 200
    assert report["listed_count"] == 200
    assert report["analysis_count"] == 200


def test_a_recording_that_always_kills_its_worker_ends_dead_and_its_neighbours_done(
    quick_settings: Settings, tmp_path: Path
) -> None:
    settings = quick_settings.model_copy(update={"failpoint": "decode:kill:poison"})
    with running_cluster(settings) as running:
        running.upload_babble(tmp_path, 1, name="poison")
        running.upload_babble(tmp_path, 12)
        counts = running.wait(lambda counts: finished(counts) == 13)
        [dead] = running.query("SELECT key, error_code, attempts, attempt_log FROM recording WHERE state = 'dead'")
        killed = [entry["worker"] for entry in dead["attempt_log"]]
        running.audit()
    assert counts[State.DONE] + counts[State.NO_SPEECH] == 12
    assert dead["key"].endswith("poison-0.wav")
    assert (dead["error_code"], dead["attempts"]) == ("attempt_lost", settings.max_attempts)
    assert len(set(killed)) == settings.max_attempts


def test_a_recording_that_always_loses_the_device_ends_dead_and_its_neighbours_done(
    quick_settings: Settings, tmp_path: Path
) -> None:
    settings = quick_settings.model_copy(
        update={"failpoint": "transcribe:lose-device:short-circuit", "max_attempts": 2}
    )
    with running_cluster(settings) as running:
        running.upload_babble(tmp_path, 1, name="short-circuit")
        running.upload_babble(tmp_path, 12)
        counts = running.wait(lambda counts: finished(counts) == 13)
        [dead] = running.query("SELECT key, error_code, attempts, attempt_log FROM recording WHERE state = 'dead'")
        ended = running.log_lines("workers", "worker_ended")
        lost = running.log_lines("workers", "worker_lost_device")
        running.audit()
    assert counts[State.DONE] + counts[State.NO_SPEECH] == 12
    assert dead["key"].endswith("short-circuit-0.wav")
    assert (dead["error_code"], dead["attempts"]) == ("attempt_lost", 2)
    assert len({entry["worker"] for entry in dead["attempt_log"]}) == 2
    assert [line["code"] for line in ended] == [EXIT_DEVICE_LOST] * 2
    assert [line["worker"] for line in ended] == ["analyse-0", "isolate"]
    assert len(lost) == 2


def test_a_recording_that_hangs_ends_dead_and_its_neighbours_are_given_back(
    quick_settings: Settings, tmp_path: Path
) -> None:
    settings = quick_settings.model_copy(
        update={"failpoint": "transcribe:hang:stuck", "analyse_timeout_ms": 10_000, "max_attempts": 2}
    )
    with running_cluster(settings) as running:
        running.upload_babble(tmp_path, 1, name="stuck")
        running.upload_babble(tmp_path, 6)
        # Longer than a lease, and kept alive by signs of life, until it is overdue.
        running.wait(lambda _: bool(running.query(OUTLIVED_LEASE)))
        counts = running.wait(lambda counts: finished(counts) == 7)
        [dead] = running.query("SELECT key, error_code, attempts FROM recording WHERE state = 'dead'")
        lost = running.query("SELECT key FROM recording WHERE state <> 'dead' AND attempts > 1")
        running.audit()
    assert counts[State.DONE] + counts[State.NO_SPEECH] == 6
    assert (dead["error_code"], dead["attempts"]) == ("attempt_lost", 2)
    assert dead["key"].endswith("stuck-0.wav")
    assert lost == []


def test_a_worker_whose_checkpoint_vanished_waits_for_it(quick_settings: Settings, tmp_path: Path) -> None:
    checkpoint, away = tmp_path / "checkpoint", tmp_path / "away"
    shutil.copytree(quick_settings.checkpoint, checkpoint)
    with running_cluster(quick_settings.model_copy(update={"checkpoint": str(checkpoint)})) as running:
        running.upload_babble(tmp_path, 1)
        running.wait(lambda counts: finished(counts) == 1)
        checkpoint.rename(away)
        running.kill_worker()
        running.wait(lambda _: EXIT_REFUSED in {line["code"] for line in running.log_lines("workers", "worker_ended")})
        running.upload_babble(tmp_path, 3, name="later")
        away.rename(checkpoint)
        running.wait(lambda counts: finished(counts) == 4)
        running.audit()


def test_sigterm_costs_no_attempt(quick_settings: Settings, tmp_path: Path) -> None:
    with running_cluster(quick_settings) as running:
        running.upload_babble(tmp_path, 24, duration_ms=30_000)
        for goal in (3, 10):
            running.wait(partial(_is_busy, goal=goal))
            [workers] = [child.pid for child in running.cluster.health() if child.name == "workers"]
            os.kill(workers, signal.SIGTERM)
        running.wait(lambda counts: finished(counts) == 24)
        burnt = running.query("SELECT key, attempts, attempt_log FROM recording WHERE attempts > 1")
        released = running.query(
            "SELECT id FROM recording WHERE attempt_log @? '$[*] ? (@.kind == \"released\")' AND state <> 'dead'"
        )
        running.audit()
    assert burnt == []
    assert released


def test_a_broker_that_freezes_for_longer_than_a_lease_costs_no_attempt(
    quick_settings: Settings, tmp_path: Path
) -> None:
    with running_cluster(quick_settings) as running:
        running.upload_babble(tmp_path, 60, duration_ms=20_000)
        running.wait(lambda counts: finished(counts) >= 5 and counts[State.STARTED] >= 1)
        os.kill(valkey_pid(running), signal.SIGSTOP)
        time.sleep(quick_settings.lease_ms / 1_000 + 4)
        os.kill(valkey_pid(running), signal.SIGCONT)
        running.wait(lambda counts: finished(counts) == 60)
        burnt = running.query("SELECT key, attempts, attempt_log FROM recording WHERE attempts > 1")
        running.audit()
    assert burnt == []


def test_a_database_that_is_killed_costs_no_attempt(quick_settings: Settings, tmp_path: Path) -> None:
    with running_cluster(quick_settings) as running:
        running.upload_babble(tmp_path, 60, duration_ms=20_000)
        running.wait(lambda counts: finished(counts) >= 5 and counts[State.STARTED] >= 1)
        running.keeps_servers = False
        os.kill(running.servers.supervisor.process("postgres").pid, signal.SIGKILL)
        time.sleep(quick_settings.lease_ms / 1_000 + 2)
        running.keeps_servers = True
        running.wait_for_database()
        running.wait(lambda counts: finished(counts) == 60)
        burnt = running.query("SELECT key, attempts, attempt_log FROM recording WHERE attempts > 1")
        running.audit()
    assert burnt == []
