"""compose.yaml, held against the code that it runs."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click
import pytest
import yaml
from celery import Celery
from celery.app.utils import find_app
from flower.options import default_options as flower_options
from pydantic import SecretStr

from api.cli import GRACE_S
from api.front import require_safe
from callscope.cli import callscope
from callscope.settings import Settings, load_settings
from callscope.targets import require_key
from reports.outbox import translate, webhook
from tests.unit.compose.files import (
    COMPOSE,
    DOCKERFILE,
    ROOT,
    compose,
    example,
    history,
    interpolate,
    service,
    services,
)
from workers.supervise import GRACE_MS

pytestmark = pytest.mark.unit

OURS = [each.name for each in services() if each.target]
SERVERS = [each.name for each in services() if not each.target]
WORKERS = [each.name for each in services() if each.target == "gpu"]
EVERY = OURS + SERVERS


def parse(words: list[str]) -> None:
    """Read a command line as `callscope` would, without running it."""
    program, *rest = words
    assert program == "callscope"
    command: click.Command = callscope
    while isinstance(command, click.Group):
        name, *rest = rest
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"there is no `callscope {name}`"
        command = found
    command.make_context(command.name, rest)


@pytest.mark.parametrize(
    "path", [COMPOSE / "compose.yaml", COMPOSE / ".env.example", DOCKERFILE, ROOT / "docs/deploy.md"]
)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    for name in set(re.findall(r"CALLSCOPE_(\w+)", path.read_text())):
        if name.lower() in Settings.model_fields:
            continue
        field = Settings.model_fields.get(name.removesuffix("_FILE").lower())
        assert field is not None, f"CALLSCOPE_{name} is no setting"
        assert "SecretStr" in str(field.annotation), f"CALLSCOPE_{name} is no secret"


@pytest.mark.parametrize("name", [name for name in OURS if service(name).command[0] == "callscope"])
def test_every_command_and_its_options_exist(name: str) -> None:
    parse(service(name).command)


def test_the_guide_names_commands_services_and_secrets_that_exist() -> None:
    text = (ROOT / "docs/deploy.md").read_text()
    commands = re.findall(
        r"(?:`|^docker compose (?:exec|run)(?: -\S+)* \S+ )(callscope [\w -]+)(?:`|$)", text, flags=re.MULTILINE
    )
    assert commands
    for command in commands:
        parse(command.split())

    named = re.findall(r"docker compose (?:exec|run)(?: -\S+)* ([\w-]+)", text)
    named += [
        word
        for line in re.findall(r"docker compose up([^#`\n]*)", text)
        for word in line.split()
        if not word.startswith("-")
    ]
    assert set(named) <= set(EVERY)
    assert set(re.findall(r"secrets/(\w+)", text)) <= set(compose()["secrets"])


def test_the_monitor_runs_our_celery_app_with_options_that_flower_has() -> None:
    flower = service("flower")
    (module,) = re.findall(r"celery -A (\S+) flower", flower.command[-1])
    assert isinstance(find_app(module), Celery)

    named = {*re.findall(r"export FLOWER_(\w+)=", flower.command[-1])} | {
        name.removeprefix("FLOWER_") for name in flower.environment if name.startswith("FLOWER_")
    }
    assert {name.lower() for name in named} <= set(flower_options)
    assert flower.environment["FLOWER_READ_ONLY"] == "true"
    assert "BASIC_AUTH" in named


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_published_beyond_loopback_by_default(name: str) -> None:
    assert {address for address, _ in service(name).ports} <= {"127.0.0.1"}
    assert example()["CLUSTER_ADDRESS"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("flower", int(service("flower").environment["FLOWER_PORT"])),
        ("pages", int(service("pages").environment["CALLSCOPE_API_PORT"])),
        ("postgres", 5432),  # the server's own default
        ("valkey", 6379),  # the server's own default
        ("seaweedfs", int(re.findall(r"-s3\.port=(\d+)", service("seaweedfs").command[-1])[0])),
        ("rustfs", int(service("rustfs").environment["RUSTFS_ADDRESS"].partition(":")[2])),
    ],
)
def test_a_published_port_is_the_one_that_is_listened_on(name: str, port: int) -> None:
    assert {inside for _, inside in service(name).ports} == {port}
    probed = re.findall(r"127\.0\.0\.1:(\d+)", str(service(name).raw["healthcheck"]["test"]))
    assert set(probed) <= {str(port)}


def test_only_these_ports_are_published() -> None:
    published = {each.name for each in services() if each.ports}
    assert published == {"pages", "flower", "postgres", "valkey", "seaweedfs", "rustfs"}


def volumes(name: str) -> list[tuple[str, str]]:
    """Return what is mounted and where, whether it may be written to or not."""
    return [(outside, inside) for outside, inside, *_ in (each.split(":") for each in service(name).raw["volumes"])]


def settings_of(name: str, made_by_init: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return what a service reads by the example's .env."""
    for variable, value in {**example(), **service(name).environment}.items():
        # The secrets lie where `docker compose` would mount them.
        monkeypatch.setenv(variable, value.replace("/run/secrets", str(made_by_init / "secrets")))
    return load_settings()


@pytest.mark.parametrize("name", OURS)
def test_settings_lead_to_servers_that_the_service_reaches(
    name: str, made_by_init: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = service(name)
    settings = settings_of(name, made_by_init, monkeypatch)
    urls = [secret.get_secret_value() for secret in (settings.database_url, settings.broker_url) if secret]
    urls += [settings.s3_endpoint] if settings.s3_endpoint else []
    assert urls
    for url in urls:
        parts = urlsplit(url)
        servers = [there for there in services() if parts.hostname in there.names]
        assert servers
        assert all(there.networks & each.networks for there in servers)
        assert all(there.ports[0][1] == parts.port for there in servers)
    if "objects" in each.networks:
        assert settings.store == "s3"
        assert settings.s3_secret_key is not None
        assert settings.s3_access_key == service("seaweedfs").environment["AWS_ACCESS_KEY_ID"]
        assert settings.s3_access_key == service("rustfs").environment["RUSTFS_ACCESS_KEY"]


def test_the_bucket_is_made_once_and_kept(tmp_path: Path) -> None:
    program, *arguments = service("bucket").command
    assert program == "python"
    environment = {"CALLSCOPE_STORE": "folder", "CALLSCOPE_STORE_FOLDER": str(tmp_path), "CALLSCOPE_BUCKET": "calls"}
    for _ in range(2):
        subprocess.run([sys.executable, *arguments], env=environment, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["calls"]


def test_both_object_stores_answer_to_the_same_name() -> None:
    assert service("seaweedfs").names & service("rustfs").names == {"s3"}
    assert service("seaweedfs").ports == service("rustfs").ports


@pytest.mark.parametrize("name", EVERY)
def test_a_service_reads_the_secrets_that_it_names(name: str) -> None:
    each = service(name)
    read = set(re.findall(r"/run/secrets/(\w+)", str([each.raw.get("healthcheck"), each.command, each.environment])))
    assert read == each.secrets
    assert each.secrets <= set(compose()["secrets"])


@pytest.mark.parametrize("name", WORKERS)
def test_a_gpu_worker_has_no_way_to_the_database(name: str) -> None:
    assert not service(name).networks & service("postgres").networks
    assert not service(name).secrets & {"database_url", "postgres_password"}


def test_writers_write_for_those_whom_the_notifier_tells() -> None:
    files = {service(name).environment["CALLSCOPE_TARGETS_FILE"] for name in ("writer", "notify")}
    assert files == {"/run/secrets/targets"}


def test_those_who_take_a_callback_sign_as_those_who_send_it() -> None:
    files = {service(name).environment["CALLSCOPE_CALLBACK_SECRET_FILE"] for name in ("pages", "notify")}
    assert files == {"/run/secrets/callback_secret"}


def test_the_pages_open_no_door_and_have_the_secrets_that_every_process_must_share(
    made_by_init: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of("pages", made_by_init, monkeypatch)
    require_safe(settings)
    assert settings.api_auth == "keys"
    assert settings.api_secret == SecretStr((made_by_init / "secrets" / "api_secret").read_text())
    assert settings.callback_secret is not None
    require_key(settings.callback_secret)


def test_what_is_too_large_for_memory_goes_to_a_volume_that_the_pages_may_write_to() -> None:
    given = service("pages").environment
    folders = {Path(given["CALLSCOPE_STATE_FOLDER"]), Path(given["TMPDIR"])}
    mounted = [Path(inside) for name, inside in volumes("pages") if name in compose()["volumes"]]
    assert all(any(folder.is_relative_to(there) for there in mounted) for folder in folders)
    # Docker gives a new volume the owner of the image's folder; one that isn't there is root's.
    made = [rest for instruction, rest in history("api") if instruction == "RUN" and "install -d -o callscope" in rest]
    assert {Path(rest.split()[-1]) for rest in made} == set(mounted)


def test_the_pages_cut_their_streams_before_they_are_killed() -> None:
    assert int(service("pages").raw["stop_grace_period"].removesuffix("s")) > GRACE_S


def test_each_process_of_the_pages_has_a_port() -> None:
    assert service("pages").raw["scale"] == int(example()["PAGES"]) == 1
    text = (COMPOSE / "compose.yaml").read_text()
    several = yaml.safe_load(interpolate(text, {"PAGES": "3", "PAGES_PORTS": "8300-8302"}))["services"]["pages"]
    assert several["scale"] == 3
    assert several["ports"] == ["127.0.0.1:8300-8302:8300"]


def test_whoever_needs_the_rules_sees_the_ones_of_the_writer() -> None:
    for name in ("writer", "pages", "notify"):
        assert ("./rules", "/rules") in volumes(name)


def test_the_notifier_has_time_to_bring_what_is_under_way_to_its_end() -> None:
    under_way_s = translate.DEADLINE_S + webhook.DEADLINE_S
    assert int(service("notify").raw["stop_grace_period"].removesuffix("s")) > under_way_s


@pytest.mark.parametrize("name", EVERY)
def test_a_service_can_harm_nobody(name: str) -> None:
    raw = service(name).raw
    assert raw["read_only"] is True
    assert raw["cap_drop"] == ["ALL"]
    assert raw["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in raw["tmpfs"]  # noqa: S108 - in the container, of the container
    assert not {"privileged", "cap_add", "pid", "network_mode"} & set(raw)


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_pinned_and_runs_as_its_own_user(name: str) -> None:
    raw = service(name).raw
    _, _, tag = raw["image"].rpartition(":")
    assert re.match(r"\d", tag)
    assert raw["user"] not in {"root", "0"}


@pytest.mark.parametrize("name", EVERY)
def test_what_a_service_waits_for_can_come(name: str) -> None:
    for there, how in service(name).raw.get("depends_on", {}).items():
        other = service(there)
        match how["condition"]:
            case "service_healthy":
                assert other.raw["healthcheck"]["test"]
            case "service_completed_successfully":
                assert other.raw["restart"] == "no"
            case condition:
                pytest.fail(f"{name} waits for {there} to be {condition}")
        # A service of a profile may not be there at all.
        assert ("profiles" in other.raw) == (how.get("required") is False)


@pytest.mark.parametrize("name", EVERY)
def test_a_service_comes_back_unless_it_runs_once(name: str) -> None:
    assert service(name).raw["restart"] == ("no" if name in {"migrate", "bucket"} else "unless-stopped")


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_has_time_to_give_its_recordings_back_and_room_to_hold_them(name: str) -> None:
    raw = service(name).raw
    assert int(raw["stop_grace_period"].removesuffix("s")) * 1_000 > GRACE_MS
    scratch = Path(service(name).environment["CALLSCOPE_STATE_FOLDER"])
    assert any(scratch.is_relative_to(folder) for folder in raw["tmpfs"])


@pytest.mark.parametrize("name", EVERY)
def test_what_runs_on_says_how_it_is(name: str) -> None:
    raw = service(name).raw
    # Producer and notifier end when they can't work at all, and wait through every outage otherwise.
    assert ("healthcheck" in raw) == (raw["restart"] != "no" and name not in {"producer", "notify"})


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_keeps_its_data_in_a_volume(name: str) -> None:
    (volume,) = service(name).raw["volumes"]
    assert volume.partition(":")[0] in compose()["volumes"]


def test_the_queue_refuses_what_it_has_no_room_for_and_survives_a_restart() -> None:
    configuration = service("valkey").command[-1]
    assert "maxmemory-policy noeviction" in configuration
    assert "appendonly yes\nappendfsync everysec" in configuration


def test_the_example_chooses_one_worker_and_one_object_store() -> None:
    chosen = set(example()["COMPOSE_PROFILES"].split(","))
    assert len([name for name in WORKERS if chosen & set(service(name).raw["profiles"])]) == 1
    assert len([name for name in ("seaweedfs", "rustfs") if chosen & set(service(name).raw["profiles"])]) == 1
    assert chosen <= {profile for each in services() for profile in each.raw.get("profiles", [])}


def test_a_cuda_worker_reserves_the_gpus() -> None:
    (device,) = service("worker-cuda").raw["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert service("worker-cuda").command == ["callscope", "work", "--devices", "cuda:0"]
