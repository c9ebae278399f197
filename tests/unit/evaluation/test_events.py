from __future__ import annotations

import pytest

from callscope.calls import EventKind, Language
from callscope.evaluation.events import BoundError, measure_call_events, measure_clip_events, measure_stretches
from callscope.evaluation.observe import Boundaries, EventSets, LanguagePair, Observation, Overlaps, TextPair
from callscope.evaluation.speech import Ghosts, count_ghosts, measure_languages

pytestmark = pytest.mark.unit

SPEECH, LAUGHTER, BGM, COUGH = EventKind.SPEECH, EventKind.LAUGHTER, EventKind.BGM, EventKind.COUGH


def a_clip(expected: set[EventKind], heard: set[EventKind]) -> Observation:
    return Observation(duration_ms=1, is_call=False, clip_events=EventSets(frozenset(expected), frozenset(heard)))


def a_call(**overlaps: Overlaps) -> Observation:
    return Observation(
        duration_ms=1, is_call=True, call_events={EventKind(kind): own for kind, own in overlaps.items()}
    )


def test_kinds_in_clips() -> None:
    found = measure_clip_events(
        [
            a_clip({SPEECH}, {SPEECH}),
            a_clip({SPEECH, LAUGHTER}, {SPEECH}),
            a_clip({LAUGHTER}, {LAUGHTER, COUGH}),
            a_clip({SPEECH}, {LAUGHTER}),
            Observation(duration_ms=1, is_call=False),
        ]
    )
    assert found is not None
    assert (found.items, found.exact.value) == (4, 0.25)
    by_kind = {own.kind: own for own in found.classes}
    assert list(by_kind) == ["SPEECH", "LAUGHTER", "COUGH"]
    speech, laughter, cough = by_kind.values()
    assert (speech.precision.value, speech.recall.value) == (1, 2 / 3)
    assert (laughter.precision.value, laughter.recall.value, laughter.f1.value) == (0.5, 0.5, 0.5)
    assert (cough.precision.value, cough.recall.value, cough.f1.value) == (0, None, None)
    assert found.macro_f1.value == pytest.approx((0.8 + 0.5) / 2)


def test_sounds_in_calls() -> None:
    found = measure_call_events(
        [
            a_call(LAUGHTER=Overlaps(found=1, labelled=2, right=1, heard=1), BGM=Overlaps(1, 1, 3, 4)),
            a_call(COUGH=Overlaps(0, 0, 0, 2), INTERRUPTION=Overlaps(0, 0, 0, 5)),
            Observation(duration_ms=1, is_call=False),
        ]
    )
    assert found is not None
    by_kind = {own.kind: own for own in found.classes}
    # An interruption is nobody's sound, and no call labels one.
    assert set(by_kind) == {"BGM", "LAUGHTER", "COUGH"}
    assert (found.items, found.exact.value) == (3, None)
    assert (by_kind["BGM"].precision.value, by_kind["BGM"].recall.value) == (0.75, 1)
    assert by_kind["BGM"].f1.value == pytest.approx(2 * 0.75 / 1.75)
    assert by_kind["LAUGHTER"].recall.value == 0.5
    assert (by_kind["COUGH"].heard, by_kind["COUGH"].precision.value) == (2, 0)


def test_a_derived_kind_counts_where_a_call_labels_it() -> None:
    found = measure_call_events([a_call(SIGH=Overlaps(1, 1, 1, 1)), a_call(SIGH=Overlaps(0, 0, 0, 1))])
    assert found is not None
    assert [(own.kind, own.precision.value) for own in found.classes] == [("SIGH", 0.5)]


def test_bounds_are_off_by_known_milliseconds() -> None:
    found = measure_stretches(
        [
            Boundaries(tuple([10] * 10), tuple([-20] * 10), missed=1, false=0, owners_right=9, owners=10),
            None,
            Boundaries((-10,) * 9 + (210,), (0,) * 10, missed=3, false=5),
        ]
    )
    assert found is not None
    assert (found.found, found.missed, found.false) == (20, 4, 5)
    assert (found.precision.value, found.recall.value) == (0.8, 20 / 24)
    assert found.start is not None
    assert (found.start.mean_ms, round(found.start.p95_ms, 6)) == (20, 20)
    assert found.end == BoundError(mean_ms=10, p95_ms=20)
    assert found.owner_right.value == 0.9


def test_nothing_to_find_and_nothing_labelled() -> None:
    empty = measure_stretches([Boundaries((), (), missed=0, false=0)])
    assert empty is not None
    assert (empty.found, empty.precision.value, empty.start) == (0, None, None)
    assert measure_stretches([None]) is None
    assert measure_call_events([]) is None
    assert measure_clip_events([]) is None


def test_error_rates_by_language() -> None:
    def said(language: Language, expected: str, heard: str, heard_language: Language) -> Observation:
        return Observation(
            duration_ms=1,
            is_call=False,
            texts=(TextPair(language, expected, heard),),
            languages=(LanguagePair(language, heard_language),),
        )

    rows = [
        said(Language.ZH, "三天没有发货。", "三天发货了", Language.ZH),
        said(Language.ZH, "你好", "你好", Language.YUE),
        said(Language.EN, "Where's my parcel?", "wheres a parcel", Language.EN),
        said(Language.NOSPEECH, "", "嗯嗯。", Language.ZH),
    ]
    chinese, english = measure_languages(rows)
    assert (chinese.language, chinese.items, chinese.characters) == (Language.ZH, 2, 8)
    assert (chinese.substitutions, chinese.deletions, chinese.insertions) == (0, 2, 1)
    assert (chinese.cer.value, chinese.wer, chinese.language_right.value) == (3 / 8, None, 0.5)
    assert english.wer is not None
    assert english.wer.value == pytest.approx(1 / 3)
    assert english.cer.value == pytest.approx(2 / 14)
    assert count_ghosts(rows) == Ghosts(items=1, characters=2)
