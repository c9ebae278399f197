import pytest
from rich.console import Console

from callscope.calls import Emotion, Role
from standalone.report import ShownCall, calls_table, clock, emotion_strip, legend
from tests.examples import a_segment, an_analysis

pytestmark = pytest.mark.unit


def test_the_strip_shows_who_feels_what_from_left_to_right() -> None:
    segments = [
        a_segment(start_ms=0, end_ms=1_000, emotion=Emotion.NEUTRAL),
        a_segment(start_ms=2_000, end_ms=4_000, emotion=Emotion.ANGRY, role=Role.CUSTOMER, channel=1),
    ]
    assert emotion_strip(segments, duration_ms=4_000, cells=8).plain == "nn··AAAA"


def test_where_both_speak_the_customer_shows() -> None:
    segments = [
        a_segment(end_ms=1_000, emotion=Emotion.HAPPY),
        a_segment(end_ms=1_000, emotion=Emotion.SAD, role=Role.CUSTOMER, channel=1),
    ]
    assert emotion_strip(segments, duration_ms=1_000, cells=2).plain == "SS"


def test_a_sound_without_words_is_no_emotion() -> None:
    assert emotion_strip([a_segment(is_speech=False)], duration_ms=1_000, cells=2).plain == "··"


def test_a_row_tells_the_call() -> None:
    found = an_analysis()
    call = ShownCall("q/2026-01-01/a/late.wav", "done", 65_000, found.hearing.segments, found.meaning.events, 0.031)
    console = Console(width=160, record=True, file=None)
    with console.capture() as captured:
        console.print(calls_table([call]))
        console.print(legend())
    printed = captured.get()
    for fact in ("late.wav", "done", "1:05", "zh", "0:01 1.8 s customer", "3.1%", "angry"):
        assert fact in printed


def test_clock() -> None:
    assert [clock(0), clock(59_999), clock(3_600_000)] == ["0:00", "0:59", "60:00"]
