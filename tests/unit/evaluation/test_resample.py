import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.evaluation.resample import Estimate, resample, resample_shares

pytestmark = pytest.mark.unit


def test_the_interval_of_a_share_is_as_wide_as_its_binomial() -> None:
    estimate = resample_shares([[place % 4 == 0] for place in range(400)]).share()
    deviation = (0.25 * 0.75 / 400) ** 0.5
    assert estimate.value == 0.25
    assert estimate.low == pytest.approx(0.25 - 1.96 * deviation, abs=0.006)
    assert estimate.high == pytest.approx(0.25 + 1.96 * deviation, abs=0.006)


def test_turns_of_one_call_are_drawn_together() -> None:
    apart = resample_shares([[place < 20] for place in range(40)]).share()
    together = resample_shares([[True] * 10, [True] * 10, [False] * 10, [False] * 10]).share()
    assert apart.value == together.value == 0.5
    assert apart.low is not None
    assert together.low is not None
    assert together.low < apart.low - 0.1


def test_the_same_rows_give_the_same_interval() -> None:
    rows = [[place % 3 == 0, place % 5 == 0] for place in range(50)]
    assert resample_shares(rows).share() == resample_shares(rows).share()


def test_what_few_rows_tell_has_no_interval() -> None:
    assert resample_shares([]).share() == Estimate()
    assert resample_shares([[], []]).share() == Estimate()
    assert resample_shares([[True, False], []]).share() == Estimate(0.5)
    assert resample_shares([[True], [True], [True]]).share() == Estimate(1.0)


def test_parts_are_told_by_the_rows_that_count_in_them() -> None:
    counts = resample([np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[2.0, 2.0], [1.0, 3.0]])], shape=(2, 2))
    assert counts.total.tolist() == [[3, 4], [1, 3]]
    assert counts.part(0).share().low is not None
    assert counts.part(1).share() == Estimate(1 / 3)


@settings(deadline=None, max_examples=30)  # each draws rows a thousand times
@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=20))
def test_a_share_lies_in_its_interval_and_between_none_and_all(rows: list[list[bool]]) -> None:
    facts = [fact for row in rows for fact in row]
    estimate = resample_shares(rows).share()
    assert estimate.value == (pytest.approx(sum(facts) / len(facts)) if facts else None)
    if estimate.low is not None and estimate.high is not None:
        assert 0 <= estimate.low <= estimate.high <= 1
