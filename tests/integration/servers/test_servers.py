"""The servers of one machine: they start, keep their data, and end with whoever started them, however that ends."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest
import redis
from pydantic import SecretStr

from callscope.errors import ServerMissing, StateFolderInUse
from callscope.settings import Settings
from callscope.storage import open_storage
from standalone.servers import RunningServers, postgres, run_servers
from tests.integration.servers.processes import has_ended, wait_for

pytestmark = pytest.mark.integration


@dataclass(frozen=True, slots=True)
class Launched:
    """A launcher in a process of its own, and what it runs."""

    process: subprocess.Popen[str]
    settings: Settings
    pids: dict[str, int]
    uid: int


def launch(state_folder: Path, *, prefix: tuple[str, ...] = ()) -> Launched:
    argv = [*prefix, sys.executable, "-m", "tests.integration.servers.launcher", str(state_folder)]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    names = ("database_url", "broker_url", "s3_endpoint", "s3_access_key", "s3_secret_key")
    values = {name: told["environment"][f"CALLSCOPE_{name.upper()}"] for name in names}
    return Launched(process, Settings(**values, store="s3", bucket="recordings"), told["pids"], told["uid"])


@contextmanager
def launched(state_folder: Path, *, prefix: tuple[str, ...] = ()) -> Iterator[Launched]:
    found = launch(state_folder, prefix=prefix)
    with found.process:
        yield found
        found.process.communicate("", timeout=60)
    assert found.process.returncode == 0


def run_sql(settings: Settings, statement: str) -> list[tuple[object, ...]]:
    assert settings.database_url is not None
    dsn = settings.database_url.get_secret_value().replace("+psycopg2", "")
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def broker(settings: Settings) -> redis.Redis:
    assert settings.broker_url is not None
    return redis.Redis.from_url(settings.broker_url.get_secret_value())


def leave_data(settings: Settings) -> None:
    run_sql(settings, "CREATE TABLE note (word text)")
    run_sql(settings, "INSERT INTO note VALUES ('kept')")
    with broker(settings) as client:
        client.lpush("queue", "kept")
    storage = open_storage(settings)
    storage.ensure_bucket(settings.bucket)
    storage.put(settings.bucket, "kept.wav", Path(__file__), metadata={"agent": "7"})


def assert_data_is_there(settings: Settings) -> None:
    assert run_sql(settings, "SELECT word FROM note") == [("kept",)]
    with broker(settings) as client:
        assert client.lrange("queue", 0, -1) == [b"kept"]
    assert [found.ref.key for found in open_storage(settings).list(settings.bucket)] == ["kept.wav"]
    assert open_storage(settings).metadata(settings.bucket, "kept.wav") == {"agent": "7"}


def test_data_survives_a_restart_and_nothing_runs_in_between(tmp_path: Path) -> None:
    with launched(tmp_path) as first:
        leave_data(first.settings)
    assert all(has_ended(pid) for pid in first.pids.values())
    with launched(tmp_path) as second:
        assert_data_is_there(second.settings)
        assert set(second.pids) == {
            "postgres",
            "valkey",
            "swift-proxy",
            "swift-account",
            "swift-container",
            "swift-object",
        }


def test_servers_end_with_a_launcher_that_is_killed_and_start_again_on_the_same_data(tmp_path: Path) -> None:
    first = launch(tmp_path)
    with first.process:
        leave_data(first.settings)
        first.process.kill()
    # At once, while the last of them may still be ending.
    with launched(tmp_path) as second:
        assert_data_is_there(second.settings)
    wait_for(lambda: all(has_ended(pid) for pid in first.pids.values()))


def test_servers_run_for_an_ordinary_user(tmp_path: Path) -> None:
    """As root, a user namespace makes one: no capability, files as before, and no way to be root again."""
    prefix = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--") if os.geteuid() == 0 else ()
    with launched(tmp_path, prefix=prefix) as found:
        assert found.uid != 0
        leave_data(found.settings)
        assert_data_is_there(found.settings)
    assert all(has_ended(pid) for pid in found.pids.values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for Postgres")
def test_root_without_user_namespaces_runs_postgres_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_NAMESPACE", ("false",))
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        settings = Settings(state_folder=Path(name) / "state")
        pids = []
        for _ in range(2):
            with run_servers(settings, broker=False, durable=False) as running:
                pids.append(running.supervisor.process("postgres").pid)
                assert Path(f"/proc/{pids[-1]}").stat().st_uid != 0
                assert run_sql(running.settings, "SELECT current_user") == [("callscope",)]
        assert all(has_ended(pid) for pid in pids)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_server_that_is_killed_comes_back_at_the_same_place_with_its_data(
    make_settings: Callable[..., Settings], name: str
) -> None:
    with run_servers(make_settings()) as running:
        run_sql(running.settings, "CREATE TABLE note (word text)")
        with broker(running.settings) as client:
            client.lpush("queue", "kept")
        os.kill(running.supervisor.process(name).pid, signal.SIGKILL)
        wait_for(lambda: restarted(running, name))
        wait_for(lambda: answers(running.settings))
        assert run_sql(running.settings, "SELECT word FROM note") == []
        with broker(running.settings) as client:
            assert client.lrange("queue", 0, -1) == [b"kept"]


def restarted(running: RunningServers, name: str) -> bool:
    running.supervisor.check()
    return running.supervisor.restarts[name] > 0 and running.supervisor.process(name).poll() is None


def answers(settings: Settings) -> bool:
    try:
        with broker(settings) as client:
            client.ping()
        return run_sql(settings, "SELECT 1") == [(1,)]
    except (psycopg2.OperationalError, redis.ConnectionError):
        return False


def test_a_dead_postmasters_number_that_is_now_another_process_is_no_obstacle(
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings()
    with run_servers(settings, broker=False) as running:
        run_sql(running.settings, "CREATE TABLE note (word text)")
    stale = settings.state_folder / "postgres" / "data" / "postmaster.pid"
    stale.write_text(f"{os.getppid()}\n{stale.parent}\n0\n5432\n\n127.0.0.1\n0 0\nready\n")
    with run_servers(settings, broker=False) as running:
        assert run_sql(running.settings, "SELECT word FROM note") == []


def test_a_second_launcher_on_the_same_folder_is_told_who_holds_it(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    with run_servers(settings, database=False) as running:
        with pytest.raises(StateFolderInUse) as caught, run_servers(settings, database=False):
            pytest.fail("two launchers on one folder")
        assert str(os.getpid()) in caught.value.why
        with broker(running.settings) as client:
            assert client.ping()
    with run_servers(settings, database=False):
        pass


def test_servers_that_are_there_are_used_and_none_is_started(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(
        database_url=SecretStr("postgresql://elsewhere/calls"),
        broker_url=SecretStr("redis://elsewhere"),
        s3_endpoint="http://elsewhere",
        s3_access_key="key",
        s3_secret_key=SecretStr("secret"),
        store="s3",
    )
    with run_servers(settings) as running:
        assert running.settings == settings
        assert running.supervisor.restarts == {}
    assert not settings.state_folder.exists()


def test_only_what_was_asked_for_is_started(make_settings: Callable[..., Settings]) -> None:
    with run_servers(make_settings(), database=False) as running:
        assert set(running.supervisor.restarts) == {"valkey"}
        assert running.settings.database_url is None


def test_a_server_that_can_not_start_says_why_in_its_own_words(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    with run_servers(settings, broker=False):
        pass
    (settings.state_folder / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServerMissing, match="postgres ended") as caught, run_servers(settings, broker=False):
        pytest.fail("a data folder of another version was taken")
    assert "incompatible" in caught.value.why


def test_a_data_folder_half_made_is_made_again(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings()
    half_made = settings.state_folder / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with run_servers(settings, broker=False, durable=False) as running:
        assert run_sql(running.settings, "SELECT current_database()") == [("callscope",)]


def test_servers_listen_on_loopback_and_ask_for_a_password_that_only_this_user_can_read(
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings()
    with run_servers(settings, s3=True) as running:
        environment = running.settings.as_environment()
        for name in ("DATABASE_URL", "BROKER_URL", "S3_ENDPOINT"):
            assert "127.0.0.1" in environment[f"CALLSCOPE_{name}"]
        secrets = ("postgres/password", "valkey/password", "valkey/valkey.conf", "swift/secret", "swift/proxy.conf")
        for name in secrets:
            assert stat.S_IMODE((settings.state_folder / name).stat().st_mode) == 0o600
        password = environment["CALLSCOPE_DATABASE_URL"].split(":")[2].split("@")[0]
        assert running.settings.database_url is not None
        url = running.settings.database_url.get_secret_value().replace(password, "guessed").replace("+psycopg2", "")
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(url)
        port = environment["CALLSCOPE_BROKER_URL"].rsplit(":", 1)[1].split("/")[0]
        with redis.Redis(port=int(port)) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
