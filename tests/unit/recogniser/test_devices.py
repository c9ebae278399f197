"""A device is the one that was asked for, or none."""

import pytest

from callscope.errors import DeviceMissing
from workers.recogniser.devices import available_devices, find_device

pytestmark = pytest.mark.unit


def test_the_cpu_is_always_there() -> None:
    assert available_devices()[0] == "cpu"
    assert str(find_device("cpu")) == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "npu:99", "mlu:99", "meta", "cuda:-1", "gpu", "", "cpu:0"])
def test_no_other_is_taken_for_one_that_is_missing(name: str) -> None:
    with pytest.raises(DeviceMissing, match="there is no device") as missing:
        find_device(name)
    assert "cpu" in missing.value.why
