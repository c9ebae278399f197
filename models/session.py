"""The way to Postgres: engine, transaction, migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from callscope.errors import DatabaseUnavailable, InvalidSetting, SchemaOutdated
from models.partitions import ensure_months_around_now

__all__ = ["Engine", "Session", "connect", "connected", "downgrade", "require_schema", "transaction", "upgrade"]

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"

CONNECT_ARGUMENTS = {
    "application_name": "callscope",
    "connect_timeout": 5,
    "client_encoding": "utf8",
    # A peer that vanished without a word is noticed after about 25 s, idle or sending.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
SESSION_OPTIONS = (
    "-c timezone=UTC",
    "-c statement_timeout=60s",
    "-c lock_timeout=20s",
    # A transaction that its program forgot would hold its rows for ever.
    "-c idle_in_transaction_session_timeout=60s",
)
READ_ONLY = "25006"
"""SQLSTATE of a server that takes no writes for now: a standby, or a full disk."""


def connect(url: str) -> Engine:
    """
    Return an engine for a PostgreSQL URL; nothing is sent before its first use.

    Parameters
    ----------
    url : str
        ``postgresql://user:password@host:5432/name``; psycopg2 is the driver whatever the URL names.

    Raises
    ------
    InvalidSetting
        The URL can't be read, or names another kind of database.
    """
    return create_engine(
        _parse(url),
        pool_pre_ping=True,
        # Errors end in logs, and logs carry no words of a call.
        hide_parameters=True,
        pool_size=5,
        max_overflow=5,
        pool_timeout=10,
        connect_args=dict(CONNECT_ARGUMENTS),
    )


@contextmanager
def connected(url: str) -> Iterator[Engine]:
    """Yield an engine for a URL, as `connect` makes it; its connections are closed at the end."""
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The message of the cause would show the password.
        raise InvalidSetting("the database's URL can't be read", why="it has no form such as postgresql://…") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise InvalidSetting(f"the database's URL names {parsed.get_backend_name()}", why="callscope needs PostgreSQL")
    given = parsed.query.get("options", "")
    options = " ".join((*SESSION_OPTIONS, given if isinstance(given, str) else " ".join(given))).strip()
    return parsed.set(drivername="postgresql+psycopg2").update_query_dict({"options": options})


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """
    Run the block in one transaction: committed at its end, rolled back by any error.

    Raises
    ------
    DatabaseUnavailable
        The server is away, takes no more connections, takes no writes, or cut a statement off. Nothing of the block
        holds, unless the connection broke at the commit itself: then nobody knows, and the block must be harmless
        when run again.
    """
    with _outages_named(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def _outages_named() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, psycopg2.Error) as error:
        if not _is_outage(error):
            raise
        raise DatabaseUnavailable("the database doesn't serve", why=_first_line(error)) from error
    except PoolTimeout as error:
        raise DatabaseUnavailable("all connections to the database are busy", why=str(error)) from error


def _is_outage(error: DBAPIError | psycopg2.Error) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, psycopg2.OperationalError | psycopg2.InterfaceError) or (
        isinstance(cause, psycopg2.Error) and cause.pgcode == READ_ONLY
    )


def _first_line(error: DBAPIError | psycopg2.Error) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return next(iter(str(cause).strip().splitlines()), type(cause).__name__)


def require_schema(engine: Engine) -> None:
    """
    Look whether the database has the schema that this version needs; a newer one is taken, so that it can come first.

    Raises
    ------
    SchemaOutdated
        It has an older schema, or none.
    DatabaseUnavailable
        The server is away.
    """
    with transaction(engine) as session:
        current = MigrationContext.configure(session.connection()).get_current_revision()
    scripts = ScriptDirectory(str(MIGRATIONS))
    older = {script.revision for script in scripts.walk_revisions()} - {scripts.get_current_head()}
    if current is None or current in older:
        raise SchemaOutdated(
            f"the database's schema is at {current or 'nothing'}",
            why=f"this version needs {scripts.get_current_head()}",
        )


def upgrade(url: str) -> None:
    """
    Bring the database to the newest schema, and make the partitions of the months around now.

    Raises
    ------
    DatabaseUnavailable
        The server is away.
    """
    with _outages_named():
        command.upgrade(_alembic(url), "head")
    with connected(url) as engine, transaction(engine) as session:
        ensure_months_around_now(session)


def downgrade(url: str) -> None:
    """
    Take every table away, and all that is in them.

    Raises
    ------
    DatabaseUnavailable
        The server is away.
    """
    with _outages_named():
        command.downgrade(_alembic(url), "base")


def _alembic(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # As an attribute: in the ini a % of the password would be read as a reference.
    config.attributes["url"] = url
    return config
