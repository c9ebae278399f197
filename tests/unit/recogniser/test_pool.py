"""Which items share a batch."""

from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.recogniser.pool import Pool, Ticket

pytestmark = pytest.mark.unit


def filled(lengths: list[int]) -> Pool:
    pool = Pool()
    for number, frames in enumerate(lengths):
        pool.add(Ticket(None, frames, number, 10 * number, Future()))
    return pool


def lengths_of(batch: list[Ticket]) -> list[int]:
    return [ticket.frames for ticket in batch]


@given(
    lengths=st.lists(st.integers(1, 500), min_size=1, max_size=60),
    limit=st.integers(1, 3_000),
    padding=st.floats(1, 2),
)
def test_every_batch_holds_the_oldest_and_keeps_both_limits(lengths: list[int], limit: int, padding: float) -> None:
    pool = filled(lengths)
    seen: list[int] = []
    while pool:
        oldest, waiting = pool.oldest, len(pool)
        batch = pool.take(limit_frames=limit, max_padding=padding)
        sizes = lengths_of(batch)
        assert oldest in batch
        assert oldest.number == min(set(range(len(lengths))) - set(seen))
        assert sizes == sorted(sizes)
        assert len(sizes) == 1 or len(sizes) * sizes[-1] <= min(limit, padding * sum(sizes))
        assert len(pool) == waiting - len(batch)
        seen += [ticket.number for ticket in batch]
    assert sorted(seen) == list(range(len(lengths)))
    assert pool.frames == 0


@given(lengths=st.lists(st.integers(1, 50), min_size=2, max_size=40), limit=st.integers(50, 2_000))
def test_nothing_that_would_fit_beside_a_batch_is_left(lengths: list[int], limit: int) -> None:
    pool = filled(lengths)
    sizes = lengths_of(pool.take(limit_frames=limit, max_padding=1.07))
    waiting = sorted(lengths)
    for size in sizes:
        waiting.remove(size)
    for next_to in [*[size for size in waiting if size <= sizes[0]][-1:], *[s for s in waiting if s >= sizes[-1]][:1]]:
        padded = (len(sizes) + 1) * max(next_to, sizes[-1])
        assert padded > min(limit, 1.07 * (sum(sizes) + next_to))


def test_the_nearest_lengths_travel_together() -> None:
    pool = filled([100, 3, 101, 99, 250, 98, 102, 107])
    batches = [lengths_of(pool.take(limit_frames=500, max_padding=1.07)) for _ in range(4)]
    assert batches == [[99, 100, 101, 102], [3], [250], [98, 107]]


def test_what_is_too_long_for_any_batch_travels_alone() -> None:
    pool = filled([900, 900, 10])
    assert lengths_of(pool.take(limit_frames=500, max_padding=1.07)) == [900]
    assert lengths_of(pool.take(limit_frames=500, max_padding=1.07)) == [900]


def test_a_ticket_can_be_taken_back_once() -> None:
    pool = filled([7, 7, 9])
    assert pool.discard(7, 1)
    assert not pool.discard(7, 1)
    assert (len(pool), pool.frames, pool.oldest.number) == (2, 16, 0)
    assert pool.discard(7, 0)
    assert pool.oldest.number == 2
    assert [ticket.number for ticket in pool.clear()] == [2]
    assert (len(pool), pool.frames) == (0, 0)
