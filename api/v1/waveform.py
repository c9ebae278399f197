"""How the channels of a call look."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from fastapi import APIRouter, Response

from api.context import Db
from api.security import Reader
from callscope.errors import NotStored
from callscope.sound.waveform import WAVEFORM_HOP_MS
from models.session import Session
from models.waveforms import read_waveform

router = APIRouter(tags=["calls"])


@dataclass(frozen=True, slots=True)
class WaveformAnswer:
    """The peaks of a call; a call stored before there were waveforms has no channels here."""

    hop_ms: int
    """Length of the sound behind one peak."""
    channels: tuple[str, ...]
    """Of each channel, base64: a byte a peak, linear, 255 is full scale."""


@router.get("/calls/{recording_id}/waveform")
def waveform(recording_id: int, session: Db, response: Response, _: Reader) -> WaveformAnswer:
    """Return the peaks of each channel's sound."""
    response.headers["Cache-Control"] = "private, max-age=3600"
    return answer_waveform(session, recording_id)


def answer_waveform(session: Session, recording_id: int) -> WaveformAnswer:
    """
    Return the peaks of each channel's sound.

    Raises
    ------
    NotStored
        There is no such call.
    """
    channels = read_waveform(session, recording_id)
    if channels is None:
        raise NotStored(f"there is no analysed call {recording_id}")
    return WaveformAnswer(WAVEFORM_HOP_MS, tuple(b64encode(peaks).decode() for peaks in channels))
