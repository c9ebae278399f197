"""Devices as they are named on the command line become one process each, with as many recordings as each can use."""

from __future__ import annotations

import pytest

from callscope.errors import UsageError
from callscope.jobs import ANALYSE_QUEUE, ISOLATE_QUEUE
from callscope.settings import Settings
from workers.devices import ACCELERATOR_RECORDINGS, CPU_RECORDINGS_AHEAD, parse_devices, recordings_in_flight
from workers.supervise import worker_specs

pytestmark = pytest.mark.unit


def test_devices_are_separated_by_commas() -> None:
    assert parse_devices("cuda:0, cuda:1") == ("cuda:0", "cuda:1")


@pytest.mark.parametrize("text", ["", "cpu,", ","])
def test_an_empty_device_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="--devices"):
        parse_devices(text)


def test_each_device_gets_a_process_and_the_first_one_more_for_those_that_travel_alone() -> None:
    specs = list(worker_specs(("cuda:0", "cuda:0", "cuda:1"), {"CALLSCOPE_ENGINE": "torch"}))
    assert [(spec.argv[-1], spec.env["CALLSCOPE_DEVICE"]) for spec in specs] == [
        (ANALYSE_QUEUE, "cuda:0"),
        (ANALYSE_QUEUE, "cuda:0"),
        (ANALYSE_QUEUE, "cuda:1"),
        (ISOLATE_QUEUE, "cuda:0"),
    ]
    assert len({spec.name for spec in specs}) == len(specs)
    assert {spec.env["CALLSCOPE_ENGINE"] for spec in specs} == {"torch"}


@pytest.mark.parametrize(
    ("settings", "recordings"),
    [
        (Settings(device="cpu", cpu_threads=3), 3 + CPU_RECORDINGS_AHEAD),
        (Settings(device="cuda:1"), ACCELERATOR_RECORDINGS),
        (Settings(device="cpu", threads=7), 7),
        (Settings(device="npu:0", threads=7), 7),
    ],
)
def test_the_device_decides_how_many_recordings_are_in_flight_unless_told(settings: Settings, recordings: int) -> None:
    assert recordings_in_flight(settings) == recordings
