"""`callscope bench` as a person calls it, on a checkpoint that is quick: what its document holds, not how fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bench")
    output = folder / "result.json"
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "callscope", "bench", "--quick", "--shape", "tiny"),
            *("--threads", "1", "--output", str(output), "--json"),
        ],
        env={**os.environ, "CALLSCOPE_STATE_FOLDER": str(folder)},  # noqa: TID251 - handed on whole
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    told: dict[str, Any] = json.loads(answer.stdout)
    assert json.loads(output.read_text(encoding="utf-8")) == told
    return told


def test_it_says_what_was_measured_on_what(document: dict[str, Any]) -> None:
    assert {"python", "torch", "funasr", "onnxruntime", "sherpa-onnx", "funasr-onnx"} <= document["versions"].keys()
    assert document["versions"]["torch"]
    assert document["hardware"]["cpu"]
    assert document["hardware"]["cores"] >= 1
    assert document["settings"]["device"] == "cpu"
    assert document["settings"]["threads"] == 1
    assert document["command"].startswith("callscope bench")
    assert document["load"]["speech_share"] == pytest.approx(0.4, abs=0.08)


def test_both_contenders_did_the_same_recordings(document: dict[str, Any]) -> None:
    for stage in ("files", "end_to_end"):
        ours, stock = document[stage]["callscope"], document[stage]["stock_funasr"]
        assert ours["audio_s"] == stock["audio_s"] > 0
        for contender in (ours, stock):
            assert contender["rtfx"] == pytest.approx(contender["audio_s"] / contender["wall_s"], rel=0.05)
        assert stock["engine"] == "funasr-fp32"
        assert ours["engine"] != stock["engine"]


def test_every_recording_became_rows(document: dict[str, Any]) -> None:
    stage = document["end_to_end"]
    alone = stage["callscope"]["alone"]
    assert [run["recordings"] for run in alone] == [6, 12, 6]
    warm_up = 4
    assert stage["audited"] == 2 * (warm_up + 6) + 6 + 12 + 6, "both contenders', then what callscope did alone"
    assert stage["linearity"].keys() == {"12"}
    assert all(run["memory"]["peak_mb"] > 0 for run in alone)


def test_each_rival_is_measured_or_told_how_to_get(document: dict[str, Any]) -> None:
    regions = document["regions"]
    for rival in ("callscope", "stock_funasr", "sherpa_onnx_int8", "funasr_onnx_int8"):
        assert regions[rival]["rtfx"] or regions[rival]["install"].startswith("pip install ")
    assert regions["callscope"]["rtfx"]
    assert regions["stock_funasr"]["rtfx"]
    assert document["fp32_tokens_equal"] == regions["fp32_tokens_equal"] == 1


def test_batches_hold_little_padding(document: dict[str, Any]) -> None:
    assert document["padding"] == document["files"]["padding"] == document["files"]["whole"]["1"]["padding"]
    assert 1 <= document["padding"] <= 1.07


def test_the_host_and_an_urgent_call_are_told(document: dict[str, Any]) -> None:
    assert document["host"]["1"]["rtfx_per_core"] > 0
    assert document["latency"]["call_s"] == 180
    assert document["latency"]["alone_s"] > 0
    assert document["latency"]["backlog_s"] > 0


def test_the_number_formats_errors_are_told(document: dict[str, Any]) -> None:
    engines = document["accuracy"]["engines"]
    assert {"torch-fp32", "torch-bf16"} <= engines.keys()
    assert all(0 <= engine["cer"] <= 1 for engine in engines.values())
    assert engines["torch-fp32"]["points"] == 0
