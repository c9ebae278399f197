"""An engine on the test's own database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from models.session import Engine, connected


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with connected(database_url) as made:
        yield made
