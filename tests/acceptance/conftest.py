"""Settings under which a cluster finds, loses and retries in seconds what takes minutes in operation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callscope.settings import Settings
from tests.checkpoints import build_sense_voice, build_vad


@pytest.fixture(scope="session")
def quick_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recogniser of the genuine class that is quick, and knows nothing."""
    folder = build_sense_voice(tmp_path_factory.mktemp("checkpoint") / "quick")
    build_vad(folder / "vad")
    return folder


@pytest.fixture
def quick_settings(make_settings: Callable[..., Settings], quick_checkpoint: Path) -> Settings:
    """Settings for a cluster with servers of its own."""
    values: dict[str, Any] = {
        "checkpoint": str(quick_checkpoint),
        "engine": "torch",
        "cpu_threads": 1,
        "sweep_ms": 500,
        "stable_ms": 200,
        "window": 32,
        "sent_deadline_ms": 8_000,
        "lease_ms": 6_000,
        "retry_delay_ms": 200,
    }
    return make_settings(**values)
