"""Texts from outside in the form that Postgres takes."""

from __future__ import annotations

from collections.abc import Iterable

_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def storable(text: str, *, max_chars: int | None = None) -> str:
    """
    Return the text without what a Postgres text can't hold: NUL, and halves of surrogate pairs.

    Parameters
    ----------
    text : str
        Anything.
    max_chars : int > 0, optional
        Longer texts are cut; an index refuses very long ones.
    """
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")[:max_chars]


def copy_line(values: Iterable[object]) -> str:
    r"""Return one line of COPY's text format; None becomes its null, ``\N``."""
    return "\t".join(_copy_value(value) for value in values) + "\n"


def _copy_value(value: object) -> str:
    return "\\N" if value is None else str(value).translate(_COPY_ESCAPES)
