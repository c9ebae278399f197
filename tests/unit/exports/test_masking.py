from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import Entity, EntityKind
from callscope.exports.cells import safe_cell
from callscope.exports.document import to_document
from callscope.exports.masking import Span, mask_text, masked, masked_sentence
from tests.whole_call import a_whole_call, an_analysed_call

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("spans", "shown"),
    [
        ([], "order 123456 card 9876"),
        ([(6, 12, "****56")], "order ****56 card 9876"),
        ([(18, 22, "**76"), (6, 12, "****56")], "order ****56 card **76"),
        ([(6, 10, "**34"), (8, 12, "**56")], "order ****** card 9876"),
        ([(6, 12, "****56"), (12, 22, "…")], "order ****56…"),
        ([(18, 90, "**76")], "order 123456 card **76"),
    ],
)
def test_spans_are_replaced(spans: list[Span], shown: str) -> None:
    assert mask_text("order 123456 card 9876", spans) == shown


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=8))
def test_no_digit_of_any_span_is_left(places: list[tuple[int, int]]) -> None:
    text = "0123456789" * 4
    spans = [(start, start + length, "*" * length) for start, length in places]
    shown = mask_text(text, spans)
    hidden = {place for start, end, _ in spans for place in range(start, end)}
    assert shown == "".join("*" if place in hidden else digit for place, digit in enumerate(text))


def test_a_masked_call_shows_the_number_nowhere() -> None:
    call = an_analysed_call()
    assert "202611090012" in json.dumps(to_document(call))
    shown = json.dumps(to_document(masked(call)), ensure_ascii=False)
    assert "20261109" not in shown.replace(call.ref.key, "")
    assert "订单********0012三天了。" in shown
    other, named = masked(call).analysis.hearing.segments[:2]
    assert other == call.analysis.hearing.segments[0]
    assert named.words == ()


def test_a_call_that_names_nothing_is_as_it_was() -> None:
    analysis = a_whole_call()
    call = an_analysed_call(replace(analysis, meaning=replace(analysis.meaning, entities=())))
    assert masked(call) == call


def test_two_entities_of_one_segment_are_both_masked() -> None:
    analysis = a_whole_call()
    days = Entity(1, EntityKind.PHONE, "三天", "**", 14, 16, 3_500, 3_700, 0.5)
    call = an_analysed_call(
        replace(analysis, meaning=replace(analysis.meaning, entities=(*analysis.meaning.entities, days)))
    )
    assert masked(call).analysis.hearing.segments[1].text == "订单********0012**了。"


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x"]
)
def test_a_text_is_never_a_formula(formula: str) -> None:
    assert safe_cell(formula) == "'" + formula


@pytest.mark.parametrize("text", ["", "你好", "1-1", " =1", "'", "a=b"])
def test_other_texts_stay(text: str) -> None:
    assert safe_cell(text) == text


def test_what_a_person_writes_is_masked_too() -> None:
    shown = masked_sentence("她的电话是13812345678，订单号 202611020001。")
    assert "13812345678" not in shown
    assert "202611020001" not in shown
    assert shown.startswith("她的电话是")
    assert masked_sentence("都10天了，还没有发货。") == "都10天了，还没有发货。"
