"""When a message is tried again, as the code does it and as docs/notifications.md tells it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callscope.targets import load_targets
from reports.outbox import translate, webhook
from reports.outbox.deliver import LEASE_MS, RETRY_DELAYS_MS

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "notifications.md").read_text(encoding="utf-8")
UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000}


def test_ten_attempts_take_about_a_day() -> None:
    assert len(RETRY_DELAYS_MS) + 1 == 10
    assert sum(RETRY_DELAYS_MS) == pytest.approx(24 * 3_600_000, rel=0.1)
    assert list(RETRY_DELAYS_MS) == sorted(RETRY_DELAYS_MS)


def test_a_lease_covers_a_translation_and_a_request() -> None:
    assert (translate.DEADLINE_S + webhook.DEADLINE_S) * 1_000 < LEASE_MS


def test_the_page_tells_the_schedule() -> None:
    (row,) = re.findall(r"^\| wait before it \|(.*)\|$", PAGE, re.MULTILINE)
    waits = [cell.split() for cell in row.split("|")]
    assert [int(number) * UNITS_MS[unit] for number, unit in waits] == list(RETRY_DELAYS_MS)


def test_the_pages_file_of_receivers_can_be_used(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "targets.yaml"
    file.write_text(example, encoding="utf-8")
    for name in re.findall(r"secret_file: (\S+)", example):
        (tmp_path / name).write_text("whsec_" + "QUJD" * 10)
    assert {"tickets", "quality"} <= set(load_targets(file))
