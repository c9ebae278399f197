from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.texts import copy_line, storable

pytestmark = pytest.mark.unit

UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def read_copy_value(value: str) -> str | None:
    """Read a value as COPY's text format defines it."""
    if value == "\\N":
        return None
    read, position = "", 0
    while position < len(value):
        width = 2 if value[position] == "\\" else 1
        token = value[position : position + width]
        read, position = read + UNESCAPED.get(token, token), position + width
    return read


@given(st.lists(st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_a_line_reads_back_as_its_values(values: list[str | None]) -> None:
    line = copy_line(values)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert "\r" not in line
    assert [read_copy_value(value) for value in line[:-1].split("\t")] == values


def test_numbers_and_truths_are_spelt_as_postgres_reads_them() -> None:
    assert copy_line([1, -0.5, True, False, None]) == "1\t-0.5\tTrue\tFalse\t\\N\n"


@given(st.text(st.characters()))
def test_a_storable_text_is_valid_and_changed_only_where_it_must_be(text: str) -> None:
    stored = storable(text)
    stored.encode("utf-8")
    assert "\x00" not in stored
    if "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        assert stored == text


def test_a_long_text_is_cut() -> None:
    assert storable("一二三四", max_chars=3) == "一二三"
