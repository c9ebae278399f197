"""init.sh: passwords that agree with each other, and never made twice."""

import stat
import subprocess
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from callscope.targets import load_targets, require_key
from tests.unit.compose.files import COMPOSE, compose, service

pytestmark = pytest.mark.unit


def secrets(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_it_makes_every_secret_that_compose_names(made_by_init: Path) -> None:
    files = {Path(secret["file"]) for secret in compose()["secrets"].values()}
    assert {made_by_init / path for path in files} == set((made_by_init / "secrets").iterdir())


def test_the_urls_carry_the_servers_passwords(made_by_init: Path) -> None:
    made = secrets(made_by_init)
    database, broker = make_url(made["database_url"]), make_url(made["broker_url"])
    assert database.password == made["postgres_password"]
    assert database.username == service("postgres").environment["POSTGRES_USER"]
    assert database.database == service("postgres").environment["POSTGRES_DB"]
    assert broker.password == made["broker_password"]
    names = ("postgres_password", "broker_password", "s3_secret_key", "flower_password", "api_secret")
    passwords = [made[name] for name in names]
    assert len(set(passwords)) == len(passwords)
    assert all(len(password) == 48 for password in passwords)


def test_callbacks_are_signed_with_a_secret_that_receivers_take(made_by_init: Path) -> None:
    require_key(SecretStr(secrets(made_by_init)["callback_secret"]))


def test_nobody_is_told_before_somebody_is_named(made_by_init: Path) -> None:
    assert load_targets(made_by_init / "secrets" / "targets") == {}
    assert secrets(made_by_init)["smtp_url"] == secrets(made_by_init)["translator_key"] == ""


def test_only_its_owner_gets_into_the_folder_and_containers_read_the_files(made_by_init: Path) -> None:
    # Each file is mounted by itself, for a user whose number this host doesn't know.
    assert stat.S_IMODE((made_by_init / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made_by_init / "secrets").iterdir()} == {0o444}


def test_it_keeps_what_is_there(made_by_init: Path) -> None:
    (made_by_init / ".env").write_text("COMPOSE_PROFILES=cuda\n")
    (made_by_init / "secrets" / "database_url").unlink()
    (made_by_init / "secrets" / "database_url").write_text("postgresql://elsewhere/callscope")
    before = secrets(made_by_init)
    subprocess.run([made_by_init / "init.sh"], check=True)
    assert secrets(made_by_init) == before
    assert (made_by_init / ".env").read_text() == "COMPOSE_PROFILES=cuda\n"


def test_git_keeps_nothing_of_it() -> None:
    assert {".env", "secrets/"} <= set((COMPOSE / ".gitignore").read_text().split())
