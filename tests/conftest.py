"""
The real services that tests run against, started once a session where the first test asks for them.

Each lies in a state folder of its own below pytest's, on free loopback ports, and ends with the session. They come
from wheels, so one that can't be started fails the tests that need it, with its own last words.
"""

from __future__ import annotations

import itertools
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import redis
import structlog
from psycopg2 import sql
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from callscope.settings import Settings
from callscope.storage import FolderStorage
from callscope.storage.s3 import S3Storage
from models.session import upgrade
from standalone.servers import run_servers
from tests.services import Bucket, moto_server

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Keep the tests away from the servers that the developer's own settings name."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CALLSCOPE_")]:  # noqa: TID251 - to forget them
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _logging_left_as_it_was() -> Iterator[None]:
    """Undo what a command does to the process' logging, lest it write into a closed stream of an earlier test."""
    root, alembic = logging.getLogger(), logging.getLogger("alembic")
    before = root.handlers[:], root.level, alembic.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    alembic.setLevel(before[2])
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def service_folder(_no_settings_from_outside: None) -> Iterator[Path]:
    """Where the services of this session keep their data."""
    with tempfile.TemporaryDirectory(prefix="callscope-tests-") as folder:
        yield Path(folder)


# --- Postgres ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_url(service_folder: Path) -> Iterator[str]:
    """URL of a superuser on a server without our tables."""
    settings = Settings(state_folder=service_folder / "database")
    with run_servers(settings, broker=False, s3=False, durable=False) as running:
        assert running.settings.database_url is not None
        yield running.settings.database_url.get_secret_value()


@pytest.fixture(scope="session")
def _template_database(postgres_url: str) -> str:
    name = "template_callscope"
    _run_sql(postgres_url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    upgrade(_database(postgres_url, name))
    return name


@pytest.fixture
def database_url(postgres_url: str, _template_database: str) -> Iterator[str]:
    """URL of an empty database at the newest schema, as Alembic builds it; this test's own."""
    name = f"test_{next(_NUMBERS)}"
    names = {"name": sql.Identifier(name), "template": sql.Identifier(_template_database)}
    _run_sql(postgres_url, sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))
    yield _database(postgres_url, name)
    _run_sql(postgres_url, sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))


def _database(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)


def _run_sql(server_url: str, statement: sql.Composable) -> None:
    dsn = make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


# --- Valkey -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _valkey_url(service_folder: Path) -> Iterator[str]:
    settings = Settings(state_folder=service_folder / "broker")
    with run_servers(settings, database=False, s3=False, durable=False) as running:
        assert running.settings.broker_url is not None
        yield running.settings.broker_url.get_secret_value()


@pytest.fixture
def broker_url(_valkey_url: str) -> str:
    """URL of a broker that holds nothing."""
    with redis.Redis.from_url(_valkey_url) as client:
        client.flushall()
    return _valkey_url


# --- stores -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _swift_settings(service_folder: Path) -> Iterator[Settings]:
    settings = Settings(state_folder=service_folder / "s3", store="s3")
    with run_servers(settings, database=False, broker=False) as running:
        yield running.settings


@pytest.fixture
def s3_settings(_swift_settings: Settings) -> Settings:
    """Settings of a real S3 server, with the name of a bucket that isn't there yet; this test's own."""
    return _swift_settings.model_copy(update={"bucket": f"bucket-{next(_NUMBERS)}"})


@pytest.fixture
def s3_bucket(s3_settings: Settings) -> Bucket:
    """An empty bucket on a real S3 server."""
    return _made(_client(s3_settings), s3_settings.bucket)


@pytest.fixture(scope="session")
def _moto_url(service_folder: Path) -> Iterator[str]:
    with moto_server(service_folder) as url:
        yield url


@pytest.fixture
def moto_settings(_moto_url: str) -> Settings:
    """Settings of an S3 server with a broader API (tags, conditional requests) that verifies no signature."""
    return Settings(
        store="s3",
        s3_endpoint=_moto_url,
        s3_access_key="key",
        s3_secret_key=SecretStr("secret"),
        bucket=f"bucket-{next(_NUMBERS)}",
    )


@pytest.fixture
def moto_bucket(moto_settings: Settings) -> Bucket:
    """An empty bucket on moto's S3 server."""
    return _made(_client(moto_settings), moto_settings.bucket)


@pytest.fixture
def folder_bucket(tmp_path: Path) -> Bucket:
    """An empty bucket in a folder."""
    return _made(FolderStorage(tmp_path / "store"), "recordings")


@pytest.fixture(params=["folder", "s3", "moto"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """An empty bucket in each kind of store in turn."""
    made: Bucket = request.getfixturevalue(f"{request.param}_bucket")
    return made


def _client(settings: Settings) -> S3Storage:
    assert settings.s3_secret_key is not None
    return S3Storage(
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key=settings.s3_access_key,
        secret_key=settings.s3_secret_key.get_secret_value(),
    )


def _made(storage: FolderStorage | S3Storage, name: str) -> Bucket:
    storage.ensure_bucket(name)
    return Bucket(storage, name)


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Return settings whose folders lie below this test's own; any other value by its name."""

    def make(**values: Any) -> Settings:
        return Settings(**{"state_folder": tmp_path / "state", "store_folder": tmp_path / "store", **values})

    return make
