from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import (
    AnalysisVersion,
    Emotion,
    Event,
    EventKind,
    Finding,
    Origin,
    Role,
    Score,
    Segment,
    Severity,
)
from callscope.comparison import (
    Changes,
    ComparedAnalysis,
    Comparison,
    ScoreChange,
    TextChange,
    compare,
    find_version,
)
from callscope.errors import UsageError
from tests.examples import a_segment
from tests.whole_call import a_whole_call

pytestmark = pytest.mark.unit

ANGRY, NEUTRAL, SAD = Emotion.ANGRY, Emotion.NEUTRAL, Emotion.SAD


def an_event(start_ms: int, end_ms: int, *, kind: EventKind = EventKind.LAUGHTER, channel: int | None = 1) -> Event:
    return Event(kind, Origin.MODEL, channel, Role.CUSTOMER, start_ms, end_ms, 0.9)


def a_finding(start_ms: int, end_ms: int, *, rule: str = "anger", role: Role = Role.AGENT) -> Finding:
    return Finding(rule, Severity.HIGH, -5.0, role, start_ms, end_ms, 0.9, ())


def a_score(points: float, *, card: str = "soothing") -> Score:
    return Score(card, points, 10.0, ())


def one(
    *segments: Segment,
    events: tuple[Event, ...] = (),
    findings: tuple[Finding, ...] = (),
    scores: tuple[Score, ...] = (),
) -> ComparedAnalysis:
    return ComparedAnalysis(segments, events, findings, scores)


def whole() -> ComparedAnalysis:
    call = a_whole_call()
    return ComparedAnalysis(call.hearing.segments, call.meaning.events, call.meaning.findings, call.meaning.scores)


# --- built truth ------------------------------------------------------------------------------------------------------


def test_text_is_compared_channel_by_channel_without_marks() -> None:
    old = one(a_segment(text="今天天气好。"), a_segment(channel=1, text="Hello, World!"))
    new = one(a_segment(text="今天"), a_segment(text="天汽好", start_ms=2_000), a_segment(channel=1, text="hello word"))
    text = compare(old, new).text
    assert text == TextChange(edits=2, old_characters=15, new_characters=14)
    assert text.cer == pytest.approx(2 / 15)
    assert text.share == pytest.approx(2 / 15)


def test_a_text_from_nothing_is_wholly_new() -> None:
    text = compare(one(), one(a_segment(text="你好"))).text
    assert (text.cer, text.share) == (1.0, 1.0)
    assert compare(one(), one()).text.cer == 0.0


def test_emotions_are_weighted_by_time() -> None:
    old = one(a_segment(start_ms=0, end_ms=4_000, emotion=ANGRY), a_segment(start_ms=5_000, end_ms=6_000))
    new = one(a_segment(start_ms=1_000, end_ms=3_000, emotion=ANGRY), a_segment(start_ms=3_000, end_ms=5_500))
    emotions = compare(old, new).emotions
    assert emotions.confusion_ms == {
        (ANGRY, None): 1_000,
        (ANGRY, ANGRY): 2_000,
        (ANGRY, NEUTRAL): 1_000,
        (None, NEUTRAL): 1_000,
        (NEUTRAL, NEUTRAL): 500,
        (NEUTRAL, None): 500,
    }
    assert (emotions.both_ms, emotions.changed_ms) == (3_500, 1_000)
    assert emotions.share == pytest.approx(1_000 / 3_500)


def test_each_channel_has_a_time_of_its_own_and_sounds_none() -> None:
    old = one(a_segment(emotion=ANGRY), a_segment(channel=1, emotion=SAD))
    new = one(a_segment(emotion=ANGRY), a_segment(channel=1, emotion=SAD, is_speech=False))
    assert compare(old, new).emotions.confusion_ms == {(ANGRY, ANGRY): 1_000, (SAD, None): 1_000}


def test_where_regions_of_a_channel_overlap_the_later_one_counts() -> None:
    twice = one(a_segment(end_ms=1_000, emotion=ANGRY), a_segment(start_ms=600, end_ms=1_200, emotion=SAD))
    assert compare(twice, one()).emotions.confusion_ms == {(ANGRY, None): 600, (SAD, None): 600}
    same_start = one(a_segment(end_ms=500, emotion=ANGRY), a_segment(end_ms=1_000, emotion=SAD), a_segment(end_ms=0))
    assert compare(same_start, one()).emotions.confusion_ms == {(SAD, None): 1_000}


def test_events_are_paired_where_they_agree_best() -> None:
    old = one(events=(an_event(0, 1_000), an_event(5_000, 6_000), an_event(9_000, 9_100)))
    new = one(events=(an_event(900, 2_000), an_event(0, 500), an_event(5_000, 6_000)))
    # 0..1000 agrees with 0..500 by a half, with 900..2000 by a twentieth.
    assert compare(old, new).events == {EventKind.LAUGHTER: Changes(gained=1, lost=1, kept=2, overlap=1.5)}
    assert compare(old, new).events[EventKind.LAUGHTER].mean_overlap == 0.75
    assert Changes().mean_overlap == 1.0


def test_another_kind_or_channel_is_another_event() -> None:
    old = one(events=(an_event(0, 1_000), an_event(0, 1_000, kind=EventKind.SILENCE, channel=None)))
    new = one(events=(an_event(0, 1_000, channel=0), an_event(0, 1_000, kind=EventKind.SIGH)))
    assert compare(old, new).events == {
        EventKind.LAUGHTER: Changes(gained=1, lost=1),
        EventKind.SILENCE: Changes(lost=1),
        EventKind.SIGH: Changes(gained=1),
    }


def test_an_event_without_length_is_kept_where_it_stands() -> None:
    old, new = one(events=(an_event(5, 5), an_event(9, 9))), one(events=(an_event(5, 5), an_event(8, 10)))
    assert compare(old, new).events == {EventKind.LAUGHTER: Changes(gained=1, lost=1, kept=1, overlap=1.0)}


def test_findings_by_rule_and_party() -> None:
    old = one(findings=(a_finding(0, 10), a_finding(0, 10, rule="sigh")))
    new = one(findings=(a_finding(0, 10), a_finding(0, 10, rule="sigh", role=Role.CUSTOMER), a_finding(50, 60)))
    assert compare(old, new).findings == {
        "anger": Changes(gained=1, kept=1, overlap=1.0),
        "sigh": Changes(gained=1, lost=1),
    }


def test_scores() -> None:
    old = one(scores=(a_score(4), a_score(1, card="gone"), a_score(2, card="same")))
    new = one(scores=(a_score(7), a_score(1, card="new"), a_score(2, card="same")))
    change = compare(old, new)
    assert change.scores == {
        "soothing": ScoreChange(both=1, changed=1, difference=3.0),
        "gone": ScoreChange(lost=1),
        "new": ScoreChange(gained=1),
        "same": ScoreChange(both=1),
    }
    assert change.share == pytest.approx(3 / 4 / 5)
    assert (change + change).scores["soothing"].mean_difference == 3.0
    assert ScoreChange().mean_difference == 0.0


def test_sums_count_every_call() -> None:
    old, new = whole(), one(a_segment(text="你", emotion=SAD), events=(an_event(0, 10),))
    once = compare(old, new)
    twice = once + once
    assert twice.text.edits == 2 * once.text.edits
    assert twice.emotions.changed_ms == 2 * once.emotions.changed_ms == 2_000
    assert twice.events[EventKind.SILENCE] == Changes(lost=2)
    assert twice.share == pytest.approx(once.share)
    assert Comparison() + once == once


# --- properties -------------------------------------------------------------------------------------------------------

SPANS = st.tuples(st.integers(0, 2_000), st.integers(0, 500)).map(lambda span: (span[0], span[0] + span[1]))
SEGMENTS = st.builds(
    lambda span, channel, text, emotion, is_speech: a_segment(
        channel=channel, start_ms=span[0], end_ms=span[1], text=text, emotion=emotion, is_speech=is_speech
    ),
    SPANS,
    st.integers(0, 1),
    st.text("你好ab ", max_size=4),
    st.sampled_from([ANGRY, NEUTRAL, SAD]),
    st.booleans(),
)
EVENTS = st.builds(
    lambda span, kind, channel: an_event(*span, kind=kind, channel=channel),
    SPANS,
    st.sampled_from([EventKind.SILENCE, EventKind.LAUGHTER]),
    st.sampled_from([None, 1]),
)
FINDINGS = st.builds(lambda span, rule: a_finding(*span, rule=rule), SPANS, st.sampled_from(["anger", "sigh"]))
SCORES = st.builds(
    lambda points, card: a_score(points, card=card), st.integers(0, 10).map(float), st.sampled_from(["a", "b"])
)
ANALYSES = st.builds(
    ComparedAnalysis,
    st.lists(SEGMENTS, max_size=8).map(tuple),
    st.lists(EVENTS, max_size=8).map(tuple),
    st.lists(FINDINGS, max_size=4).map(tuple),
    st.lists(SCORES, max_size=2, unique_by=lambda score: score.scorecard).map(tuple),
)


@given(ANALYSES)
def test_nothing_changes_from_a_call_to_itself(analysis: ComparedAnalysis) -> None:
    change = compare(analysis, analysis)
    assert (change.share, change.text.edits, change.emotions.changed_ms) == (0.0, 0, 0)
    assert all(old is new for old, new in change.emotions.confusion_ms)
    for changes in (*change.events.values(), *change.findings.values()):
        assert (changes.gained, changes.lost, changes.overlap) == (0, 0, float(changes.kept))
    assert sum(changes.kept for changes in change.events.values()) == len(analysis.events)
    assert all((score.gained, score.lost, score.changed) == (0, 0, 0) for score in change.scores.values())


def rounded(changes: Changes) -> Changes:
    # A sum of the same terms in another order.
    return replace(changes, overlap=round(changes.overlap, 9))


def mirrored(changes: Changes) -> Changes:
    return rounded(replace(changes, gained=changes.lost, lost=changes.gained))


def test_a_word_that_changes_its_channel_changes_the_whole_text_and_no_more() -> None:
    assert TextChange(edits=2, old_characters=1, new_characters=1).share == 1


@given(ANALYSES, ANALYSES)
def test_what_one_way_gains_the_other_way_loses(old: ComparedAnalysis, new: ComparedAnalysis) -> None:
    there, back = compare(old, new), compare(new, old)
    assert back.text == TextChange(there.text.edits, there.text.new_characters, there.text.old_characters)
    assert back.emotions.confusion_ms == {(b, a): ms for (a, b), ms in there.emotions.confusion_ms.items()}
    for gone, come in ((there.events, back.events), (there.findings, back.findings)):
        assert {kind: mirrored(one) for kind, one in gone.items()} == {kind: rounded(one) for kind, one in come.items()}
    assert {
        card: replace(score, gained=score.lost, lost=score.gained, difference=-score.difference)
        for card, score in there.scores.items()
    } == back.scores
    assert back.share == pytest.approx(there.share)
    assert 0 <= there.share <= 1


@given(ANALYSES, ANALYSES)
def test_everything_is_counted_once(old: ComparedAnalysis, new: ComparedAnalysis) -> None:
    change = compare(old, new)
    assert sum(c.lost + c.kept for c in change.events.values()) == len(old.events)
    assert sum(c.gained + c.kept for c in change.events.values()) == len(new.events)
    for own, analysis in ((0, old), (1, new)):
        heard = sum(ms for pair, ms in change.emotions.confusion_ms.items() if pair[own] is not None)
        covered = {(s.channel, at) for s in analysis.segments if s.is_speech for at in range(s.start_ms, s.end_ms)}
        assert heard <= len(covered)


# --- names of versions ------------------------------------------------------------------------------------------------

VERSIONS = [
    AnalysisVersion("demo-1f0c22ab", 3, "shop-5d41402a"),
    AnalysisVersion("demo-1f0c22ab", 3, "shop-7c9e6679"),
    AnalysisVersion("demo-1f0c22ab", 2, "none"),
    AnalysisVersion("big-00000002", 2, "shop-5d41402a"),
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("demo-1f0c22ab/3/shop-5d41402a", 0),
        ("shop-7c9e6679", 1),
        ("3/shop-5d41402a", 0),
        ("demo-1f0c22ab/2", 2),
        ("none", 2),
        ("big", 3),
        ("7c9e", 1),
    ],
)
def test_a_version_is_named_by_a_part(name: str, meant: int) -> None:
    assert find_version(name, VERSIONS) is VERSIONS[meant]


@pytest.mark.parametrize("name", ["shop-5d41402a", "2", "demo-1f0c22ab", "demo"])
def test_a_part_that_several_have_names_none(name: str) -> None:
    with pytest.raises(UsageError, match="several") as caught:
        find_version(name, VERSIONS)
    assert "demo-1f0c22ab/" in caught.value.why


def test_an_unknown_version_is_told_with_those_that_are_there() -> None:
    with pytest.raises(UsageError, match="no analysis version") as caught:
        find_version("other", VERSIONS)
    assert "big-00000002/2/shop-5d41402a" in caught.value.why
    with pytest.raises(UsageError) as caught:
        find_version("other", [])
    assert caught.value.why == "stored are: none"
