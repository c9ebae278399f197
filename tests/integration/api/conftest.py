"""The app on a real database and a real store, without the processes around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import soundfile
from pydantic import SecretStr
from starlette.testclient import TestClient

from api.app import create_app
from callscope.ports import SAMPLE_RATE_HZ, Storage
from callscope.settings import Settings
from callscope.storage import open_storage
from models.keys import Scope, create_key
from models.session import Engine, connected, transaction
from tests.sounds import babble


@dataclass(frozen=True, slots=True)
class Served:
    """A running app, and a client of it."""

    client: TestClient
    engine: Engine
    settings: Settings
    storage: Storage

    def key(self, name: str, *scopes: Scope) -> dict[str, str]:
        """Make a key; return the headers that carry it."""
        with transaction(self.engine) as session:
            return {"Authorization": f"Bearer {create_key(session, name, scopes)}"}

    def stored(self) -> list[str]:
        """Return the keys of what lies in the bucket."""
        return [one.ref.key for one in self.storage.list(self.settings.bucket)]


@pytest.fixture
def serve(database_url: str, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serve under settings of a test's own."""
    started: list[TestClient] = []
    with connected(database_url) as engine:

        def start(**values: Any) -> Served:
            settings = make_settings(
                **{
                    "database_url": SecretStr(database_url),
                    "store_folder": tmp_path / "store",
                    "api_auth": "open",
                    **values,
                }
            )
            storage = open_storage(settings)
            storage.ensure_bucket(settings.bucket)
            client = TestClient(create_app(settings), base_url="http://localhost:8300", raise_server_exceptions=False)
            started.append(client.__enter__())
            return Served(client, engine, settings, storage)

        yield start
        for client in started:
            client.__exit__(None, None, None)


@pytest.fixture
def served(serve: Callable[..., Served]) -> Served:
    """An app that asks for no key."""
    return serve()


@pytest.fixture
def guarded(serve: Callable[..., Served]) -> Served:
    """An app that asks for a key."""
    return serve(api_auth="keys")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A second of sound."""
    file = tmp_path / "call.wav"
    soundfile.write(file, babble(1_000, seed=1).samples, SAMPLE_RATE_HZ, subtype="PCM_16")
    return file
