"""One call as a table for a spreadsheet: a line a segment."""

from __future__ import annotations

import csv
import io

from callscope.calls import AnalysedCall
from callscope.exports.cells import safe_cell

HEADINGS = (
    "segment_no",
    "channel",
    "role",
    "start_ms",
    "end_ms",
    "language",
    "text",
    "emotion",
    "emotion_probability",
    "event",
    "event_probability",
)


def to_csv(call: AnalysedCall) -> str:
    """Return a call's segments as CSV; no text begins like a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADINGS)
    for number, segment in enumerate(call.analysis.hearing.segments):
        writer.writerow(
            (
                number,
                segment.channel,
                segment.role.value,
                segment.start_ms,
                segment.end_ms,
                segment.language.value,
                safe_cell(segment.text),
                segment.emotion.value,
                round(segment.emotion_distribution[segment.emotion], 4),
                segment.event.value,
                round(segment.event_probability, 4),
            )
        )
    return text.getvalue()
