import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.evaluation.edits import Edits, character_edits, word_edits
from callscope.evaluation.texts import normalise, words

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("ＡＢ c, 12、三！", ["ab", "c", "12", "三"]),
        ("Don\u2019t! You've an e-mail.", ["dont", "youve", "an", "e", "mail"]),
        ("満３００円、引き。", ["満300円", "引き"]),
        ("ｶﾞｽ", ["ガス"]),
        ("  ", []),
        ("。！", []),
    ],
)
def test_width_case_and_marks_do_not_count(text: str, counted: list[str]) -> None:
    assert words(text) == counted
    assert normalise(text) == "".join(counted)


def test_numbers_stay_as_they_are_written() -> None:
    assert character_edits("3天", "三天").substitutions == 1


def test_each_kind_of_edit_is_counted() -> None:
    assert character_edits("今天，发货。", "今 日发货了") == Edits(substitutions=1, deletions=0, insertions=1, length=4)
    assert character_edits("abc", "c") == Edits(substitutions=0, deletions=2, insertions=0, length=3)
    assert word_edits("Where is my parcel?", "where was my parcels now") == Edits(2, 0, 1, 4)


def test_text_where_nobody_speaks_is_inserted() -> None:
    assert character_edits("", "嗯嗯") == Edits(0, 0, 2, 0)
    assert word_edits("...", "oh no") == Edits(0, 0, 2, 0)
    assert character_edits("", "").total == 0


@settings(deadline=None)  # a busy machine is no fault
@given(st.text(), st.text())
def test_edits_are_the_distance_and_add_up(expected: str, heard: str) -> None:
    edits = character_edits(expected, heard)
    assert edits.length == len(normalise(expected))
    assert abs(len(normalise(expected)) - len(normalise(heard))) <= edits.total
    assert edits.total <= max(len(normalise(expected)), len(normalise(heard)))
    assert edits.insertions - edits.deletions == len(normalise(heard)) - len(normalise(expected))
    assert (edits.total == 0) == (normalise(expected) == normalise(heard))


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_rates_are_jiwer_s(expected: list[str], heard: list[str]) -> None:
    edits = word_edits(" ".join(expected), " ".join(heard))
    assert edits.total / edits.length == pytest.approx(jiwer.wer(" ".join(expected), " ".join(heard)))


@settings(deadline=None)  # a busy machine is no fault
@given(st.text())
def test_what_counts_counts_again(text: str) -> None:
    assert normalise(text) == "".join(words(text))
    assert character_edits(text, normalise(text)).total == 0
