"""What a process holds after batches of ever new shapes; in one of its own, for the caches are the process'."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

MOST_MB = 50
"""Unbounded, the same batches leave 90 MB and more behind."""

_READ = """
import os, sys
import numpy as np
from bench.machine import resident_mb
from callscope.ports import Channel, Clip
from callscope.settings import Settings
from callscope.timeline import Interval
from workers.recogniser.load import load_engine

engine = load_engine(Settings(checkpoint=sys.argv[1], engine="torch", dtype=sys.argv[2], cpu_threads=1))
channel = Channel(np.random.default_rng(1).integers(-3000, 3000, 30 * 16_000).astype(np.int16), 16_000)

def read(first, last):
    for frames in range(first, last):
        engine.read([engine.passage(Clip(channel, Interval(0, 60 * frames)), None)])
    return resident_mb(os.getpid())

with engine.lane():
    before = read(5, 105)
    print(before, read(105, 405) - before)
"""


@pytest.mark.parametrize("dtype", ["bf16", "fp32"])
def test_new_shapes_of_batches_are_not_remembered(folder: Path, dtype: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", _READ, str(folder), dtype], capture_output=True, text=True, check=True
    )
    assert float(answer.stdout.split()[-1]) < MOST_MB
