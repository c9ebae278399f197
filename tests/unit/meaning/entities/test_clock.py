import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import Segment, Word
from callscope.meaning.entities.clock import SegmentClock
from callscope.timeline import Interval
from tests.unit.meaning.entities.speech import segment

pytestmark = pytest.mark.unit


def test_words_tell_the_time() -> None:
    words = [
        Word("订", 100, 200),
        Word("单", 250, 300),
        Word("号，", 320, 400),
        Word("2026，", 500, 900),
        Word("谢", 950, 990),
    ]
    clock = SegmentClock(segment("订单号，2026，谢", words=words))
    assert clock.interval(0, 2) == Interval(100, 300)
    assert clock.interval(4, 8) == Interval(500, 820)
    assert clock.interval(9, 10) == Interval(950, 990)


def test_marks_that_only_one_side_has_do_no_harm() -> None:
    words = [Word("no,", 1_000, 1_200), Word("12", 1_300, 1_500)]
    clock = SegmentClock(segment("no... 12", start_ms=1_000, end_ms=2_000, words=words))
    assert clock.interval(6, 8) == Interval(1_300, 1_500)


def test_words_that_are_not_in_the_text_are_passed_over() -> None:
    words = [Word("a", 0, 10), Word("twelve", 20, 30), Word("c", 40, 50)]
    assert SegmentClock(segment("a 12 c", words=words)).interval(5, 6) == Interval(40, 50)


def test_a_word_far_on_is_another_mention_of_it() -> None:
    text = "a bb cc dd ee ff gg hh a"
    clock = SegmentClock(segment(text, words=[Word("a", 0, 10), Word("a", 20, 30), Word("bb", 40, 50)]))
    assert clock.interval(2, 4) == Interval(40, 50)


def test_without_words_the_text_is_spoken_evenly() -> None:
    clock = SegmentClock(segment("0123456789", start_ms=500, end_ms=1_500))
    assert clock.interval(2, 5) == Interval(700, 1_000)


@st.composite
def timed(draw: st.DrawFn) -> tuple[Segment, int, int]:
    text = draw(st.text(alphabet="ab12 ,，", min_size=1, max_size=20))
    bounds = st.integers(0, 3_000)
    words = [
        Word(draw(st.text(alphabet="ab12,", max_size=3)), *sorted((draw(bounds), draw(bounds))))
        for _ in range(draw(st.integers(0, 6)))
    ]
    start = draw(st.integers(0, len(text) - 1))
    return segment(text, start_ms=500, end_ms=2_000, words=words), start, draw(st.integers(start + 1, len(text)))


@given(timed())
def test_every_time_lies_in_the_segment(case: tuple[Segment, int, int]) -> None:
    at, start, end = case
    interval = SegmentClock(at).interval(start, end)
    assert at.start_ms <= interval.start_ms <= interval.end_ms <= at.end_ms
