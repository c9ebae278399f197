"""Values as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from models.reports import Moment
from reports.builtin.document import Column, Document, Unit, Value

NOTHING = "–"

BAR_CELLS = 12

_MS_PER_HOUR, _MS_PER_MINUTE = 3_600_000, 60_000


def cell(document: Document, column: Column, value: Value) -> str:
    """Return a value as its column's unit is read; control characters of names from outside are left out."""
    match value:
        case None:
            return NOTHING
        case Moment():
            return document.link(value) or f"{plain(value.key)} {position(value.at_ms)}"
        case date():
            return value.isoformat()
        case str():
            return plain(value)
        case int() | float():
            return _NUMBERS[column.unit](value)


def percent(share: float | None) -> str:
    """Return a share in percent."""
    return NOTHING if share is None else f"{share:.1%}"


def points(difference: float | None) -> str:
    """Return a difference of shares in percentage points, for a sentence."""
    return NOTHING if difference is None else f"{100 * difference:+.1f} points"


def duration(value_ms: float) -> str:
    """Return a time in seconds, or in hours and minutes where it is long."""
    if abs(value_ms) < _MS_PER_HOUR:
        return f"{value_ms / 1_000:.1f} s"
    hours, rest_ms = divmod(int(value_ms), _MS_PER_HOUR)
    return f"{hours:,} h {rest_ms // _MS_PER_MINUTE:02d} min"


def position(at_ms: int) -> str:
    """Return a time in a recording as minutes and seconds."""
    return f"{at_ms // _MS_PER_MINUTE:02d}:{at_ms // 1_000 % 60:02d}"


def counted(count: float, one: str, many: str = "") -> str:
    """Return a count with its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def bar(share: float | None, cells: int = BAR_CELLS) -> str:
    """Return a share in [0, 1] as a bar of text."""
    if share is None:
        return ""
    full = round(cells * min(1.0, max(0.0, share)))
    return "█" * full + "░" * (cells - full)


def plain(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


_NUMBERS: Mapping[Unit, Callable[[float], str]] = {
    Unit.TEXT: str,
    Unit.COUNT: "{:,}".format,
    Unit.NUMBER: "{:.2f}".format,
    Unit.SHARE: percent,
    Unit.POINTS: lambda difference: f"{100 * difference:+.1f}",
    Unit.CHANGE: "{:+.0%}".format,
    Unit.MS: duration,
    Unit.MOMENT: str,
}
