import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.timeline import Interval, gaps, intersection, union

pytestmark = pytest.mark.unit


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    start_ms = draw(st.integers(0, 200))
    return Interval(start_ms, start_ms + draw(st.integers(0, 60)))


def covered(items: list[Interval]) -> set[int]:
    return {ms for item in items for ms in range(item.start_ms, item.end_ms)}


def is_normal(items: list[Interval]) -> bool:
    return all(i.duration_ms > 0 for i in items) and all(a.end_ms < b.start_ms for a, b in itertools.pairwise(items))


def test_an_interval_runs_forward_from_zero() -> None:
    with pytest.raises(ValueError, match="forward"):
        Interval(5, 4)
    with pytest.raises(ValueError, match="forward"):
        Interval(-1, 4)


def test_touching_intervals_are_joined() -> None:
    assert union([Interval(5, 9), Interval(0, 5)]) == [Interval(0, 9)]


def test_overlap_of_intervals_that_only_touch_is_nothing() -> None:
    assert Interval(0, 5).overlap_ms(Interval(5, 9)) == 0
    assert Interval(0, 7).overlap_ms(Interval(5, 9)) == 2


@given(st.lists(intervals()))
def test_union_covers_the_same_time(items: list[Interval]) -> None:
    joined = union(items)
    assert covered(joined) == covered(items)
    assert is_normal(joined)


@given(st.lists(intervals()), intervals())
def test_gaps_and_intervals_tile_the_whole(items: list[Interval], within: Interval) -> None:
    free = gaps(items, within=within)
    assert covered(free) == covered([within]) - covered(items)
    assert is_normal(free)


@given(st.lists(intervals()), st.lists(intervals()))
def test_intersection_is_what_both_cover(first: list[Interval], second: list[Interval]) -> None:
    common = intersection(first, second)
    assert covered(common) == covered(first) & covered(second)
    assert common == intersection(second, first)
