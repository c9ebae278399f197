"""Alembic's entry: one transaction on one connection, with limits, for the command line and `models.session` alike."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from callscope.errors import InvalidSetting, UsageError
from callscope.settings import load_settings
from models import tables
from models.session import connect

MIGRATION_LOCK = 0x63616C6C
"""Key of the advisory lock that lets one migration run at a time."""


def database_url() -> str:
    """Return the URL that `models.session` hands over, or on the command line the configured one."""
    given: str | None = context.config.attributes.get("url")
    if given is not None:
        return given
    configured = load_settings().database_url
    if configured is None:
        raise InvalidSetting("CALLSCOPE_DATABASE_URL isn't set", why="a migration needs a database")
    return configured.get_secret_value()


def migrate(connection: Connection) -> None:
    """Run the migrations that Alembic was asked for, all or none."""
    partitions = set(connection.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))

    def is_declared(name: str | None, kind: str, _parents: object) -> bool:
        # Partitions come and go with the months; their shape is their table's.
        return kind != "table" or name not in partitions

    context.configure(
        connection=connection,
        target_metadata=tables.Recording.metadata,
        include_name=is_declared,
        compare_server_default=True,
    )
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        # A migration that waits for a lock makes every query behind it wait too: rather give up and try again.
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        context.run_migrations()


if context.is_offline_mode():
    raise UsageError("migrations are not printed as SQL", why="partitions are made by what the database holds")
engine = connect(database_url())
with engine.begin() as connection:
    migrate(connection)
engine.dispose()
