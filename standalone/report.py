"""How the demo shows a call on a terminal: one line, with the emotions as a strip over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from callscope.calls import Emotion, Event, EventKind, Language, Origin, Role, Segment
from models.ledger import RecordingProgress
from models.tables import FINISHED

STRIP_CELLS = 24

# A letter as well as a colour, so that the strip reads on a terminal without colours and by people who don't see them.
_CELLS = {
    Emotion.NEUTRAL: ("n", "grey62"),
    Emotion.HAPPY: ("H", "black on green3"),
    Emotion.SAD: ("S", "white on dodger_blue3"),
    Emotion.ANGRY: ("A", "white on red3"),
    Emotion.FEARFUL: ("F", "white on purple"),
    Emotion.DISGUSTED: ("D", "black on dark_olive_green3"),
    Emotion.SURPRISED: ("!", "black on gold1"),
    Emotion.OTHER: ("o", "grey62"),
    Emotion.EMO_UNKNOWN: ("?", "grey50"),
}
_NOBODY = ("·", "grey35")


@dataclass(frozen=True, slots=True)
class ShownCall:
    """What the demo tells of one recording."""

    key: str
    state: str
    duration_ms: int
    segments: tuple[Segment, ...]
    events: tuple[Event, ...]
    cer: float | None
    """None where no reference is known."""

    @property
    def languages(self) -> list[Language]:
        """Languages that are spoken, most often first."""
        spoken = Counter(segment.language for segment in self.segments if segment.text)
        return [language for language, _ in spoken.most_common()]


def emotion_strip(segments: Sequence[Segment], *, duration_ms: int, cells: int = STRIP_CELLS) -> Text:
    """
    Return the call from left to right, each cell the emotion of who speaks in it.

    Where both speak, the customer's shows: that is the side a quality manager looks for.
    """
    strip = Text()
    for cell in range(cells):
        middle_ms = (2 * cell + 1) * duration_ms // (2 * cells)
        speaking = [s for s in segments if s.is_speech and s.start_ms <= middle_ms < s.end_ms]
        shown = min(speaking, key=lambda s: s.role is not Role.CUSTOMER, default=None)
        strip.append(*(_CELLS[shown.emotion] if shown else _NOBODY))
    return strip


def calls_table(calls: Sequence[ShownCall]) -> Table:
    """Return one row a call."""
    table = Table(title="What was heard", title_justify="left", header_style="bold", expand=False)
    for heading in ("call", "state", "length", "language", "emotions over time", "events", "silences"):
        table.add_column(heading)
    table.add_column("CER", justify="right")
    for call in calls:
        table.add_row(
            call.key.rsplit("/", 1)[-1],
            Text(call.state, style="green" if call.state == "done" else "red"),
            clock(call.duration_ms),
            " ".join(call.languages),
            emotion_strip(call.segments, duration_ms=call.duration_ms),
            _event_counts(call.events),
            _silences(call.events),
            "" if call.cer is None else f"{call.cer:.1%}",
        )
    return table


def progress_table(rows: Sequence[RecordingProgress]) -> Table:
    """Return how far each recording got, and how long that took."""
    table = Table(box=None, header_style="bold", padding=(0, 2))
    for heading in ("recording", "stage", "seconds"):
        table.add_column(heading)
    for row in rows:
        state = row.state.value if row.code is None else f"{row.state.value}: {row.code}"
        style = "green" if row.state in FINISHED else "cyan"
        table.add_row(row.key, Text(state, style=style), f"{row.elapsed_ms / 1000:.1f}")
    return table


def legend() -> Text:
    """Return what the strip's letters mean."""
    text = Text("emotions: ")
    for emotion, (letter, style) in _CELLS.items():
        text.append(letter, style).append(f" {emotion.value.lower()}  ")
    return text.append(*_NOBODY).append(" nobody speaks")


def rows_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Return the result of a query."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    return table


def clock(at_ms: int) -> str:
    """Return a time in a call as minutes and seconds."""
    return f"{at_ms // 60_000}:{at_ms // 1_000 % 60:02d}"


def _event_counts(events: Sequence[Event]) -> str:
    counts = Counter(e.kind for e in events if e.origin is Origin.MODEL or e.kind is EventKind.CROSSTALK)
    return ", ".join(f"{kind.value.lower()} {count}" for kind, count in counts.most_common())


def _silences(events: Sequence[Event]) -> str:
    silences = [event for event in events if event.kind is EventKind.SILENCE]
    return "\n".join(f"{clock(e.start_ms)} {(e.end_ms - e.start_ms) / 1000:.1f} s {e.owner.value}" for e in silences)
