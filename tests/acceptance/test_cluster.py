"""The cluster as people meet it: the monitor, the settings it hands on, and what it says when it can't start."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest
from pydantic import SecretStr

from callscope.calls import Role
from callscope.processes import LOOPBACK, free_ports
from callscope.settings import Settings, load_settings
from standalone.cluster import FlowerAccess
from tests.clusters import RunningCluster, finished, running_cluster

pytestmark = pytest.mark.acceptance


def get(url: str, access: FlowerAccess | None = None, *, post: bool = False) -> tuple[int, str]:
    request = urllib.request.Request(url, method="POST" if post else "GET")  # noqa: S310 - our own loopback URL
    if access:
        token = b64encode(f"{access.user}:{access.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_for_page(running: RunningCluster, url: str, access: FlowerAccess, *, words: tuple[str, ...]) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            status, page = get(url, access)
        except urllib.error.URLError:
            status, page = 0, ""
        if status == 200 and all(word in page for word in words):
            return page
        assert time.monotonic() < deadline, f"{status}\n{page[-2_000:]}\n{running.logs()}"
        running.keep_alive()
        time.sleep(0.2)


def test_flower_shows_workers_and_tasks_to_who_logs_in_and_changes_nothing(
    quick_settings: Settings, tmp_path: Path
) -> None:
    with running_cluster(quick_settings, flower=True) as running:
        access = running.cluster.flower
        assert access is not None
        wait_for_page(running, f"{access.url}/workers?json=1", access, words=("analyse-", "isolate-", "results-"))
        running.upload_babble(tmp_path, 3)
        running.wait(lambda counts: finished(counts) == 3)
        tasks = wait_for_page(
            running, f"{access.url}/api/tasks", access, words=("callscope.analyse", "callscope.results.store")
        )
        assert "call-0" not in tasks
        assert get(f"{access.url}/workers")[0] == 401
        refused, _ = get(f"{access.url}/api/worker/shutdown/any", access, post=True)
        assert refused in {403, 405}
        assert {child.exit_code for child in running.cluster.health()} == {None}


def test_every_setting_reaches_the_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(
        broker_url=SecretStr("redis://:secret@127.0.0.1:1/0"),
        state_folder=tmp_path,
        channel_roles=(Role.CUSTOMER, Role.AGENT, Role.UNKNOWN),
        window=7,
        flower_password=SecretStr("p"),
    )
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def run(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callscope", *arguments],
        env=settings.as_environment() | {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def nobody(quick_settings: Settings) -> Settings:
    """Settings that name servers which aren't there."""
    database, broker = free_ports(2)
    return quick_settings.model_copy(
        update={
            "database_url": SecretStr(f"postgresql://callscope@{LOOPBACK}:{database}/callscope"),
            "broker_url": SecretStr(f"redis://{LOOPBACK}:{broker}/0"),
        }
    )


@pytest.mark.parametrize("command", ["produce", "work", "write", "audit", "dead list", "db upgrade"])
def test_a_server_that_is_not_there_is_told_in_three_parts(nobody: Settings, command: str) -> None:
    nobody.store_folder.joinpath(nobody.bucket).mkdir(parents=True)
    ended = run(nobody, *command.split())
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "unavailable" in ended.stderr
    assert "why: " in ended.stderr
    assert "do:  " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["produce", "write"])
def test_a_database_without_tables_is_told_in_three_parts(
    quick_settings: Settings, broker_url: str, postgres_url: str, command: str
) -> None:
    quick_settings.store_folder.joinpath(quick_settings.bucket).mkdir(parents=True)
    servers = {"database_url": SecretStr(postgres_url), "broker_url": SecretStr(broker_url)}
    ended = run(quick_settings.model_copy(update=servers), command)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "callscope db upgrade" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [({"checkpoint": "/nowhere"}, "checkpoint_missing"), ({"device": "cuda:7"}, "device_missing")],
)
def test_workers_that_cannot_work_refuse_to_start(
    quick_settings: Settings, broker_url: str, change: dict[str, str], code: str
) -> None:
    ended = run(quick_settings.model_copy(update={"broker_url": SecretStr(broker_url), **change}), "work")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stderr.count(code) == 1
    assert "Traceback" not in ended.stderr
