"""How the channels of stored calls look."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.reading import AnalysisKey
from models.tables import Waveform


def read_waveform(session: Session, heard: AnalysisKey) -> tuple[bytes, ...]:
    """
    Return the peaks of each channel, as `callscope.sound.waveform.peaks` made them.

    Parameters
    ----------
    session : Session
        Inside a transaction.
    heard : AnalysisKey
        The analysis that heard the call, not one derived from it. One stored before there were waveforms has none: ().
    """
    rows = session.scalars(
        select(Waveform.peaks)
        .where(Waveform.call_date == heard.call_date, Waveform.analysis_id == heard.analysis_id)
        .order_by(Waveform.channel)
    )
    return tuple(rows)
