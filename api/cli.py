"""The commands of the pages and the API."""

from __future__ import annotations

import socket

import click
import uvicorn

from api.app import create_app
from api.front import LOOPBACK_NAMES
from callscope.errors import InvalidSetting
from callscope.logs import configure_logging
from callscope.settings import Settings, load_settings
from models.session import connected, require_schema

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
    _check(settings)
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


def _check(settings: Settings) -> None:
    if settings.api_auth == "open" and settings.api_host not in LOOPBACK_NAMES:
        raise InvalidSetting(
            "CALLSCOPE_API_AUTH=open goes with a loopback address only",
            why=f"CALLSCOPE_API_HOST is {settings.api_host}, and whoever reaches it would hear every call",
        )


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
