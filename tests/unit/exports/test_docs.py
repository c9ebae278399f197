from pathlib import Path

import pytest

from models.extracts import NAMES
from reports.export.files import WRITERS

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "exports.md").read_text(encoding="utf-8")


def test_every_table_and_format_is_on_the_page() -> None:
    assert {name for name in (*NAMES, *WRITERS, "srt", "vtt", "vcon") if f"`{name}`" not in PAGE} == set()
