"""A call as OpenAI's clients read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.openai import forms
from callscope.calls import Language
from tests.examples import a_segment, an_analysis
from tests.whole_call import a_whole_call, an_analysed_call

pytestmark = pytest.mark.unit


def test_a_change_of_voice_begins_a_line() -> None:
    said = (("Good morning.", 0), ("How are you?", 0), ("Fine.", 1))
    segments = tuple(
        replace(
            a_segment(start_ms=at * 1_000, end_ms=at * 1_000 + 900), text=text, language=Language.EN, channel=channel
        )
        for at, (text, channel) in enumerate(said)
    )
    call = an_analysed_call(an_analysis(segments=segments))
    assert forms.text_of(call) == "Good morning. How are you?\nFine."
    document = forms.plain(call)
    assert document["usage"]["type"] == "duration"


def test_segments_tell_what_was_felt_and_heard() -> None:
    call = an_analysed_call(a_whole_call())
    document = forms.verbose(call, with_words=True)
    spoken = [one for one in call.analysis.hearing.segments if one.is_speech]
    assert [one["start"] for one in document["segments"]] == [one.start_ms / 1_000 for one in spoken]
    for told, segment in zip(document["segments"], spoken, strict=True):
        assert told["emotion"]["label"] == segment.emotion.value
        assert told["channel"] == segment.channel
        for event in told["events"]:
            assert event["start"] < told["end"]
            assert event["end"] > told["start"]
    assert [one["kind"] for one in document["events"]] == [one.kind.value for one in call.analysis.meaning.events]
    assert len(document["words"]) == sum(len(one.words) for one in spoken if one.text)
    assert "words" not in forms.verbose(call, with_words=False)


def test_a_stream_adds_up_to_the_text() -> None:
    call = an_analysed_call(a_whole_call())
    *pieces, last = forms.text_events(call)
    assert "".join(piece["delta"] for piece in pieces) == last["text"] == forms.text_of(call)
    *segments, done = forms.segment_events(call)
    assert [one["id"] for one in segments] == [one["id"] for one in forms.diarized(call)["segments"]]
    assert done["type"] == "transcript.text.done"
