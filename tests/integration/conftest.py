"""Engines on the test's own database, and plain SQL beside the code under test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from models.session import connect


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = connect(database_url)
    yield made
    made.dispose()


@pytest.fixture
def run_sql(engine: Engine) -> Callable[..., list[tuple[object, ...]]]:
    """Run one statement in a transaction of its own."""

    def run(statement: str, **values: object) -> list[tuple[object, ...]]:
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    return run


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    """URL of a database without any table."""
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE without_tables"))
    yield make_url(postgres_url).set(database="without_tables").render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE without_tables WITH (FORCE)"))
    server.dispose()
