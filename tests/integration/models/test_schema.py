from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.engine import make_url

from callscope.errors import SchemaOutdated
from models.session import connect, downgrade, require_schema, upgrade
from models.tables import PARTITIONED, Recording
from models.views import VIEWS, View

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

ROOT = Path(__file__).resolve().parents[3]
DECLARED = Recording.metadata

SHAPE = """
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype <> 'n' AND conrelid::regclass::text = ANY(:tables)
UNION ALL
SELECT 'index', indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index WHERE indrelid::regclass::text = ANY(:tables)
UNION ALL
SELECT 'column', attrelid::regclass::text, attname, concat_ws(' ', attnum, format_type(atttypid, atttypmod),
    attnotnull, attidentity, attgenerated, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 AND attrelid::regclass::text = ANY(:tables)
UNION ALL
SELECT 'table', relname, pg_get_partkeydef(oid), obj_description(oid) FROM pg_class WHERE relname = ANY(:tables)
"""

COMMENTS = """
SELECT attrelid::regclass::text, attname, col_description(attrelid, attnum)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE attnum > 0 AND relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
AND relname <> 'alembic_version' AND NOT relispartition
"""

VIEW_SHAPE = """
SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum), obj_description(attrelid),
    pg_get_viewdef(attrelid)
FROM pg_attribute WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 ORDER BY attnum
"""


def alembic(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    # The driver's name is left out, as people write it.
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=ROOT,
        env={**os.environ, "CALLSCOPE_DATABASE_URL": plain},  # noqa: TID251 - handed on, not read
        capture_output=True,
        text=True,
        check=False,
    )


def relations(url: str) -> list[str]:
    engine = create_engine(url)
    found = inspect(engine)
    names = [*found.get_table_names(), *found.get_view_names()]
    engine.dispose()
    return names


def test_up_down_up_and_nothing_left_to_do(empty_url: str) -> None:
    for words in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head"), ("check",)):
        done = alembic(empty_url, *words)
        assert (done.returncode, done.stderr) == (0, "")
        if words[0] == "downgrade":
            assert relations(empty_url) == ["alembic_version"]


def test_up_and_down_from_code(empty_url: str) -> None:
    upgrade(empty_url)
    upgrade(empty_url)
    assert {"recording", "call_summary", "segment_default"} < set(relations(empty_url))
    assert alembic(empty_url, "check").returncode == 0
    downgrade(empty_url)
    assert relations(empty_url) == ["alembic_version"]


def test_an_older_schema_is_refused_and_a_newer_one_is_not(engine: Engine, run_sql: RunSql) -> None:
    require_schema(engine)
    run_sql("UPDATE alembic_version SET version_num = 'of_the_future'")
    require_schema(engine)
    run_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(SchemaOutdated, match="0001"):
        require_schema(engine)


def test_no_schema_is_refused(empty_url: str) -> None:
    with pytest.raises(SchemaOutdated, match="nothing"):
        require_schema(connect(empty_url))


def test_a_failed_migration_leaves_nothing_behind(empty_url: str) -> None:
    engine = create_engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE event_list (in_the_way int)"))
    engine.dispose()
    assert alembic(empty_url, "upgrade", "head").returncode != 0
    assert relations(empty_url) == ["event_list"]


def test_a_missing_url_is_named() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLSCOPE_")}  # noqa: TID251
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "current"], cwd=ROOT, env=kept, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "CALLSCOPE_DATABASE_URL" in done.stderr


def test_the_migrated_tables_are_the_declared_ones(engine: Engine, empty_url: str) -> None:
    declared = connect(empty_url)
    DECLARED.create_all(declared)
    tables = list(DECLARED.tables)
    with engine.connect() as migrated_connection, declared.connect() as declared_connection:
        migrated = set(migrated_connection.execute(text(SHAPE), {"tables": tables}))
        wanted = set(declared_connection.execute(text(SHAPE), {"tables": tables}))
    declared.dispose()
    assert len(wanted) > 200
    assert migrated == wanted


def test_every_column_says_what_it_holds(run_sql: RunSql) -> None:
    columns = run_sql(COMMENTS)
    assert len(columns) > 150
    assert [column for column in columns if not column[2]] == []


@pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
def test_the_migrated_view_is_the_declared_one(engine: Engine, view: View) -> None:
    with engine.connect() as connection:
        migrated = connection.execute(text(VIEW_SHAPE), {"name": view.name}).all()
        connection.execute(text(f"DROP VIEW {view.name}"))
        for statement in view.statements():
            connection.exec_driver_sql(statement)
        declared = connection.execute(text(VIEW_SHAPE), {"name": view.name}).all()
    assert migrated == declared
    assert {row.attname for row in declared} == set(view.columns)


def test_partitioned_tables_have_a_default(run_sql: RunSql) -> None:
    for table in PARTITIONED:
        assert run_sql(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = :name", name=f"{table}_default"
        ) == [("DEFAULT",)]
