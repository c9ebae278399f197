"""A call as its page shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from api.pages.call_view import EMOTIONS, Pause, Said, script_data, view_call, word_places
from callscope.calls import (
    AnalysedCall,
    CallMetadata,
    Emotion,
    EventKind,
    RecordingRef,
    Role,
    Segment,
    Word,
)
from callscope.exports.masking import masked
from models.annotations import Correction, StoredAnnotation
from tests.examples import a_segment, an_analysis
from tests.whole_call import a_whole_call

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def a_call(*segments: Segment) -> AnalysedCall:
    analysis = an_analysis(segments=segments) if segments else a_whole_call()
    ref = RecordingRef("calls", "hotline/a.wav", "v1", 1_000)
    return AnalysedCall(7, ref, 9, date(2026, 11, 20), NOW, CallMetadata(), analysis)


def test_all_emotions_are_known() -> None:
    assert set(EMOTIONS) == set(Emotion)


def test_lines_follow_time_and_silences_stand_between_them() -> None:
    view = view_call(a_call())
    kinds = [line.event.kind if isinstance(line, Pause) else line.number for line in view.lines]
    assert kinds == [0, EventKind.SILENCE, 1, 2, 3]
    assert [lane.role for lane in view.lanes] == [Role.AGENT, Role.CUSTOMER]
    assert view.anger == 1


def test_an_event_belongs_to_the_segment_that_it_is_heard_in() -> None:
    view = view_call(a_call())
    owners = {line.number: [event.kind for event in line.events] for line in view.lines if isinstance(line, Said)}
    assert owners == {0: [], 1: [], 2: [], 3: [EventKind.LAUGHTER]}


def test_two_parties_on_one_channel_have_a_lane_each() -> None:
    view = view_call(a_call(a_segment(), a_segment(role=Role.CUSTOMER, start_ms=2_000, end_ms=3_000)))
    # The file has a second channel, of nobody, on which nobody speaks.
    assert [(lane.channel, lane.role, lane.has_channel) for lane in view.lanes] == [
        (0, Role.AGENT, False),
        (0, Role.CUSTOMER, False),
    ]


def test_a_party_that_says_nothing_has_a_lane() -> None:
    call = replace(a_call(a_segment()), metadata=CallMetadata(channel_roles=(Role.AGENT, Role.CUSTOMER)))
    lanes = view_call(call).lanes
    assert [(lane.channel, lane.role, lane.speech_ms > 0) for lane in lanes] == [
        (0, Role.AGENT, True),
        (1, Role.CUSTOMER, False),
    ]


def test_a_correction_stands_over_what_was_heard() -> None:
    call = a_call()
    segment = call.analysis.hearing.segments[1]
    correction = Correction(1, segment.start_ms, segment.end_ms, text="三天。", emotion=Emotion.SAD)
    view = view_call(call, [StoredAnnotation(3, 7, correction, "Ada", NOW, NOW)])
    said = next(line for line in view.lines if isinstance(line, Said) and line.number == 1)
    assert (said.text, said.emotion, said.role) == ("三天。", Emotion.SAD, Role.CUSTOMER)
    assert said.segment.text != said.text
    assert view.anger == 0


def test_a_masked_text_is_not_to_be_corrected() -> None:
    view = view_call(masked(a_call()))
    assert [line.is_masked for line in view.lines if isinstance(line, Said)] == [False, True, False, False]


def test_what_scripts_get_holds_no_word() -> None:
    data = script_data(view_call(a_call()))
    assert "你好" not in str(data)
    start_ms, end_ms, lane, emotion, shares, number = data["segments"][1]
    assert (start_ms, end_ms, lane, EMOTIONS[emotion], number) == (2_800, 4_000, 1, Emotion.ANGRY, 1)
    assert shares[EMOTIONS.index(Emotion.ANGRY)] == 750


def test_words_have_places_in_the_text_even_next_to_one_that_is_written_otherwise() -> None:
    words = (Word("I", 0, 100), Word("nine", 100, 200), Word("left.", 200, 300))
    call = a_call(replace(a_segment(text="I 9 left."), words=words))
    assert word_places(call) == {0: [0, 1, 0, 100, 4, 9, 200, 300]}
