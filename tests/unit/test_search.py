from __future__ import annotations

import pytest

from callscope.search import Question, first_place, fold, grams, parse_question

pytestmark = pytest.mark.unit


def test_a_text_is_found_by_pairs_and_words() -> None:
    assert grams("我要退款，OK？ Order-77") == {"我要", "要退", "退款", "款", "ok", "order", "77"}


def test_full_width_forms_and_spaces_are_one_spelling() -> None:
    assert fold(" ＶＩＰ　卡\n 号 ") == "VIP 卡 号"


def test_kana_hangul_and_rare_ideographs_are_paired() -> None:
    assert grams("ケーキ 환불 𠮷野") == {"ケー", "ーキ", "キ", "환불", "불", "𠮷野", "野"}


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("退款", Question(("退款",), (), ())),
        ("退", Question((), ("退",), ())),
        ("要退款", Question(("要退", "退款"), (), ("要退款",))),
        ("Refund 退款", Question(("退款",), ("refund",), ())),
        ('"late parcel"', Question((), ("late", "parcel"), ("late parcel",))),
        ("ＶＩＰ卡", Question((), ("vip", "卡"), ("vip卡",))),
        ("call-17", Question((), ("17", "call"), ("call-17",))),
    ],
)
def test_what_is_asked(typed: str, question: Question) -> None:
    assert parse_question(typed) == question


@pytest.mark.parametrize("typed", ["", "  ", "？！", "' & | !", '""'])
def test_nothing_to_look_for(typed: str) -> None:
    assert parse_question(typed) is None


def test_every_gram_of_a_question_is_one_of_its_text() -> None:
    text = "您好，我的包裹已经三天没有更新了。Where is my parcel?"
    found = grams(text)
    question = parse_question("三天没有 parc")
    assert question is not None
    assert set(question.grams) <= found
    assert all(any(gram.startswith(beginning) for gram in found) for beginning in question.beginnings)


def test_where_it_stands() -> None:
    question = parse_question("没有更新 三天")
    assert question is not None
    assert first_place("已经三天没有更新了", question) == (4, 8)
    assert first_place("没有", question) is None
