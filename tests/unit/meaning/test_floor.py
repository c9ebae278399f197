"""Silence, crosstalk and interruption on regions whose truth is written down."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given

from callscope.calls import Event, EventKind, Origin, Role, Segment
from callscope.errors import RegionOutsideRecording
from callscope.meaning.floor import find_crosstalk, find_interruptions, find_silences, own_silences
from callscope.timeline import Interval, gaps, union
from tests.scripts import Line, Row, play
from tests.unit.meaning.strategies import CALLS, END_MS, swapped

pytestmark = pytest.mark.unit


def speech_of(lines: list[Line]) -> list[Segment]:
    return [segment for segment in play(lines) if segment.is_speech]


def owned(events: list[Event]) -> list[tuple[Role, int, int]]:
    return [(event.owner, event.start_ms, event.end_ms) for event in events]


def test_silence_is_where_no_channel_speaks() -> None:
    speech = play([("agent", 0, 2_000, "一"), ("customer", 1_500, 4_000, "二"), ("agent", 5_800, 7_000, "三")])
    assert find_silences(speech, duration_ms=9_000) == [Interval(4_000, 5_800), Interval(7_000, 9_000)]


def test_a_pause_shorter_than_the_threshold_is_no_silence() -> None:
    speech = play([("agent", 0, 1_000, "一"), ("customer", 2_199, 3_000, "二")])
    assert find_silences(speech, duration_ms=3_000) == []
    assert find_silences(speech, duration_ms=3_000, min_silence_ms=1_199) == [Interval(1_000, 2_199)]


def test_a_region_outside_the_recording_is_refused() -> None:
    with pytest.raises(RegionOutsideRecording, match="5000 ms in a recording of 4000"):
        find_silences(play([("agent", 0, 5_000, "一")]), duration_ms=4_000)


def test_a_silence_belongs_to_the_party_that_did_not_speak_last() -> None:
    speech = play([("customer", 0, 3_000, "一"), ("agent", 4_800, 6_000, "二")])
    silences = [Interval(3_000, 4_800), Interval(6_000, 9_000)]
    events = own_silences(speech, silences)
    assert owned(events) == [(Role.AGENT, 3_000, 4_800), (Role.CUSTOMER, 6_000, 9_000)]
    assert {(event.origin, event.channel, event.probability) for event in events} == {(Origin.DERIVED, None, 1.0)}


def test_nobody_owns_a_silence_before_the_first_word_or_after_a_stranger() -> None:
    events = own_silences(play([("unknown", 2_000, 3_000, "一")]), [Interval(0, 2_000), Interval(3_000, 5_000)])
    assert [event.owner for event in events] == [Role.UNKNOWN, Role.UNKNOWN]


def test_crosstalk_is_owned_by_who_came_in_second() -> None:
    events = find_crosstalk(play([("agent", 0, 3_000, "一"), ("customer", 2_700, 5_000, "二")]))
    assert owned(events) == [(Role.CUSTOMER, 2_700, 3_000)]
    assert find_crosstalk(play([("agent", 0, 3_000, "一"), ("customer", 2_701, 5_000, "二")])) == []


TALK: Row = ("agent", 0, 3_000, "一二三")


@pytest.mark.parametrize(
    ("others", "found"),
    [
        # The agent comes to an end 300 ms after the customer began, which goes on.
        ([("customer", 2_700, 5_000, "啊")], [(Role.CUSTOMER, 2_700, 3_000)]),
        # One millisecond less is a quick change.
        ([("customer", 2_701, 5_000, "啊")], []),
        # The agent talks on for two seconds, or for one millisecond more.
        ([("customer", 1_000, 5_000, "啊")], [(Role.CUSTOMER, 1_000, 3_000)]),
        ([("customer", 999, 5_000, "啊")], []),
        # A backchannel, inside and at the end.
        ([("customer", 1_500, 1_900, "嗯")], []),
        ([("customer", 2_600, 3_000, "嗯")], []),
        ([("customer", 2_600, 3_499, "嗯")], []),
        ([("customer", 2_600, 3_500, "嗯")], [(Role.CUSTOMER, 2_600, 3_000)]),
        # The agent goes on at once; a second later is another matter.
        ([("customer", 2_500, 6_000, "啊"), ("agent", 3_999, 5_000, "四")], []),
        ([("customer", 2_500, 6_000, "啊"), ("agent", 4_000, 5_000, "四")], [(Role.CUSTOMER, 2_500, 3_000)]),
        # A long region that was cut goes on at once.
        ([("customer", 2_500, 6_000, "啊"), ("agent", 3_000, 3_400, "四")], [(Role.CUSTOMER, 2_500, 3_400)]),
        # Both begin at once: nobody came in.
        ([("customer", 0, 5_000, "啊")], []),
        # Each to the other, twice.
        (
            [("customer", 2_500, 6_000, "啊"), ("agent", 5_500, 8_000, "四")],
            [(Role.CUSTOMER, 2_500, 3_000), (Role.AGENT, 5_500, 6_000)],
        ),
    ],
)
def test_interruptions(others: list[Row], found: list[tuple[Role, int, int]]) -> None:
    events = find_interruptions(play([TALK, *others]))
    assert sorted(owned(events), key=lambda event: event[1]) == found
    assert all(event.origin is Origin.DERIVED and event.probability == 0.8 for event in events)


def test_who_only_hums_along_is_not_interrupted() -> None:
    script: list[Row] = [("agent", 0, 5_000, "一"), ("customer", 4_500, 5_500, "嗯"), ("agent", 5_100, 9_000, "二")]
    assert find_interruptions(play(script)) == []


def test_an_interruption_is_on_the_channel_of_who_came_in() -> None:
    (event,) = find_interruptions(play([TALK, ("customer", 2_000, 5_000, "啊")]))
    assert (event.kind, event.channel) == (EventKind.INTERRUPTION, 1)


@given(CALLS)
def test_silences_pauses_and_speech_tile_the_call(lines: list[Line]) -> None:
    speech, whole = speech_of(lines), Interval(0, END_MS)
    spoken = [segment.interval for segment in speech]
    silences = find_silences(speech, duration_ms=END_MS)
    pauses = [gap for gap in gaps(spoken, within=whole) if gap not in silences]
    assert all(pause.duration_ms < 1_200 for pause in pauses)
    assert union([*spoken, *silences, *pauses]) == [whole]
    assert sum(i.duration_ms for i in [*union(spoken), *silences, *pauses]) == END_MS


@given(CALLS)
def test_silences_of_a_millisecond_and_speech_tile_the_call(lines: list[Line]) -> None:
    speech = speech_of(lines)
    silences = find_silences(speech, duration_ms=END_MS, min_silence_ms=1)
    tiles = sorted([*union(segment.interval for segment in speech), *silences])
    bounds = [0, *(tile.end_ms for tile in tiles)]
    assert [tile.start_ms for tile in tiles] == bounds[:-1]
    assert bounds[-1] == END_MS


@given(CALLS)
def test_owners_are_those_of_the_plain_rules(lines: list[Line]) -> None:
    speech = speech_of(lines)
    for event in find_crosstalk(speech):
        when = Interval(event.start_ms, event.end_ms)
        touching = [segment for segment in speech if segment.interval.overlap_ms(when)]
        latest_ms = max(segment.start_ms for segment in touching)
        assert event.owner in {segment.role for segment in touching if segment.start_ms == latest_ms}
    for event in own_silences(speech, find_silences(speech, duration_ms=END_MS)):
        ends_ms = [segment.end_ms for segment in speech if segment.end_ms <= event.start_ms]
        last = {segment.role for segment in speech if segment.end_ms == max(ends_ms, default=None)}
        assert event.owner in ({Role.AGENT, Role.CUSTOMER} - last if len(last) == 1 else {Role.UNKNOWN, *last})
        assert (event.owner is Role.UNKNOWN) == (not last)


@given(CALLS)
def test_channels_exchanged_give_the_same_times(lines: list[Line]) -> None:
    mine, theirs = speech_of(lines), speech_of(swapped(lines))
    for find in (find_crosstalk, find_interruptions):
        assert {(e.start_ms, e.end_ms) for e in find(mine)} == {(e.start_ms, e.end_ms) for e in find(theirs)}


def times_of(lines: list[Line], who: str) -> list[Interval]:
    return union(Interval(line.start_ms, line.end_ms) for line in lines if line.who == who and line.text)


@given(CALLS)
def test_interruptions_are_those_of_the_plain_rules(lines: list[Line]) -> None:
    plain = set()
    for one, other in (("agent", "customer"), ("customer", "agent")):
        talk = times_of(lines, other)
        for came_in in times_of(lines, one):
            for spoke, after in pairwise([*talk, Interval(10 * END_MS, 10 * END_MS)]):
                overlap_ms = came_in.overlap_ms(spoke)
                if (
                    spoke.start_ms < came_in.start_ms
                    and 300 <= overlap_ms <= 2_000
                    and came_in.end_ms >= spoke.end_ms + 500
                    and after.start_ms >= spoke.end_ms + 1_000
                    and spoke.duration_ms > 1_000
                ):
                    plain.add((Role(one), came_in.start_ms, spoke.end_ms))
    assert set(owned(find_interruptions(speech_of(lines)))) == plain
