"""What a recogniser runs on, by device and by what was asked for."""

import pytest

from callscope.errors import InvalidSetting
from workers.recogniser.choose import Dtype, EngineName, choose

pytestmark = pytest.mark.unit

AMX = {"amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx2"}
ALL = {"onnx", "onnxruntime", "funasr"}


@pytest.mark.parametrize(
    ("device", "features", "importable", "asked", "chosen"),
    [
        ("cuda", {"bf16"}, ALL, ("auto", "auto"), ("torch", "bf16")),
        ("cuda", set(), ALL, ("auto", "auto"), ("torch", "fp32")),
        ("npu", {"bf16"}, set(), ("auto", "auto"), ("torch", "bf16")),
        ("mlu", {"bf16"}, ALL, ("torch", "fp32"), ("torch", "fp32")),
        ("cuda", {"bf16"}, ALL, ("auto", "fp32"), ("torch", "fp32")),
        ("cuda", set(), ALL, ("auto", "bf16"), ("torch", "bf16")),
        ("cuda", {"bf16"}, ALL, ("funasr", "auto"), ("funasr", "fp32")),
        ("cpu", AMX, ALL, ("auto", "auto"), ("onnx", "int8")),
        ("cpu", AMX, set(), ("auto", "auto"), ("torch", "bf16")),
        ("cpu", {"avx512_vnni", "avx512_bf16", "avx2"}, ALL, ("auto", "auto"), ("onnx", "int8")),
        ("cpu", {"avx_vnni"}, ALL, ("auto", "auto"), ("onnx", "int8")),
        ("cpu", {"avx2"}, {"onnx", "onnxruntime"}, ("auto", "auto"), ("onnx", "int8")),
        ("cpu", {"avx2"}, {"onnxruntime"}, ("auto", "auto"), ("torch", "fp32")),
        ("cpu", {"avx512_vnni", "avx512_bf16", "avx2"}, {"funasr"}, ("auto", "auto"), ("torch", "bf16")),
        ("cpu", set(), ALL, ("auto", "auto"), ("torch", "fp32")),
        ("cpu", AMX, ALL, ("onnx", "auto"), ("onnx", "int8")),
        ("cpu", set(), ALL, ("onnx", "auto"), ("onnx", "int8")),
        ("cpu", AMX, ALL, ("onnx", "fp32"), ("onnx", "fp32")),
        ("cpu", AMX, ALL, ("torch", "auto"), ("torch", "bf16")),
        ("cpu", {"avx2"}, ALL, ("torch", "auto"), ("torch", "fp32")),
        ("cpu", set(), ALL, ("torch", "bf16"), ("torch", "bf16")),
        ("cpu", AMX, ALL, ("auto", "int8"), ("onnx", "int8")),
        ("cpu", set(), ALL, ("auto", "int8"), ("onnx", "int8")),
        ("cpu", AMX, ALL, ("auto", "fp32"), ("torch", "fp32")),
        ("cpu", AMX, ALL, ("funasr", "auto"), ("funasr", "fp32")),
        ("cpu", AMX, ALL, ("funasr", "fp32"), ("funasr", "fp32")),
    ],
)
def test_the_fastest_of_what_was_asked_for_is_chosen(
    device: str,
    features: set[str],
    importable: set[str],
    asked: tuple[EngineName, Dtype],
    chosen: tuple[EngineName, Dtype],
) -> None:
    choice = choose(device, features, importable=importable, engine=asked[0], dtype=asked[1])
    assert (choice.engine, choice.dtype) == chosen
    assert choice.why


def test_the_reason_is_not_a_guess_about_what_was_asked_for() -> None:
    assert "times real time" in choose("cpu", AMX, importable=ALL).why
    assert "asked" in choose("cpu", AMX, importable=ALL, dtype="fp32").why


@pytest.mark.parametrize(
    ("device", "engine", "dtype"),
    [
        ("cpu", "funasr", "bf16"),
        ("cpu", "funasr", "int8"),
        ("cpu", "torch", "int8"),
        ("cpu", "onnx", "bf16"),
        ("cuda", "onnx", "auto"),
        ("npu", "onnx", "int8"),
        ("cuda", "auto", "int8"),
    ],
)
def test_what_does_not_exist_is_refused(device: str, engine: EngineName, dtype: Dtype) -> None:
    with pytest.raises(InvalidSetting, match=f"ENGINE={engine} with CALLSCOPE_DTYPE={dtype} .* on {device}") as refused:
        choose(device, AMX, importable=ALL, engine=engine, dtype=dtype)
    assert "torch in bf16" in refused.value.why


@pytest.mark.parametrize(
    ("engine", "dtype", "importable", "missing"),
    [
        ("onnx", "auto", {"funasr", "onnx"}, "onnxruntime; pip install 'callscope[onnx]'"),
        ("auto", "int8", set(), "onnx, onnxruntime; pip install 'callscope[onnx]'"),
        ("funasr", "auto", {"onnx", "onnxruntime"}, "funasr; pip install 'callscope[funasr]'"),
    ],
)
def test_what_is_not_installed_is_named(engine: EngineName, dtype: Dtype, importable: set[str], missing: str) -> None:
    with pytest.raises(InvalidSetting, match="aren't installed") as refused:
        choose("cpu", AMX, importable=importable, engine=engine, dtype=dtype)
    assert refused.value.why == missing
