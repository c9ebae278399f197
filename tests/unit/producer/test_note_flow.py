"""When silence proves that a worker is lost: only when its notes could have arrived all the while."""

from __future__ import annotations

import pytest

from producer.dispatch import NoteFlow, Silence

pytestmark = pytest.mark.unit

LEASE_MS = 30_000


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def flow(clock: Clock) -> NoteFlow:
    return NoteFlow(LEASE_MS, now_ms=clock)


def pass_time(flow: NoteFlow, clock: Clock, *, ms: int, notes: int = 0) -> list[Silence]:
    """Look twice a second; return what each look said."""
    said = []
    for _ in range(ms // 500):
        clock.now_ms += 500
        said.append(flow.observe(notes))
    return said


def test_silence_means_loss_after_a_whole_lease_of_flowing_notes(flow: NoteFlow, clock: Clock) -> None:
    assert flow.observe(0) is Silence.SAYS_NOTHING
    assert set(pass_time(flow, clock, ms=LEASE_MS - 500)) == {Silence.SAYS_NOTHING}
    assert pass_time(flow, clock, ms=1_000) == [Silence.MEANS_LOSS, Silence.MEANS_LOSS]


def test_an_outage_starts_the_count_again_and_what_ran_out_in_it_is_forgiven_once(flow: NoteFlow, clock: Clock) -> None:
    pass_time(flow, clock, ms=2 * LEASE_MS)
    flow.interrupt()
    assert set(pass_time(flow, clock, ms=LEASE_MS)) == {Silence.SAYS_NOTHING}
    assert pass_time(flow, clock, ms=1_000) == [Silence.FOLLOWS_OUTAGE, Silence.MEANS_LOSS]


def test_a_round_that_failed_after_its_verdict_forgives_again(flow: NoteFlow, clock: Clock) -> None:
    pass_time(flow, clock, ms=2 * LEASE_MS)
    flow.interrupt()
    assert pass_time(flow, clock, ms=LEASE_MS + 500)[-1] is Silence.FOLLOWS_OUTAGE
    flow.interrupt()
    assert pass_time(flow, clock, ms=LEASE_MS + 500)[-1] is Silence.FOLLOWS_OUTAGE


def test_notes_that_wait_for_long_are_an_outage_of_the_writers(flow: NoteFlow, clock: Clock) -> None:
    pass_time(flow, clock, ms=2 * LEASE_MS)
    assert pass_time(flow, clock, ms=LEASE_MS, notes=3)[-1] is Silence.SAYS_NOTHING
    assert set(pass_time(flow, clock, ms=LEASE_MS)) == {Silence.SAYS_NOTHING}
    assert pass_time(flow, clock, ms=500) == [Silence.FOLLOWS_OUTAGE]


def test_a_busy_queue_that_runs_empty_now_and_then_flows(flow: NoteFlow, clock: Clock) -> None:
    pass_time(flow, clock, ms=2 * LEASE_MS)
    for _ in range(20):
        assert set(pass_time(flow, clock, ms=LEASE_MS // 6, notes=5)) == {Silence.MEANS_LOSS}
        assert pass_time(flow, clock, ms=500) == [Silence.MEANS_LOSS]
