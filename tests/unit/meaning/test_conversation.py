"""All events of a call together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from callscope.calls import EventKind, Origin, Role
from callscope.errors import RegionOutsideRecording
from callscope.meaning.conversation import ConversationOptions, derive_events
from callscope.settings import Settings
from tests.scripts import Line, play
from tests.unit.meaning.strategies import CALLS, END_MS

pytestmark = pytest.mark.unit

OPTIONS = ConversationOptions()


def test_the_articles_call() -> None:
    script = [
        Line("agent", 700, 4_360, "您好，售后服务，请问有什么问题？"),
        Line("customer", 5_060, 9_700, "你好，我上个星期买的外套，3天了还没有发货。"),
        Line("customer", 10_900, 12_200, event="BREATH", event_probability=0.9, level_slope_db_s=-12.0),
        Line("customer", 12_900, 17_600, "唉，我每天都在等", "SAD"),
        Line("agent", 19_400, 21_000, "嗯，我看看物流信息。"),
        Line("customer", 20_500, 24_000, "你们又骗人，我要给差评。", "ANGRY"),
        Line("agent", 24_500, 26_000, event="BGM"),
        Line("agent", 26_000, 30_000, "非常抱歉，马上联系仓库发货。", event="BGM"),
        Line("customer", 30_500, 31_500, "谢谢你们啊", "ANGRY"),
    ]
    events = derive_events(play(script), duration_ms=33_000, options=OPTIONS)
    assert [(e.kind, e.owner, e.start_ms, e.end_ms, e.probability) for e in events if e.origin is Origin.DERIVED] == [
        (EventKind.SILENCE, Role.AGENT, 9_700, 12_900, 1.0),
        (EventKind.SIGH, Role.CUSTOMER, 10_900, 12_200, 0.72),
        (EventKind.SIGH, Role.CUSTOMER, 12_900, 13_571, 0.8),
        (EventKind.SILENCE, Role.AGENT, 17_600, 19_400, 1.0),
        (EventKind.CROSSTALK, Role.CUSTOMER, 20_500, 21_000, 1.0),
        (EventKind.INTERRUPTION, Role.CUSTOMER, 20_500, 21_000, 0.8),
        (EventKind.SILENCE, Role.AGENT, 24_000, 26_000, 1.0),
        (EventKind.BGM, Role.AGENT, 24_500, 30_000, 0.9),
        (EventKind.TEXT_VOICE_CONFLICT, Role.CUSTOMER, 30_500, 31_500, 0.54),
        (EventKind.SILENCE, Role.AGENT, 31_500, 33_000, 1.0),
    ]
    assert [(e.kind, e.start_ms) for e in events if e.origin is Origin.MODEL] == [
        (EventKind.BREATH, 10_900),
        (EventKind.BGM, 24_500),
        (EventKind.BGM, 26_000),
    ]


def test_a_guessed_owner_makes_an_event_less_sure() -> None:
    guessed = [replace(segment, role_confidence=0.5) for segment in play([("customer", 0, 1_000, "唉。")])]
    events = derive_events(guessed, duration_ms=4_000, options=OPTIONS)
    assert [(e.kind, e.owner, e.probability) for e in events] == [
        (EventKind.SIGH, Role.CUSTOMER, 0.4),
        (EventKind.SILENCE, Role.AGENT, 0.5),
    ]


def test_thresholds_are_the_options() -> None:
    segments = play([("agent", 0, 3_000, "一"), ("customer", 2_700, 5_000, "二"), ("agent", 6_000, 7_000, "三")])
    strict = ConversationOptions(min_silence_ms=1_001, min_crosstalk_ms=301, min_interruption_ms=301)
    loose = ConversationOptions(min_silence_ms=1_000, min_crosstalk_ms=300, min_interruption_ms=300)
    assert derive_events(segments, duration_ms=7_000, options=strict) == ()
    kinds = [event.kind for event in derive_events(segments, duration_ms=7_000, options=loose)]
    assert kinds == [EventKind.CROSSTALK, EventKind.INTERRUPTION, EventKind.SILENCE]


def test_settings_say_what_a_silence_is() -> None:
    options = ConversationOptions.of(Settings(min_silence_ms=900, min_crosstalk_ms=150))
    assert (options.min_silence_ms, options.min_crosstalk_ms) == (900, 150)


def test_a_sound_outside_the_recording_is_refused() -> None:
    with pytest.raises(RegionOutsideRecording, match="5000 ms in a recording of 4000"):
        derive_events(play([Line("agent", 0, 5_000, event="BGM")]), duration_ms=4_000, options=OPTIONS)


def test_a_call_without_sound_is_one_silence() -> None:
    (event,) = derive_events((), duration_ms=4_000, options=OPTIONS)
    assert (event.kind, event.owner, event.start_ms, event.end_ms) == (EventKind.SILENCE, Role.UNKNOWN, 0, 4_000)


@given(CALLS)
def test_events_run_forward_inside_the_call_and_are_sorted(lines: list[Line]) -> None:
    events = derive_events(play(lines), duration_ms=END_MS, options=OPTIONS)
    assert all(0 <= event.start_ms < event.end_ms <= END_MS for event in events)
    assert all(0 <= event.probability <= 1 for event in events)
    assert [(event.start_ms, event.kind) for event in events] == sorted((e.start_ms, e.kind) for e in events)
