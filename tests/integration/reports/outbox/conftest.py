"""An outbox in Postgres, and receivers on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import text

from callscope.calls import Notice, NoticeKind
from callscope.settings import Settings
from models import results
from models.session import Engine, connected, transaction
from reports.outbox.deliver import Deliverer, SenderSource, Tally
from tests.integration.reports.outbox.receivers import SECRET, HttpReceiver


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver().running() as running:
        yield running


@dataclass(frozen=True, slots=True)
class Post:
    """The outbox of a test."""

    engine: Engine
    settings: Settings

    def write(
        self,
        target: str,
        count: int = 1,
        *,
        kind: NoticeKind = NoticeKind.WEBHOOK,
        recording_id: int | None = None,
        **data: Any,
    ) -> None:
        """Write messages as the store transaction does."""
        payload = {"type": "call.finding", "data": {"rule": "angry", "severity": "high", **data}}
        with transaction(self.engine) as session:
            results.write_notices(session, [Notice(kind, target, payload)] * count, recording_id=recording_id)

    def rows(self) -> list[Mapping[str, Any]]:
        return self.sql("SELECT *, extract(epoch FROM not_before - now()) AS wait_s FROM outbox ORDER BY id")

    def row(self) -> Mapping[str, Any]:
        (row,) = self.rows()
        return row

    def sql(self, statement: str) -> list[Mapping[str, Any]]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement))
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def let_time_pass(self) -> None:
        """Let every wait and every lease be over."""
        self.sql("UPDATE outbox SET not_before = now() WHERE not_before IS NOT NULL")

    def name(self, **targets: Mapping[str, Any]) -> None:
        """Write the file of targets."""
        assert self.settings.targets_file is not None
        self.settings.targets_file.write_text(yaml.safe_dump(targets), encoding="utf-8")

    def deliverer(self, *, lease_ms: int = 60_000) -> Deliverer:
        return Deliverer(self.engine, SenderSource(self.settings), lease_ms=lease_ms)

    def send(self) -> Tally:
        """Try what is due once."""
        deliverer = self.deliverer()
        deliverer.run_once(lambda: False)
        return deliverer.tally

    def with_settings(self, **changed: Any) -> Post:
        return Post(self.engine, self.settings.model_copy(update=changed))


def webhook(url: str, *, allow_private: bool = True) -> dict[str, Any]:
    return {"webhook": {"url": url, "secret": SECRET, "allow_private": allow_private}}


def mail(to: Sequence[str] = ("ann@example.com",)) -> dict[str, Any]:
    return {"mail": {"to": list(to)}}


@pytest.fixture
def post(database_url: str, make_settings: Callable[..., Settings], tmp_path: Path) -> Iterator[Post]:
    settings = make_settings(
        database_url=SecretStr(database_url),
        targets_file=tmp_path / "targets.yaml",
        page_url="https://calls.example.com/",
        mail_from="callscope <callscope@example.com>",
    )
    with connected(database_url) as engine:
        made = Post(engine, settings)
        made.name()
        yield made
