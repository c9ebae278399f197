"""Faults on demand strike where they are told to, and nowhere else."""

from __future__ import annotations

import pytest

from callscope.errors import DeviceLost, InvalidSetting, RecogniserFailed
from callscope.pipeline import Stage
from workers.failpoints import Failpoint, Fault

pytestmark = pytest.mark.unit


def test_a_failpoint_names_stage_fault_and_recording() -> None:
    assert Failpoint.parse("decode:kill") == Failpoint(Stage.DECODE, Fault.KILL)
    assert Failpoint.parse("detect:lose-device") == Failpoint(Stage.DETECT, Fault.LOSE_DEVICE)
    assert Failpoint.parse("transcribe:hang:poison:1") == Failpoint(Stage.TRANSCRIBE, Fault.HANG, "poison:1")


@pytest.mark.parametrize("text", ["", "decode", "decode:explode", "lunch:kill"])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(InvalidSetting, match="CALLSCOPE_FAILPOINT"):
        Failpoint.parse(text)


def test_it_strikes_only_its_stage_and_its_recordings() -> None:
    failpoint = Failpoint.parse("decode:raise:poison")
    failpoint.strike(Stage.FETCH, "poison.wav")
    failpoint.strike(Stage.DECODE, "good.wav")
    with pytest.raises(RecogniserFailed):
        failpoint.strike(Stage.DECODE, "poison.wav")


def test_a_lost_device_is_raised_as_an_engine_does() -> None:
    with pytest.raises(DeviceLost):
        Failpoint.parse("transcribe:lose-device").strike(Stage.TRANSCRIBE, "any.wav")
