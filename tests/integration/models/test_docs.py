from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from callscope.calls import CallMetadata
from models.tables import Recording, State
from models.views import VIEWS
from tests.integration.models import steps

pytestmark = pytest.mark.integration

RunSql = Callable[..., list[tuple[object, ...]]]

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```$", PAGE + README, flags=re.MULTILINE | re.DOTALL)


def test_there_are_queries() -> None:
    assert len(QUERIES) == 4


@pytest.mark.parametrize("query", QUERIES, ids=["silence per agent", "angry moments", "anger after silence", "readme"])
def test_each_query_finds_the_call(engine: Engine, run_sql: RunSql, query: str) -> None:
    # The example: the agent is silent, for once in its own turn, and then the customer is angry.
    steps.discover(engine, "a.wav", metadata=CallMetadata(call_id="c-1", agent_id="a-7", started_at=datetime.now(UTC)))
    steps.finish(engine, steps.take_one(engine))
    run_sql("UPDATE event SET owner = 'agent'")
    (row,) = run_sql(query)
    assert row[0] in {"c-1", "a-7"}


def test_every_table_view_and_state_is_on_the_page() -> None:
    named = {*Recording.metadata.tables, *(view.name for view in VIEWS), *State}
    assert {name for name in named if f"`{name}`" not in PAGE} == set()
