"""How the channels of stored calls look."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.tables import Analysis, Waveform


def read_waveform(session: Session, recording_id: int) -> tuple[bytes, ...] | None:
    """
    Return the peaks of each channel of a recording, as `callscope.sound.waveform.peaks` made them.

    A call that was stored before there were waveforms has none: (). None: the recording has no analysis.
    """
    heard = session.execute(
        select(Analysis.call_date, Analysis.heard_id).where(Analysis.recording_id == recording_id, Analysis.is_current)
    ).one_or_none()
    if heard is None:
        return None
    rows = session.scalars(
        select(Waveform.peaks)
        .where(Waveform.call_date == heard.call_date, Waveform.analysis_id == heard.heard_id)
        .order_by(Waveform.channel)
    )
    return tuple(rows)
