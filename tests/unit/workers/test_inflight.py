"""Which attempts are given back when a process ends, and which are left to their leases."""

from __future__ import annotations

import faulthandler
from collections.abc import Callable, Iterator

import pytest

from callscope.calls import RecordingRef
from callscope.errors import DeviceLost
from callscope.jobs import HEARTBEAT_TASK, AnalyseJob, FailureKind, FailureNote
from callscope.pipeline import Stage
from tests.unit.workers.notebook import Notebook
from workers.inflight import EXIT_DEVICE_LOST, EXIT_OVERDUE, Flights

pytestmark = pytest.mark.unit

LOST = DeviceLost("the device is gone")


@pytest.fixture
def left() -> list[int]:
    """Exit codes that the process was ended with."""
    return []


@pytest.fixture
def make_flights(left: list[int]) -> Iterator[Callable[..., Flights]]:
    def make(notebook: Notebook, *, timeout_ms: int = 60_000) -> Flights:
        return Flights(notebook, worker="host:1:cpu", beat_ms=1_000, timeout_ms=timeout_ms, leave=left.append)

    yield make
    faulthandler.cancel_dump_traceback_later()  # a beat sets the timer that would end a process which is stuck


def job(recording_id: int) -> AnalyseJob:
    return AnalyseJob(recording_id, 1, RecordingRef("recordings", "a.wav", "v1", 1))


def test_a_sign_of_life_is_sent_for_each_attempt(make_flights: Callable[..., Flights]) -> None:
    notebook = Notebook()
    flights = make_flights(notebook)
    with flights.of(job(1)), flights.of(job(2)):
        flights.beat()
    flights.beat()
    assert sorted((task, note.recording_id) for task, note in notebook.notes) == [
        (HEARTBEAT_TASK, 1),
        (HEARTBEAT_TASK, 2),
    ]


def test_a_lost_device_leaves_who_was_at_it_to_the_leases_and_gives_the_others_back(
    make_flights: Callable[..., Flights], left: list[int]
) -> None:
    notebook = Notebook()
    flights = make_flights(notebook)
    with (
        flights.of(job(1)) as fetching,
        flights.of(job(2)) as heard,
        flights.of(job(3)) as read,
        flights.of(job(4)) as done,
    ):
        fetching.enter(Stage.FETCH)
        heard.enter(Stage.DETECT)
        read.enter(Stage.TRANSCRIBE)
        done.enter(Stage.PUBLISH)
        flights.lose_device(LOST, told_by=heard)
    assert notebook.given_back == [1, 4]
    assert {note.kind for _, note in notebook.notes if isinstance(note, FailureNote)} == {FailureKind.RELEASED}
    assert left == [EXIT_DEVICE_LOST]


def test_who_tells_of_the_loss_is_never_given_back(make_flights: Callable[..., Flights], left: list[int]) -> None:
    notebook = Notebook()
    flights = make_flights(notebook)
    with flights.of(job(1)) as alone:
        flights.lose_device(LOST, told_by=alone)
    assert notebook.given_back == []
    assert left == [EXIT_DEVICE_LOST]


def test_a_broker_that_is_away_as_well_is_asked_once(make_flights: Callable[..., Flights], left: list[int]) -> None:
    notebook = Notebook(broker_is_away=True)
    flights = make_flights(notebook)
    with flights.of(job(1)) as first, flights.of(job(2)), flights.of(job(3)):
        flights.lose_device(LOST, told_by=first)
    assert len(notebook.notes) == 1
    assert left == [EXIT_DEVICE_LOST]


def test_an_overdue_attempt_is_left_to_its_lease_and_its_neighbours_are_given_back(
    make_flights: Callable[..., Flights], left: list[int]
) -> None:
    notebook = Notebook()
    flights = make_flights(notebook, timeout_ms=-1)
    with flights.of(job(1)), flights.of(job(2)) as landed:
        landed.land()
        flights.beat()
    assert notebook.given_back == [2]
    assert left == [EXIT_OVERDUE]
