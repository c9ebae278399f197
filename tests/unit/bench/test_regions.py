"""What the model stage counts and compares, on numbers whose answer is known."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.calls import Load
from bench.regions_entrants import Course
from bench.regions_reader import Places, Way, make_batches
from bench.regions_report import Agreement, ModelStage, Result, Results, compare
from bench.rivals import Rival, find_missing, read_tokens
from bench.stage import Bench, Missing, Speed
from callscope.settings import Settings

pytestmark = pytest.mark.unit

EXACT = Agreement(regions_equal=1.0, tokens_equal=1.0)
NEAR = Agreement(regions_equal=0.5, tokens_equal=0.96)


def result(engine: str, *, wall_s: float, agreement: Agreement | None = EXACT, padding: float | None = None) -> Result:
    return Result(
        speed=Speed(engine, audio_s=900.0, wall_s=wall_s, cpu_s=2 * wall_s),
        way=Way(1, 2),
        peak_mb=1_000.0,
        padding=padding,
        agreement=agreement,
        probed={},
    )


STAGE = ModelStage(
    speech_s=300.0,
    regions=70,
    turns=3,
    readers={
        "callscope": result("torch-bf16", wall_s=10.0, agreement=NEAR, padding=1.03),
        Rival.SHERPA_ONNX_INT8: Missing("sherpa-onnx"),
        Rival.FUNASR_ONNX_INT8: result("onnx-int8", wall_s=30.0, agreement=NEAR),
        Rival.STOCK: result("funasr-fp32", wall_s=45.0),
    },
    engines={
        "torch-fp32": result("torch-fp32", wall_s=40.0),
        "onnx-fp32": result("onnx-fp32", wall_s=40.0, agreement=Agreement(0.99, 0.999)),
    },
    whole=None,
    controls={Rival.FUNASR_ONNX_FP32: EXACT},
)


def test_tokens_are_compared_by_the_edits_between_them() -> None:
    reference = [[1, 2, 3, 4, 5, 6], [7, 8], []]
    assert compare(reference, reference) == EXACT
    assert compare([[1, 2, 3, 9, 5, 6], [7, 8], []], reference) == Agreement(2 / 3, 7 / 8)
    assert compare([[1, 2, 3, 4, 5, 6], [7], []], reference) == Agreement(2 / 3, 7 / 8)
    assert compare([[], [], [5, 5]], reference) == Agreement(0.0, 0.0)


def test_tags_that_a_rival_keeps_to_itself_are_not_held_against_it() -> None:
    assert compare([[5, 6], []], [[1, 2, 3, 4, 5, 6], [1, 2, 3]], skipped=4) == EXACT
    assert compare([[5, 6], []], [[1, 2, 3, 4, 5, 6], [1, 2, 3]]) != EXACT


@given(st.lists(st.floats(0.1, 30), max_size=40), st.integers(1, 17))
def test_batches_hold_every_region_once_and_like_lengths_together(lengths: list[float], size: int) -> None:
    batches = make_batches(lengths, size)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(len(batch) <= size for batch in batches)
    in_turn = [lengths[index] for batch in batches for index in batch]
    assert in_turn == sorted(lengths, reverse=True)


def test_callscope_gets_all_regions_at_once_in_their_own_order() -> None:
    assert make_batches([3.0, 9.0, 1.0], None) == [[0, 1, 2]]


def test_probes_are_of_all_lengths(tmp_path: Path) -> None:
    durations = [(number * 37 % 100) / 4 + 0.5 for number in range(100)]
    course = Course(
        Bench(
            settings=Settings(cpu_threads=2),
            load=Load(tmp_path, mean_ms=40_000),
            folder=tmp_path,
            quick=True,
            recordings=(1,),
            paired_files=1,
            files=1,
            processes=(1,),
            progress=lambda _: None,
        ),
        Places(tmp_path, tmp_path, tmp_path),
        "torch-bf16",
        durations,
        paired=range(80),
    )
    probed = [durations[number] for number in course.probes]
    assert 12 <= len(probed) <= 20
    assert min(probed) == min(durations[:80])
    assert max(probed) > 0.9 * max(durations)
    assert set(course.probes) <= set(course.paired)


def test_the_stage_tells_what_the_documents_readers_look_for() -> None:
    data = STAGE.as_data()
    assert data["padding"] == 1.03
    assert data["fp32_tokens_equal"] == 0.99  # of the worse one
    assert {"callscope", "sherpa_onnx_int8", "funasr_onnx_int8", "stock_funasr"} <= data.keys()
    stock = data["stock_funasr"]
    assert isinstance(stock, dict)
    assert stock["rtfx"] == 20.0
    assert stock["way"] == "1 x 2 threads, its own batches"


def test_the_padding_is_that_of_the_largest_load() -> None:
    more = result("torch-bf16", wall_s=100.0, padding=1.01)
    assert dataclasses.replace(STAGE, whole=more).padding == 1.01


def test_without_stock_funasr_nothing_is_said_to_equal_it() -> None:
    readers: Results = {"callscope": result("torch-fp32", wall_s=10.0, agreement=None), Rival.STOCK: Missing("funasr")}
    stage = dataclasses.replace(STAGE, readers=readers, engines={}, controls={})
    assert stage.fp32_tokens_equal is None
    assert stage.as_data()["fp32_tokens_equal"] is None


def test_the_table_shows_everyone() -> None:
    out = io.StringIO()
    for table in STAGE.tables():
        Console(file=out, width=200).print(table)
    told = out.getvalue()
    assert "4.50 x" in told  # stock
    assert "pip install sherpa-onnx" in told
    assert "99.90%" in told
    assert "funasr_onnx_fp32" in told


def test_rivals_whose_wheels_are_for_cpus_are_no_measure_of_a_gpu() -> None:
    missing = find_missing(Rival.SHERPA_ONNX_INT8, device="cuda:0")
    assert missing is not None
    assert (missing.package, missing.why) == ("sherpa-onnx", "its wheel is for CPUs")


def test_sherpas_tokens_are_found_again_as_it_spells_them(tmp_path: Path) -> None:
    path = tmp_path / "tokens.txt"
    path.write_text("<unk> 0\n▁the 1\n▁ 2\n\u2028 3\n好 4\n", encoding="utf-8")
    assert read_tokens(path) == {"<unk>": 0, " the": 1, " ": 2, "\u2028": 3, "好": 4}
