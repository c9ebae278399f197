"""From objects in each kind of store to rows in the ledger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from callscope.metadata import WARNINGS
from callscope.settings import Settings
from models.session import Engine
from producer.watch import BATCH, EMPTY_PATIENCE, SweepReport, Watcher
from tests.services import Bucket

pytestmark = pytest.mark.integration

STABLE_MS = 2_000


class Clock:
    now_ms = 0

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watcher_of(bucket: Bucket, engine: Engine, clock: Clock) -> Watcher:
    settings = Settings(bucket=bucket.name, stable_ms=STABLE_MS)
    return Watcher(settings, bucket.storage, engine, now_ms=clock)


def put(bucket: Bucket, folder: Path, key: str, content: bytes, **metadata: str) -> None:
    file = folder / "content"
    file.write_bytes(content)
    bucket.storage.put(bucket.name, key, file, metadata=metadata)


def sweep_twice(watcher: Watcher, clock: Clock) -> SweepReport:
    watcher.sweep()
    clock.now_ms += STABLE_MS
    return watcher.sweep()


def rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.exec_driver_sql("SELECT * FROM recording ORDER BY id").mappings()]


def test_a_recording_enters_with_all_that_is_told_of_it(
    bucket: Bucket, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    key = "hotline/2026-11-20/A17/c-1.wav"
    put(bucket, tmp_path, key, b"sound", **{"agent-id": "A18", "campaign": "autumn"})
    sidecar = {
        "started_at": "2026-11-20T23:30:00-05:00",
        "direction": "inbound",
        "channel_roles": ["customer", "agent"],
    }
    put(bucket, tmp_path, f"{key}.json", json.dumps(sidecar).encode())
    put(bucket, tmp_path, "hotline/2026-11-20/A17/c-2.wav.part", b"half")

    assert sweep_twice(watcher_of(bucket, engine, clock), clock).discovered == 1
    [row] = rows(engine)
    assert (row["key"], row["size_bytes"], row["state"]) == (key, 5, "discovered")
    assert (row["call_id"], row["agent_id"], row["queue"]) == ("c-1", "A18", "hotline")
    assert (row["direction"], row["channel_roles"]) == ("inbound", ["customer", "agent"])
    assert str(row["call_date"]) == "2026-11-21"
    assert row["metadata"]["campaign"] == "autumn"


def test_what_is_known_stays_as_it_is_and_a_new_version_is_a_new_recording(
    bucket: Bucket, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    watcher = watcher_of(bucket, engine, clock)
    put(bucket, tmp_path, "a.wav", b"first")
    assert sweep_twice(watcher, clock).discovered == 1
    assert sweep_twice(watcher, clock) == SweepReport(listed=1, discovered=0, pending=0)
    put(bucket, tmp_path, "a.wav", b"second")
    assert sweep_twice(watcher, clock).discovered == 1
    first, second = rows(engine)
    assert first["etag"] != second["etag"]


@pytest.mark.parametrize(
    ("content", "warning"),
    [
        (b"{", "sidecar_not_json"),
        (b"\xff\xfe", "sidecar_not_json"),
        (b"[" * 50_000, "sidecar_not_json"),
        (b"[1, 2]", "sidecar_not_object"),
        (b'{"call_id": "' + b"x" * 70_000 + b'"}', "sidecar_too_large"),
        (b'{"started_at": "soon"}', "sidecar: started_at"),
    ],
)
def test_a_broken_sidecar_is_named_and_loses_nothing(
    folder_bucket: Bucket, engine: Engine, clock: Clock, tmp_path: Path, *, content: bytes, warning: str
) -> None:
    put(folder_bucket, tmp_path, "hotline/2026-11-20/A17/c-1.wav", b"sound")
    put(folder_bucket, tmp_path, "hotline/2026-11-20/A17/c-1.wav.json", content)
    sweep_twice(watcher_of(folder_bucket, engine, clock), clock)
    [row] = rows(engine)
    assert (row["call_id"], row["agent_id"]) == ("c-1", "A17")
    assert row["metadata"][WARNINGS].startswith(warning)


def test_an_object_without_bytes_enters_in_the_end(
    folder_bucket: Bucket, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    watcher = watcher_of(folder_bucket, engine, clock)
    put(folder_bucket, tmp_path, "a.wav", b"")
    assert sweep_twice(watcher, clock) == SweepReport(listed=1, discovered=0, pending=1)
    clock.now_ms += STABLE_MS * EMPTY_PATIENCE
    assert watcher.sweep().discovered == 1


def test_more_than_one_batch_enters_in_one_sweep(
    folder_bucket: Bucket, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    folder = tmp_path / "store" / folder_bucket.name
    count = 2 * BATCH + 1
    for number in range(count):
        (folder / f"{number}.wav").write_bytes(b"sound")
    assert sweep_twice(watcher_of(folder_bucket, engine, clock), clock).discovered == count


def test_a_sweep_that_is_told_to_stop_leaves_the_rest(
    folder_bucket: Bucket, engine: Engine, clock: Clock, tmp_path: Path
) -> None:
    watcher = watcher_of(folder_bucket, engine, clock)
    put(folder_bucket, tmp_path, "a.wav", b"sound")
    watcher.sweep()
    clock.now_ms += STABLE_MS
    assert watcher.sweep(stopping=lambda: True).discovered == 0
    assert watcher.sweep().discovered == 1
