from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from rich.console import Console
from rich.table import Table

from bench.cluster import Run
from bench.report import contenders_data, contenders_table, document, times
from bench.stage import Missing, Speed

pytestmark = pytest.mark.unit

OURS = Speed("torch-bf16", audio_s=600.0, wall_s=10.0, cpu_s=12.0)
STOCK = Speed("funasr-fp32", audio_s=600.0, wall_s=40.0, cpu_s=60.0)
RIVAL = Missing("sherpa-onnx")


@dataclass(frozen=True, slots=True)
class Told:
    data: dict[str, object]

    def as_data(self) -> dict[str, object]:
        return self.data

    def tables(self) -> list[Table]:
        return []


def test_a_contenders_speed_is_seconds_of_sound_a_second() -> None:
    data = contenders_data({"callscope": OURS, "stock_funasr": STOCK})
    assert data["callscope"] == {
        "engine": "torch-bf16",
        "rtfx": 60.0,
        "audio_s": 600.0,
        "wall_s": 10.0,
        "cpu_s": 12.0,
        "rtfx_per_core": 50.0,
    }
    assert times(OURS, STOCK) == {"times_stock": 4.0, "times_stock_per_core": 5.0}
    assert times(OURS, Speed("x", audio_s=600.0, wall_s=40.0)) == {"times_stock": 4.0}


def test_a_missing_contender_is_told_with_the_way_to_get_it() -> None:
    data = contenders_data({"callscope": OURS, "sherpa_onnx_int8": RIVAL})["sherpa_onnx_int8"]
    assert data == {
        "rtfx": None,
        "missing": "sherpa-onnx",
        "why": "not installed",
        "install": "pip install sherpa-onnx",
    }


def test_the_table_says_how_many_times_callscope_is_faster() -> None:
    out = io.StringIO()
    table = contenders_table("Regions", {"callscope": OURS, "stock_funasr": STOCK, "sherpa_onnx_int8": RIVAL})
    Console(file=out, width=120).print(table)
    assert "4.00 x" in out.getvalue()
    assert "pip install sherpa-onnx" in out.getvalue()


def test_what_a_reader_looks_for_stands_at_the_top() -> None:
    regions = Told({"padding": 1.03, "fp32_tokens_equal": 1.0, "callscope": {}})
    told = document({"date": "2026-11-22"}, {"regions": regions, "files": Told({"padding": 1.06})})
    assert (told["padding"], told["fp32_tokens_equal"], told["date"]) == (1.06, 1.0, "2026-11-22")
    assert told["regions"] == regions.data
    assert "fp32_tokens_equal" not in document({}, {"files": Told({"padding": 1.06})})


def test_runs_add_up_and_memory_is_counted_from_the_first_look() -> None:
    first = Run("torch-bf16", recordings=100, audio_s=5_000.0, wall_s=50.0, resident=((100, 900.0),), peak_mb=950.0)
    second = Run("torch-bf16", recordings=150, audio_s=7_000.0, wall_s=70.0, resident=((100, 912.5),), peak_mb=940.0)
    both = first + second
    assert both.speed.rtfx == 100.0
    assert both.resident == ((100, 900.0), (200, 912.5))
    assert (both.growth_mb, both.peak_mb) == (12.5, 950.0)
    assert first.growth_mb is None
