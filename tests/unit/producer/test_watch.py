"""When a recording counts as stable, and what isn't a recording at all."""

from __future__ import annotations

import pytest

from callscope.calls import RecordingRef
from callscope.keys import is_recording
from producer.watch import EMPTY_PATIENCE, StabilityTracker

pytestmark = pytest.mark.unit


def ref(key: str = "a.wav", *, etag: str = "1", size_bytes: int = 100) -> RecordingRef:
    return RecordingRef("recordings", key, etag, size_bytes)


def sweep(tracker: StabilityTracker, *refs: RecordingRef, now_ms: int) -> list[str]:
    tracker.begin_sweep()
    stable = [one.key for one in refs if tracker.see(one, now_ms=now_ms)]
    tracker.end_sweep()
    return stable


@pytest.mark.parametrize("key", ["hotline/a.wav", "a", "a.json.wav", "..a/b.wav".replace("..", "x"), "tmp/a.partial"])
def test_a_recording_may_have_any_name(key: str) -> None:
    assert is_recording(key)


@pytest.mark.parametrize("key", ["a.wav.json", "a.wav.tmp", "a.wav.part", ".a.wav", "x/.hidden/a.wav", "folder/"])
def test_sidecars_unfinished_and_hidden_objects_are_none(key: str) -> None:
    assert not is_recording(key)


def test_a_version_is_stable_when_it_was_seen_unchanged_for_long_enough() -> None:
    tracker = StabilityTracker(stable_ms=2_000)
    assert sweep(tracker, ref(), now_ms=0) == []
    assert sweep(tracker, ref(), now_ms=1_999) == []
    assert sweep(tracker, ref(), now_ms=2_000) == ["a.wav"]


def test_a_change_starts_the_clock_again() -> None:
    tracker = StabilityTracker(stable_ms=2_000)
    sweep(tracker, ref(etag="1"), now_ms=0)
    assert sweep(tracker, ref(etag="2"), now_ms=2_000) == []
    assert sweep(tracker, ref(etag="2"), now_ms=4_000) == ["a.wav"]


def test_an_empty_object_is_given_longer_and_then_taken_all_the_same() -> None:
    tracker = StabilityTracker(stable_ms=2_000)
    sweep(tracker, ref(size_bytes=0), now_ms=0)
    assert sweep(tracker, ref(size_bytes=0), now_ms=2_000 * EMPTY_PATIENCE - 1) == []
    assert sweep(tracker, ref(size_bytes=0), now_ms=2_000 * EMPTY_PATIENCE) == ["a.wav"]


def test_what_is_gone_is_forgotten_and_starts_anew_when_it_is_back() -> None:
    tracker = StabilityTracker(stable_ms=2_000)
    sweep(tracker, ref("a.wav"), ref("b.wav"), now_ms=0)
    sweep(tracker, ref("b.wav"), now_ms=1_000)
    assert sweep(tracker, ref("a.wav"), ref("b.wav"), now_ms=3_000) == ["b.wav"]
    assert sweep(tracker, ref("a.wav"), now_ms=5_000) == ["a.wav"]


def test_a_listing_that_broke_off_forgets_nothing() -> None:
    tracker = StabilityTracker(stable_ms=2_000)
    sweep(tracker, ref("a.wav"), ref("b.wav"), now_ms=0)
    tracker.begin_sweep()
    tracker.see(ref("a.wav"), now_ms=1_000)
    assert sweep(tracker, ref("a.wav"), ref("b.wav"), now_ms=2_000) == ["a.wav", "b.wav"]


def test_memory_is_bounded_and_everything_has_its_turn() -> None:
    tracker = StabilityTracker(stable_ms=1_000, max_pending=2)
    refs = [ref(f"{number}.wav") for number in range(5)]
    taken: list[str] = []
    for round_no in range(6):
        taken += sweep(tracker, *(one for one in refs if one.key not in taken), now_ms=round_no * 1_000)
    assert sorted(taken) == [one.key for one in refs]


def test_without_a_rule_the_first_look_is_enough() -> None:
    assert sweep(StabilityTracker(stable_ms=0), ref(), now_ms=0) == ["a.wav"]
