from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError

from callscope.errors import DatabaseUnavailable, InvalidSetting
from models.session import connect, transaction, upgrade
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

INSERT = "INSERT INTO recording (bucket, key, etag, size_bytes) VALUES ('calls', 'a.wav', 'v1', :size)"


@pytest.fixture
def nobody_listens() -> Iterator[str]:
    """URL of a port that refuses connections."""
    with closing(socket.socket()) as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"postgresql://nobody:secret@127.0.0.1:{reserved.getsockname()[1]}/nothing"


def test_commits_at_its_end(engine: Engine, run_sql: RunSql) -> None:
    with transaction(engine) as session:
        session.execute(text(INSERT), {"size": 1})
    assert run_sql("SELECT count(*) FROM recording") == [(1,)]


def test_rolls_back_on_any_error(engine: Engine, run_sql: RunSql) -> None:
    def insert_and_fail() -> None:
        with transaction(engine) as session:
            session.execute(text(INSERT), {"size": 1})
            raise LookupError

    with pytest.raises(LookupError):
        insert_and_fail()
    assert run_sql("SELECT count(*) FROM recording") == [(0,)]


def test_a_broken_rule_is_no_outage_and_hides_values(engine: Engine) -> None:
    def insert() -> None:
        with transaction(engine) as session:
            session.execute(text(INSERT), {"size": -987_654})

    with pytest.raises(IntegrityError, match="ck_recording_size_bytes") as caught:
        insert()
    assert "parameters hidden" in str(caught.value)


def test_a_mistake_in_sql_is_no_outage(engine: Engine) -> None:
    def ask() -> None:
        with transaction(engine) as session:
            session.execute(text("SELECT nothing FROM nowhere"))

    with pytest.raises(ProgrammingError):
        ask()


def test_no_server(nobody_listens: str) -> None:
    engine = connect(nobody_listens)
    with pytest.raises(DatabaseUnavailable) as caught, transaction(engine) as session:
        session.execute(text("SELECT 1"))
    assert "secret" not in caught.value.what + caught.value.why
    with pytest.raises(DatabaseUnavailable):
        upgrade(nobody_listens)


def test_a_connection_killed_in_the_middle(engine: Engine, run_sql: RunSql) -> None:
    def work() -> None:
        with transaction(engine) as session:
            session.execute(text(INSERT), {"size": 1})
            (backend,) = session.execute(text("SELECT pg_backend_pid()")).one()
            run_sql("SELECT pg_terminate_backend(:backend)", backend=backend)
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        work()
    assert run_sql("SELECT count(*) FROM recording") == [(0,)]
    assert steps.discover(engine, "a.wav") == 1


def test_idle_connections_that_the_server_dropped_are_replaced(engine: Engine, database_url: str) -> None:
    steps.discover(engine, "a.wav")
    other = connect(database_url)
    with transaction(other) as session:
        session.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    other.dispose()
    assert steps.discover(engine, "b.wav") == 1


def test_a_server_that_takes_no_writes_is_an_outage(engine: Engine, database_url: str, postgres_url: str) -> None:
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(
            text(f"ALTER DATABASE {make_url(database_url).database} SET default_transaction_read_only = on")
        )
    server.dispose()
    with pytest.raises(DatabaseUnavailable):
        steps.discover(engine, "a.wav")


def test_a_statement_that_hangs_is_cut_off(engine: Engine) -> None:
    def hang() -> None:
        with transaction(engine) as session:
            session.execute(text("SET LOCAL statement_timeout = '10ms'"))
            session.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(DatabaseUnavailable):
        hang()


@pytest.mark.parametrize("url", ["", "no url", "mysql://user:secret@host/name", "postgresql://user:secret@host:port/x"])
def test_an_impossible_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        connect(url)
    assert "secret" not in caught.value.what + caught.value.why


def test_the_driver_is_ours_and_options_are_kept(database_url: str) -> None:
    url = make_url(database_url).set(drivername="postgres").update_query_dict({"options": "-c search_path=elsewhere"})
    engine = connect(url.render_as_string(hide_password=False))
    with transaction(engine) as session:
        shown = [session.scalar(text(f"SHOW {name}")) for name in ("search_path", "timezone", "statement_timeout")]
    engine.dispose()
    assert shown == ["elsewhere", "UTC", "1min"]
