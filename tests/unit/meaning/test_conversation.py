import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import EventKind, Origin, Role
from callscope.errors import RegionOutsideRecording
from callscope.meaning.conversation import SpeechRegion, derive_events, find_silences, silence_owners
from callscope.timeline import Interval, gaps, union

pytestmark = pytest.mark.unit


def agent(start_ms: int, end_ms: int) -> SpeechRegion:
    return SpeechRegion(0, Role.AGENT, Interval(start_ms, end_ms))


def customer(start_ms: int, end_ms: int) -> SpeechRegion:
    return SpeechRegion(1, Role.CUSTOMER, Interval(start_ms, end_ms))


def test_silence_is_where_no_channel_speaks() -> None:
    regions = [agent(0, 2_000), customer(1_500, 4_000), agent(5_800, 7_000)]
    assert find_silences(regions, duration_ms=9_000) == [Interval(4_000, 5_800), Interval(7_000, 9_000)]


def test_a_pause_shorter_than_the_threshold_is_no_silence() -> None:
    regions = [agent(0, 1_000), customer(2_199, 3_000)]
    assert find_silences(regions, duration_ms=3_000) == []
    assert find_silences(regions, duration_ms=3_000, min_silence_ms=1_199) == [Interval(1_000, 2_199)]


def test_a_silence_belongs_to_the_party_that_did_not_speak_last() -> None:
    regions = [customer(0, 3_000), agent(4_800, 6_000)]
    assert silence_owners(regions, [Interval(3_000, 4_800), Interval(6_000, 9_000)]) == [Role.AGENT, Role.CUSTOMER]


def test_nobody_owns_a_silence_before_the_first_word_or_after_a_stranger() -> None:
    stranger = SpeechRegion(0, Role.UNKNOWN, Interval(2_000, 3_000))
    assert silence_owners([stranger], [Interval(0, 2_000), Interval(3_000, 5_000)]) == [Role.UNKNOWN, Role.UNKNOWN]


def test_crosstalk_is_owned_by_who_came_in_second() -> None:
    events = derive_events([agent(0, 3_000), customer(2_500, 5_000)], duration_ms=5_000)
    assert [(e.kind, e.owner, e.start_ms, e.end_ms, e.origin) for e in events] == [
        (EventKind.CROSSTALK, Role.CUSTOMER, 2_500, 3_000, Origin.DERIVED)
    ]


def test_a_short_overlap_is_a_backchannel() -> None:
    assert derive_events([agent(0, 3_000), customer(2_701, 5_000)], duration_ms=5_000) == []


def test_a_region_outside_the_recording_is_refused() -> None:
    with pytest.raises(RegionOutsideRecording, match="5000 ms in a recording of 4000"):
        find_silences([agent(0, 5_000)], duration_ms=4_000)


REGIONS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 20_000), st.integers(1, 3_000)).map(
        lambda t: (agent if t[0] else customer)(t[1], t[1] + t[2])
    ),
    max_size=12,
)


@given(REGIONS)
def test_silences_pauses_and_speech_tile_the_call(regions: list[SpeechRegion]) -> None:
    whole = Interval(0, 23_000)
    speech = [region.interval for region in regions]
    silences = find_silences(regions, duration_ms=23_000)
    pauses = [gap for gap in gaps(speech, within=whole) if gap not in silences]
    assert all(pause.duration_ms < 1_200 for pause in pauses)
    assert union([*speech, *silences, *pauses]) == [whole]
    assert sum(i.duration_ms for i in [*union(speech), *silences, *pauses]) == 23_000


@given(REGIONS)
def test_crosstalk_does_not_depend_on_the_order_of_the_channels(regions: list[SpeechRegion]) -> None:
    swapped = [SpeechRegion(1 - region.channel, region.role, region.interval) for region in regions]

    def times(items: list[SpeechRegion]) -> list[tuple[int, int]]:
        events = derive_events(items, duration_ms=23_000)
        return [(e.start_ms, e.end_ms) for e in events if e.kind is EventKind.CROSSTALK]

    assert times(regions) == times(swapped)


@given(REGIONS)
def test_owners_are_those_of_the_plain_rules(regions: list[SpeechRegion]) -> None:
    for event in derive_events(regions, duration_ms=23_000):
        when = Interval(event.start_ms, event.end_ms)
        if event.kind is EventKind.CROSSTALK:
            touching = [region for region in regions if region.interval.overlap_ms(when)]
            latest_ms = max(region.interval.start_ms for region in touching)
            assert event.owner in {region.role for region in touching if region.interval.start_ms == latest_ms}
        else:
            ends_ms = [region.interval.end_ms for region in regions if region.interval.end_ms <= when.start_ms]
            last = {region.role for region in regions if region.interval.end_ms == max(ends_ms, default=None)}
            assert event.owner in ({Role.AGENT, Role.CUSTOMER} - last if len(last) == 1 else {Role.UNKNOWN, *last})
            assert (event.owner is Role.UNKNOWN) == (not last)
