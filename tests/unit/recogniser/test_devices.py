"""A device is the one that was asked for, or none."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from callscope.errors import DeviceMissing
from workers.recogniser.devices import available_devices, find_device, find_features, usable_cores

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).parents[3]
# What a plug-in does to torch, for two devices; it can't be undone, so it is done in another process.
PLUG_IN = """
from types import SimpleNamespace
import torch
torch.utils.rename_privateuse1_backend("{kind}")
torch.{kind} = SimpleNamespace(is_available=lambda: True, device_count=lambda: 2, is_bf16_supported=lambda: {bf16})
"""


def test_the_cpu_is_always_there() -> None:
    assert available_devices()[0] == "cpu"
    assert str(find_device("cpu")) == "cpu"
    assert usable_cores() >= 1


@pytest.mark.parametrize("name", ["cuda:99", "meta", "cuda:-1", "gpu", "", "cpu:0", "npu99"])
def test_no_other_is_taken_for_one_that_is_missing(name: str) -> None:
    with pytest.raises(DeviceMissing, match="there is no device") as missing:
        find_device(name)
    assert "cpu" in missing.value.why


@pytest.mark.parametrize(("name", "package"), [("npu:0", "torch_npu"), ("mlu", "torch_mlu")])
def test_a_missing_plug_in_is_named(name: str, package: str) -> None:
    with pytest.raises(DeviceMissing, match=f"there is no device {name} here") as missing:
        find_device(name)
    assert f"the package {package}" in missing.value.why
    assert torch.__version__ in missing.value.why


@pytest.mark.parametrize(("kind", "bf16"), [("npu", True), ("mlu", False)])
def test_a_plug_in_s_devices_are_found(tmp_path: Path, kind: str, bf16: bool) -> None:  # noqa: FBT001
    (tmp_path / f"torch_{kind}.py").write_text(PLUG_IN.format(kind=kind, bf16=bf16), encoding="utf-8")
    program = f"""
from workers.recogniser.devices import available_devices, find_device, find_features
device = find_device("{kind}")
print(device, find_device("{kind}:1"), available_devices(), set(find_features(device)))
try:
    find_device("{kind}:2")
except Exception as error:
    print(type(error).__name__, error.why)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    there = f"cpu, {kind}:0, {kind}:1"
    assert ran.stdout.splitlines() == [
        f"{kind}:0 {kind}:1 {there.split(', ')} { ({'bf16'} if bf16 else set()) }",
        f"DeviceMissing torch {torch.__version__} sees: {there}",
    ]


def test_a_cpu_s_features_are_its_instruction_sets() -> None:
    features = find_features(torch.device("cpu"))
    assert features <= set(torch.cpu.get_capabilities())
    assert ("avx512_bf16" in features) == torch.cpu.get_capabilities().get("avx512_bf16", False)
