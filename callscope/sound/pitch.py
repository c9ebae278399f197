"""The pitch at the end of a region: whether a voice rises, as in a question, or falls."""

from __future__ import annotations

from dataclasses import dataclass

from callscope.ports import Channel
from callscope.timeline import Interval


@dataclass(frozen=True, slots=True)
class PitchSlope:
    """Pitch of a stretch of speech; None where too little of it is voiced."""

    median_hz: float | None = None
    slope_st_s: float | None = None
    """Semitones a second; above 0 it rises."""


def end_pitch(channel: Channel, interval: Interval) -> PitchSlope:
    """Return the pitch of the last second and a half of an interval."""
    return PitchSlope()
