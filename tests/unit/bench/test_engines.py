"""Which engines a device is measured with."""

from __future__ import annotations

import importlib.util

import pytest

from bench.engines import EXACT, find_engines
from bench.stage import Missing
from callscope.settings import Settings

pytestmark = pytest.mark.unit

ASKED = Settings(checkpoint="somewhere", cpu_threads=3, engine="auto", dtype="auto")


def test_each_engine_comes_as_settings_that_ask_for_it() -> None:
    engines = dict(find_engines(ASKED))
    assert next(iter(engines)) == EXACT
    assert list(engines) == ["torch-fp32", "torch-bf16", "onnx-fp32", "onnx-int8"]
    exact = engines[EXACT]
    assert isinstance(exact, Settings)
    assert (exact.engine, exact.dtype, exact.checkpoint, exact.cpu_threads) == ("torch", "fp32", "somewhere", 3)


def test_onnx_is_for_cpus() -> None:
    on_gpu = dict(find_engines(ASKED.model_copy(update={"device": "cuda:0"})))
    assert list(on_gpu) == ["torch-fp32", "torch-bf16"]


def test_an_engine_without_its_packages_is_told_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.engines.find_spec", lambda name: name != "onnx" and importlib.util.find_spec(name))
    engines = dict(find_engines(ASKED))
    assert engines["onnx-int8"] == Missing("onnx onnxruntime")
    assert isinstance(engines["torch-bf16"], Settings)
