from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine

from callscope.calls import CallMetadata
from models.partitions import MONTHS_AHEAD, MONTHS_BACK, ensure_months, ensure_months_around_now
from models.session import transaction
from models.tables import PARTITIONED
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

WHERE_ROWS_LIE = (
    "SELECT tableoid::regclass::text, count(*) FROM segment GROUP BY 1"
    " UNION ALL SELECT tableoid::regclass::text, count(*) FROM event GROUP BY 1 ORDER BY 1"
)


def store_call_of(engine: Engine, day: date, *, key: str = "a.wav") -> None:
    steps.discover(
        engine, key, metadata=CallMetadata(started_at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    )
    assert steps.finish(engine, steps.take_one(engine))


def ensure(engine: Engine, first: date, last: date) -> int:
    with transaction(engine) as session:
        return ensure_months(session, first, last)


def test_upgrade_made_the_months_around_now(engine: Engine, run_sql: RunSql) -> None:
    with transaction(engine) as session:
        assert ensure_months_around_now(session) == 0
    assert run_sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'segment'::regclass") == [
        (MONTHS_BACK + 1 + MONTHS_AHEAD + 1,)
    ]


def test_a_call_of_now_lies_in_its_month(engine: Engine, run_sql: RunSql) -> None:
    steps.discover(engine, "a.wav")
    steps.finish(engine, steps.take_one(engine))
    assert run_sql("SELECT tableoid::regclass::text LIKE 'segment_y%m%' FROM segment LIMIT 1") == [(True,)]


def test_rows_that_came_before_their_partition_move_into_it(engine: Engine, run_sql: RunSql) -> None:
    store_call_of(engine, date(2001, 2, 28), key="feb.wav")
    store_call_of(engine, date(2001, 3, 1), key="mar.wav")
    assert run_sql(WHERE_ROWS_LIE) == [("event_default", 2), ("segment_default", 4)]
    before = run_sql("SELECT * FROM segment ORDER BY call_date, segment_no")
    assert ensure(engine, date(2001, 1, 31), date(2001, 2, 1)) == 2 * len(PARTITIONED)
    assert run_sql(WHERE_ROWS_LIE) == [
        ("event_default", 1),
        ("event_y2001m02", 1),
        ("segment_default", 2),
        ("segment_y2001m02", 2),
    ]
    assert run_sql("SELECT * FROM segment ORDER BY call_date, segment_no") == before


def test_a_partition_made_late_is_like_its_table(engine: Engine, run_sql: RunSql) -> None:
    ensure(engine, date(2001, 2, 1), date(2001, 2, 1))
    rules = (
        "SELECT contype::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = CAST(:name AS regclass) ORDER BY 1, 2"
    )
    for table in PARTITIONED:
        assert run_sql(rules, name=f"{table}_y2001m02") == run_sql(rules, name=f"{table}_default")
    store_call_of(engine, date(2001, 2, 3))
    assert run_sql(WHERE_ROWS_LIE) == [("event_y2001m02", 1), ("segment_y2001m02", 2)]
    run_sql("DELETE FROM recording")
    assert run_sql(WHERE_ROWS_LIE) == []


def test_made_once_by_several_at_once(engine: Engine) -> None:
    together, made = Barrier(3), list[int]()

    def run() -> None:
        together.wait()
        made.append(ensure(engine, date(2001, 12, 1), date(2002, 1, 1)))

    threads = [Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 0, 2 * len(PARTITIONED)]


def test_made_while_results_are_stored(engine: Engine, run_sql: RunSql) -> None:
    day = datetime(2001, 2, 3, tzinfo=UTC)
    steps.discover(engine, *(f"{number}.wav" for number in range(40)), metadata=CallMetadata(started_at=day))
    jobs = [taken.job for taken in steps.take(engine)]
    together, stored = Barrier(3), list[bool]()

    def write(share: int) -> None:
        together.wait()
        stored.extend(steps.finish(engine, job) for job in jobs[share::2])

    threads = [Thread(target=write, args=(share,)) for share in (0, 1)]
    for thread in threads:
        thread.start()
    together.wait()
    for month in range(1, 7):
        ensure(engine, date(2001, month, 1), date(2001, month, 1))
    for thread in threads:
        thread.join()
    assert stored == [True] * 40
    assert run_sql(WHERE_ROWS_LIE) == [("event_y2001m02", 40), ("segment_y2001m02", 80)]


def test_retention_drops_a_month(engine: Engine, run_sql: RunSql) -> None:
    ensure(engine, date(2001, 2, 1), date(2001, 2, 1))
    store_call_of(engine, date(2001, 2, 3))
    for table in PARTITIONED:
        run_sql(f"DROP TABLE {table}_y2001m02")
    assert run_sql(WHERE_ROWS_LIE) == []
