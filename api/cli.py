"""The commands of the pages and the API."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import click
import uvicorn
from pydantic import TypeAdapter
from rich.table import Table

from api.app import create_app
from api.front import require_safe
from callscope.cli import console
from callscope.errors import InvalidSetting, UsageError
from callscope.logs import configure_logging
from callscope.settings import Settings, load_settings
from models import keys as stored
from models.keys import Scope
from models.session import Session, connected, require_schema, transaction

GRACE_S = 5
"""From the stop signal until streams that are still open are cut."""


@click.command()
def serve() -> None:
    """
    Serve the pages and the HTTP API until stopped.

    Example: CALLSCOPE_API_PORT=8300 callscope serve
    """
    settings = load_settings()
    configure_logging(settings)
    require_safe(settings)
    with connected(settings.require_database_url()) as engine:
        require_schema(engine)
    app = create_app(settings)
    with _listen(settings) as listener:
        click.echo(f"callscope serves at {_url(listener)}")
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        uvicorn.Server(config).run(sockets=[listener])


@click.group()
def keys() -> None:
    """Make, list and revoke keys of the API."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    help="What it may do; may be given several times.  [default: read]",
)
@click.option("--days", type=click.IntRange(min=1), help="It expires after so many days.  [default: never]")
def keys_create(name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """
    Make a key for somebody, and print it once: only its hash is stored.

    Example: callscope keys create crm --scope read --scope write --days 365
    """
    expires_in = timedelta(days=days) if days else None
    with _transaction() as session:
        token = stored.create_key(session, name, [Scope(scope) for scope in scopes or ("read",)], expires_in=expires_in)
    click.echo(token)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a key.")
def keys_list(*, as_json: bool) -> None:
    """
    List every key that was ever made: whom it was given to, what it may do, when it was used.

    Example: callscope keys list --json | jq -r .name
    """
    with _transaction() as session:
        found = stored.list_keys(session)
    if as_json:
        adapter = TypeAdapter(stored.Key)
        for key in found:
            click.echo(json.dumps(adapter.dump_python(key, mode="json"), ensure_ascii=False))
        return
    table = Table(header_style="bold")
    for heading in ("name", "scopes", "made", "expires", "used", "revoked"):
        table.add_column(heading, overflow="fold")
    for key in found:
        moments = (key.created_at, key.expires_at, key.last_used_at, key.revoked_at)
        table.add_row(key.name, " ".join(key.scopes), *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments))
    console().print(table)


@keys.command("revoke")
@click.argument("name")
def keys_revoke(name: str) -> None:
    """
    Withdraw a key; within seconds it opens nothing any more, and neither do the sessions that it signed in.

    Example: callscope keys revoke crm
    """
    with _transaction() as session:
        if not stored.revoke_key(session, name):
            raise UsageError(f"there is no valid key named {name}", why="see `callscope keys list`")
    click.echo(f"{name} is revoked")


@contextmanager
def _transaction() -> Iterator[Session]:
    with connected(load_settings().require_database_url()) as engine, transaction(engine) as session:
        yield session


def _listen(settings: Settings) -> socket.socket:
    try:
        return socket.create_server(
            (settings.api_host, settings.api_port),
            family=socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET,
            backlog=512,
        )
    except OSError as error:
        raise InvalidSetting(
            f"nothing can listen on {settings.api_host}:{settings.api_port}", why=str(error)
        ) from error


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
