from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.calls import Emotion, EventKind, Language, Role, Transcript
from callscope.evaluation.manifest import CallLabels, ClipLabels, CrosstalkLabel, SilenceLabel, SoundLabel, TurnLabel
from callscope.evaluation.observe import (
    Boundaries,
    EmotionPair,
    EventSets,
    LanguagePair,
    Overlaps,
    Region,
    RolePair,
    TextPair,
    observe_call,
    observe_clip,
)
from callscope.timeline import Interval
from tests.unit.evaluation.rows import event, region

pytestmark = pytest.mark.unit

ANGRY, SAD, NEUTRAL = Emotion.ANGRY, Emotion.SAD, Emotion.NEUTRAL
CLIP = ClipLabels(language=Language.ZH, text="三天了", emotion=ANGRY, events=(EventKind.SPEECH, EventKind.LAUGHTER))


def test_a_clip_s_emotion_is_its_speech_s_weighed_by_length() -> None:
    regions = [
        region(0, 3_000, "三天", emotions={ANGRY: 0.2, SAD: 0.8}),
        region(3_500, 12_500, "了", emotions={ANGRY: 0.8, SAD: 0.2}),
        region(13_000, 29_000, emotions={NEUTRAL: 1.0}, event=EventKind.LAUGHTER, is_speech=False),
    ]
    found = observe_clip(CLIP, regions, duration_ms=30_000)
    assert found.texts == (TextPair(Language.ZH, "三天了", "三天 了"),)
    assert found.clip_events == EventSets(
        frozenset({EventKind.SPEECH, EventKind.LAUGHTER}), frozenset({EventKind.SPEECH, EventKind.LAUGHTER})
    )
    (pair,) = found.emotions
    assert pair.heard is ANGRY
    assert pair.distribution is not None
    assert pair.distribution[ANGRY] == pytest.approx(0.25 * 0.2 + 0.75 * 0.8)
    assert sum(pair.distribution.values()) == pytest.approx(1)


def test_a_clip_s_language_is_that_of_most_of_its_speech() -> None:
    regions = [
        region(0, 1_000, language=Language.YUE),
        region(1_000, 2_500, language=Language.ZH),
        region(2_500, 3_600, language=Language.YUE),
        region(4_000, 9_000, language=Language.NOSPEECH, is_speech=False),
    ]
    found = observe_clip(CLIP, regions, duration_ms=9_000)
    assert found.languages == (LanguagePair(Language.ZH, Language.YUE),)


def test_a_clip_without_speech_is_what_its_sounds_are() -> None:
    laugh = region(0, 900, language=Language.NOSPEECH, emotions={SAD: 1.0}, event=EventKind.LAUGHTER, is_speech=False)
    found = observe_clip(CLIP, [laugh], duration_ms=1_000)
    assert found.languages == (LanguagePair(Language.ZH, Language.NOSPEECH),)
    assert found.emotions[0].heard is SAD


def test_a_clip_in_which_nothing_was_found_is_heard_as_noise_is() -> None:
    found = observe_clip(CLIP, [], duration_ms=1_000)
    assert found.texts == (TextPair(Language.ZH, "三天了", ""),)
    assert found.languages == (LanguagePair(Language.ZH, Language.NOSPEECH),)
    assert found.emotions == (EmotionPair(Language.ZH, ANGRY, None),)
    assert found.emotions[0].heard is Emotion.EMO_UNKNOWN
    assert found.clip_events is not None
    assert found.clip_events.heard == {EventKind.EVENT_UNK}


def test_what_is_not_labelled_is_not_counted() -> None:
    found = observe_clip(ClipLabels(emotion=SAD), [region(0, 500, "喂")], duration_ms=500)
    assert (found.texts, found.languages, found.clip_events) == ((), (), None)
    call = observe_call(CallLabels(silences=()), [region(0, 500, "喂")], [], duration_ms=500)
    assert (call.texts, call.languages, call.emotions, call.call_events, call.crosstalks) == ((), (), (), None, None)
    assert call.silences == Boundaries((), (), missed=0, false=0)


def test_a_transcript_is_a_region() -> None:
    transcript = Transcript("喂", Language.ZH, {SAD: 1.0}, {EventKind.BGM: 0.7, EventKind.SPEECH: 0.3}, (), ())
    found = Region.of_transcript(0, Interval(0, 700), transcript)
    assert (found.text, found.event, found.is_speech) == ("喂", EventKind.BGM, True)


def turn(start_ms: int, end_ms: int, text: str | None = None, **more: object) -> TurnLabel:
    return TurnLabel.model_validate({"channel": 0, "start_ms": start_ms, "end_ms": end_ms, "text": text, **more})


def test_a_turn_is_what_lies_on_it_weighed_by_how_much_it_covers() -> None:
    labels = CallLabels(
        language=Language.ZH,
        turns=(turn(1_000, 2_000, "一二", emotion=SAD, role=Role.AGENT), turn(5_000, 6_000, emotion=SAD)),
    )
    regions = [
        region(0, 1_250, "一", emotions={ANGRY: 1.0}, role=Role.CUSTOMER),
        region(1_250, 9_000, "二", emotions={ANGRY: 0.2, SAD: 0.8}),
        region(1_000, 2_000, "错", channel=1, emotions={ANGRY: 1.0}, language=Language.EN),
    ]
    found = observe_call(labels, regions, [], duration_ms=9_000)
    assert [pair.distribution and round(pair.distribution[ANGRY], 6) for pair in found.emotions] == [0.4, 0.2]
    assert found.roles == (RolePair(Role.AGENT, Role.AGENT),)
    assert found.languages == (LanguagePair(Language.ZH, Language.ZH),) * 2


def test_a_turn_with_nothing_on_it_was_missed() -> None:
    labels = CallLabels(turns=(turn(0, 900, "喂", language=Language.ZH, emotion=SAD, role=Role.AGENT),))
    found = observe_call(labels, [region(900, 1_900, channel=0)], [], duration_ms=2_000)
    assert found.emotions == (EmotionPair(Language.ZH, SAD, None),)
    assert found.languages == (LanguagePair(Language.ZH, Language.NOSPEECH),)
    assert found.roles == (RolePair(Role.AGENT, Role.UNKNOWN),)


def test_text_is_compared_by_channel_and_language_in_the_order_of_time() -> None:
    labels = CallLabels(
        language=Language.ZH,
        turns=(
            turn(0, 1_000, "你好"),
            turn(1_000, 2_000, "hello", language=Language.EN),
            turn(2_000, 3_000, "再见"),
            turn(1_000, 2_000, "喂", channel=1),
            turn(4_000, 5_000, channel=1),
        ),
    )
    regions = [
        region(0, 400, "你"),
        region(400, 1_050, "好"),
        region(1_100, 1_900, "hullo"),
        region(2_100, 3_500, "再见"),
        region(3_600, 3_900, "了"),  # on no turn: the nearest one's
        region(1_100, 1_800, "味", channel=1),
        region(4_100, 4_900, "没有文字", channel=1),  # on a turn whose text nobody wrote down
        region(0, 900, "鬼", channel=2),
    ]
    found = observe_call(labels, regions, [], duration_ms=6_000)
    assert set(found.texts) == {
        TextPair(Language.ZH, "你好 再见", "你 好 再见 了"),
        TextPair(Language.EN, "hello", "hullo"),
        TextPair(Language.ZH, "喂", "味"),
        TextPair(Language.NOSPEECH, "", "鬼"),
    }


def test_sounds_are_found_where_their_kind_overlaps_them_on_their_channel() -> None:
    laughter, music = EventKind.LAUGHTER, EventKind.BGM
    labels = CallLabels(
        events=(
            SoundLabel(kind=laughter, channel=0, start_ms=1_000, end_ms=2_000),
            SoundLabel(kind=laughter, channel=1, start_ms=1_000, end_ms=2_000),
            SoundLabel(kind=music, channel=0, start_ms=3_000, end_ms=9_000),
        )
    )
    heard = [
        event(laughter, 1_999, 2_500, channel=0),
        event(laughter, 2_000, 2_500, channel=1),  # begins where the labelled one ends
        event(music, 3_000, 5_000, channel=0),
        event(music, 6_000, 7_000, channel=0),
        event(EventKind.COUGH, 1_000, 2_000, channel=0),
        event(EventKind.SILENCE, 0, 9_000),
    ]
    assert observe_call(labels, [], heard, duration_ms=9_000).call_events == {
        laughter: Overlaps(found=1, labelled=2, right=1, heard=2),
        music: Overlaps(found=1, labelled=1, right=2, heard=2),
        EventKind.COUGH: Overlaps(found=0, labelled=0, right=0, heard=1),
    }


def test_an_event_of_the_whole_call_is_heard_on_every_channel() -> None:
    labels = CallLabels(events=(SoundLabel(kind=EventKind.HOLD_MUSIC, channel=1, start_ms=0, end_ms=500),))
    found = observe_call(labels, [], [event(EventKind.HOLD_MUSIC, 100, 900)], duration_ms=9_000)
    assert found.call_events == {EventKind.HOLD_MUSIC: Overlaps(1, 1, 1, 1)}


def test_silences_match_when_most_of_both_is_common() -> None:
    labels = CallLabels(
        silences=(
            SilenceLabel(owner=Role.AGENT, start_ms=1_000, end_ms=3_000),
            SilenceLabel(owner=Role.AGENT, start_ms=5_000, end_ms=7_000),
            SilenceLabel(start_ms=8_000, end_ms=10_000),
            SilenceLabel(owner=Role.CUSTOMER, start_ms=20_000, end_ms=22_000),
        ),
        crosstalks=(CrosstalkLabel(start_ms=4_000, end_ms=4_400),),
    )
    heard = [
        event(EventKind.SILENCE, 1_040, 2_990, owner=Role.AGENT),
        event(EventKind.SILENCE, 4_800, 7_100, owner=Role.CUSTOMER),
        event(EventKind.SILENCE, 8_001, 10_002, owner=Role.CUSTOMER),
        event(EventKind.SILENCE, 21_000, 23_000, owner=Role.CUSTOMER),  # a third is common
        event(EventKind.CROSSTALK, 3_990, 4_410),
        event(EventKind.CROSSTALK, 6_000, 6_500),
    ]
    found = observe_call(labels, [], heard, duration_ms=30_000)
    assert found.silences == Boundaries((40, -200, 1), (-10, 100, 2), missed=1, false=1, owners_right=1, owners=2)
    assert found.crosstalks == Boundaries((-10,), (10,), missed=0, false=1)


@settings(deadline=None)  # a busy machine is no fault
@given(
    st.lists(st.integers(1, 50), min_size=2, max_size=20).map(
        lambda steps: [sum(steps[:i]) for i in range(len(steps))]
    ),
    st.lists(st.integers(1, 50), min_size=2, max_size=20).map(
        lambda steps: [sum(steps[:i]) for i in range(len(steps))]
    ),
)
def test_every_stretch_is_found_or_missed_and_right_or_false(labelled: list[int], heard: list[int]) -> None:
    silences = [SilenceLabel(start_ms=a, end_ms=b) for a, b in zip(labelled[::2], labelled[1::2], strict=False)]
    events = [event(EventKind.SILENCE, a, b) for a, b in zip(heard[::2], heard[1::2], strict=False)]
    found = observe_call(CallLabels(silences=tuple(silences)), [], events, duration_ms=9_000).silences
    assert found is not None
    assert len(found.start_errors_ms) == len(found.end_errors_ms)
    assert len(found.start_errors_ms) + found.missed == len(silences)
    assert len(found.start_errors_ms) + found.false == len(events)
    same = observe_call(
        CallLabels(silences=tuple(silences)),
        [],
        [event(EventKind.SILENCE, own.start_ms, own.end_ms) for own in silences],
        duration_ms=9_000,
    ).silences
    assert same == Boundaries((0,) * len(silences), (0,) * len(silences), missed=0, false=0)
