"""Texts as a cell of a table may show them."""

from __future__ import annotations

_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")


def safe_cell(text: str) -> str:
    """
    Return the text so that no spreadsheet takes it for a formula: an apostrophe goes before one that could be.

    What a customer says, or a telephony system tells, is data from outside; `=HYPERLINK(…)` in a cell is a program.
    """
    return "'" + text if text[:1] in _FORMULA_STARTS else text
