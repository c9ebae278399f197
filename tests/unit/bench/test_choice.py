from __future__ import annotations

from pathlib import Path

import pytest

from bench.calls import Load
from bench.choice import candidates
from bench.stage import Bench
from callscope.settings import Settings

pytestmark = pytest.mark.unit


def a_bench(**settings: object) -> Bench:
    return Bench(
        settings=Settings.model_validate(settings),
        load=Load(Path("calls"), mean_ms=60_000),
        folder=Path("bench"),
        quick=True,
        progress=lambda _: None,
        recordings=(1,),
        paired_files=1,
        files=1,
        processes=(1,),
    )


@pytest.mark.parametrize("cores", [1, 2, 4, 16])
def test_every_way_on_a_cpu_has_as_many_cores_as_callscope(cores: int) -> None:
    ways = candidates(a_bench(cpu_threads=cores))
    assert {way.processes * way.threads for way in ways} == {cores}
    assert len(ways) == (1 if cores == 1 else 2)


def test_on_a_gpu_it_is_batches_that_differ() -> None:
    ways = candidates(a_bench(device="cuda:0", cpu_threads=16))
    assert len({way.batch_size_s for way in ways}) == len(ways) > 1
    assert {way.processes for way in ways} == {1}
