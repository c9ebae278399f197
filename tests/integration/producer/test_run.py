"""The producer's loops on the real servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from callscope.processes import monotonic_ms
from callscope.settings import Settings
from models.session import Engine
from producer.run import produce

pytestmark = pytest.mark.integration

MONTHS = "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' AND relname ~ '^segment_y'"


def count_months(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(MONTHS).scalar_one())


def test_months_that_are_missing_are_made(
    make_settings: Callable[..., Settings], database_url: str, broker_url: str, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "store" / "recordings").mkdir(parents=True)
    settings = make_settings(
        database_url=SecretStr(database_url), broker_url=SecretStr(broker_url), store_folder=tmp_path / "store"
    )
    before = count_months(engine)
    with engine.begin() as connection:
        last = connection.exec_driver_sql(f"{MONTHS.replace('count(*)', 'max(relname)')}").scalar_one()
        connection.exec_driver_sql(f"DROP TABLE {last}")
    assert count_months(engine) == before - 1
    deadline_ms = monotonic_ms() + 30_000
    produce(settings, stopping=lambda: count_months(engine) == before or monotonic_ms() > deadline_ms)
    assert count_months(engine) == before
