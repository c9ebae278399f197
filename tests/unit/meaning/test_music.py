"""Spans of music, and music while nobody speaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callscope.calls import Event, EventKind, Origin, Role
from callscope.meaning.music import find_music
from tests.scripts import Line, play

pytestmark = pytest.mark.unit


def music(start_ms: int, end_ms: int, text: str = "", *, who: str = "agent", share: float = 0.9) -> Line:
    return Line(who, start_ms, end_ms, text, event="BGM", event_probability=share)


def times(events: list[Event], kind: EventKind = EventKind.BGM) -> list[tuple[int, int]]:
    return [(event.start_ms, event.end_ms) for event in events if event.kind is kind]


def test_windows_of_music_are_one_span() -> None:
    script = [
        music(0, 2_000, "一"),
        music(2_500, 4_500, "二"),
        Line("agent", 4_800, 6_000, event="LAUGHTER"),
        music(7_500, 9_000),
    ]
    (span,) = find_music(play(script))
    assert (span.start_ms, span.end_ms, span.channel, span.owner) == (0, 9_000, 0, Role.AGENT)
    assert (span.origin, span.kind) == (Origin.DERIVED, EventKind.BGM)


def test_a_pause_over_three_seconds_ends_a_span() -> None:
    assert times(find_music(play([music(0, 1_000), music(4_000, 5_000)]))) == [(0, 5_000)]
    assert times(find_music(play([music(0, 1_000), music(4_001, 5_000)]))) == [(0, 1_000), (4_001, 5_000)]


def test_a_span_is_as_sure_as_its_windows_are_on_average() -> None:
    (span,) = find_music(play([music(0, 3_000, "一", share=0.5), music(3_000, 4_000, "二", share=0.9)]))
    assert span.probability == pytest.approx(0.6)


def test_music_behind_speech_is_found_by_its_share() -> None:
    segments = play([Line("agent", 0, 4_000, "一二三")])
    for share, found in ((0.3, [(0, 4_000)]), (0.29, [])):
        shares = {EventKind.SPEECH: 1 - share, EventKind.BGM: share}
        assert times(find_music([replace(segment, event_distribution=shares) for segment in segments])) == found


def test_each_channel_has_music_of_its_own() -> None:
    events = find_music(play([music(0, 2_000), music(1_000, 3_900, who="customer")]))
    assert [(event.channel, event.owner) for event in events] == [(0, Role.AGENT), (1, Role.CUSTOMER)]


def test_in_a_mono_call_music_belongs_to_nobody() -> None:
    agent, customer = play([music(0, 2_000, "一"), music(2_000, 3_000, "二")])
    (span,) = find_music([agent, replace(customer, role=Role.CUSTOMER)])
    assert span.owner is Role.UNKNOWN


@pytest.mark.parametrize(
    ("script", "hold"),
    [
        ([music(1_000, 4_000)], [(1_000, 4_000)]),
        ([music(1_000, 3_999)], []),
        # Two windows of a long hold, cut by the longest region.
        ([music(0, 29_500), music(29_500, 40_000)], [(0, 40_000)]),
        # Speech with music behind it is no hold; before and after it is.
        ([music(0, 4_000), music(4_000, 6_000, "请您稍等"), music(6_000, 10_000)], [(0, 4_000), (6_000, 10_000)]),
        # Whoever speaks, on whatever channel.
        ([music(0, 6_000), Line("customer", 2_000, 3_000, "喂")], [(3_000, 6_000)]),
        # A pause within a span of music is no hold music by itself.
        ([music(0, 2_000, "一"), music(4_900, 6_000)], []),
    ],
)
def test_hold_music(script: list[Line], hold: list[tuple[int, int]]) -> None:
    assert times(find_music(play(script)), EventKind.HOLD_MUSIC) == hold


def test_a_call_without_music() -> None:
    assert find_music(play([("agent", 0, 5_000, "一")])) == []
