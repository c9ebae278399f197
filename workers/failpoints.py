"""Faults on demand, so that tests can kill a worker at the very place they mean. Off unless a setting names one."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum

from callscope.errors import DeviceLost, InvalidSetting, RecogniserFailed
from callscope.pipeline import Stage


class Fault(StrEnum):
    """What happens at the point."""

    KILL = "kill"
    """The process gets SIGKILL."""
    RAISE = "raise"
    HANG = "hang"
    """The thread sleeps for ever."""
    LOSE_DEVICE = "lose-device"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """A fault at the begin of a stage, for recordings whose key holds ``key_part``."""

    stage: Stage
    fault: Fault
    key_part: str = ""

    @classmethod
    def parse(cls, text: str) -> Failpoint:
        """
        Read ``decode:kill`` or ``transcribe:hang:poison``.

        Raises
        ------
        InvalidSetting
            There is no such stage or fault.
        """
        stage, _, rest = text.partition(":")
        fault, _, key_part = rest.partition(":")
        try:
            return cls(Stage(stage), Fault(fault), key_part)
        except ValueError as error:
            raise InvalidSetting(f"CALLSCOPE_FAILPOINT {text!r} can't be read", why=str(error)) from error

    def strike(self, stage: Stage, key: str) -> None:
        """Do the fault, if this is the place and the recording."""
        if stage is not self.stage or self.key_part not in key:
            return
        match self.fault:
            case Fault.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Fault.RAISE:
                raise RecogniserFailed("the failpoint raised")
            case Fault.LOSE_DEVICE:
                raise DeviceLost("the failpoint lost the device")
            case Fault.HANG:
                while True:
                    time.sleep(1)
