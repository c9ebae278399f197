"""Devices as they are named on the command line become one process each."""

from __future__ import annotations

import pytest

from callscope.errors import UsageError
from callscope.jobs import ANALYSE_QUEUE, ISOLATE_QUEUE
from workers.devices import parse_devices
from workers.supervise import worker_specs

pytestmark = pytest.mark.unit


def test_devices_are_separated_by_commas() -> None:
    assert parse_devices("cuda:0, cuda:1") == ("cuda:0", "cuda:1")


@pytest.mark.parametrize("text", ["", "cpu,", ","])
def test_an_empty_device_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="--devices"):
        parse_devices(text)


def test_each_device_gets_a_process_and_the_first_one_more_for_those_that_travel_alone() -> None:
    specs = list(worker_specs(("cuda:0", "cuda:0", "cuda:1")))
    assert [(spec.argv[-1], spec.env["CALLSCOPE_DEVICE"]) for spec in specs] == [
        (ANALYSE_QUEUE, "cuda:0"),
        (ANALYSE_QUEUE, "cuda:0"),
        (ANALYSE_QUEUE, "cuda:1"),
        (ISOLATE_QUEUE, "cuda:0"),
    ]
    assert len({spec.name for spec in specs}) == len(specs)
