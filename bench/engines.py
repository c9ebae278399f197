"""callscope's engines that a device has, each as settings that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from bench.stage import Missing
from callscope.settings import Settings

EXACT = "torch-fp32"
"""What engines with fewer bits are held to."""

_ENGINES = (("torch", "fp32"), ("torch", "bf16"), ("onnx", "fp32"), ("onnx", "int8"))
_ONNX_PACKAGES = ("onnx", "onnxruntime")


def find_engines(settings: Settings) -> Iterator[tuple[str, Settings | Missing]]:
    """Yield the name of each engine, `EXACT` first, and the settings with it; the ONNX ones are for CPUs."""
    for engine, dtype in _ENGINES:
        if engine == "onnx" and settings.device != "cpu":
            continue
        is_complete = engine != "onnx" or all(map(find_spec, _ONNX_PACKAGES))
        own = settings.model_copy(update={"engine": engine, "dtype": dtype})
        yield f"{engine}-{dtype}", own if is_complete else Missing(" ".join(_ONNX_PACKAGES))
