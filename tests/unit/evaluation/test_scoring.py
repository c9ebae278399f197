from dataclasses import replace
from pathlib import Path

import pytest

from callscope.calls import CallAnalysis, Emotion, EventKind, Language, Role
from callscope.errors import UsageError
from callscope.evaluation import (
    CallScore,
    Hits,
    Reference,
    ReferenceCrosstalk,
    ReferenceSilence,
    ReferenceSound,
    ReferenceTurn,
    normalise,
    read_reference,
    score_call,
    total,
)
from tests.examples import a_segment, an_analysis

pytestmark = pytest.mark.unit


def a_reference(
    *,
    silences: tuple[ReferenceSilence, ...] = (),
    events: tuple[ReferenceSound, ...] = (),
    crosstalks: tuple[ReferenceCrosstalk, ...] = (),
) -> Reference:
    return Reference(
        name="call",
        file="call.wav",
        key="q/2026-01-01/a/call.wav",
        duration_ms=5_000,
        turns=(
            ReferenceTurn(0, Role.AGENT, 0, 1_000, "你好", Language.ZH, Emotion.NEUTRAL),
            ReferenceTurn(1, Role.CUSTOMER, 2_800, 4_000, "三天了!", Language.ZH, Emotion.ANGRY),
        ),
        events=events,
        silences=silences,
        crosstalks=crosstalks,
    )


def score(reference: Reference, analysis: CallAnalysis) -> CallScore:
    return score_call(reference, analysis.hearing.segments, analysis.meaning.events)


def test_a_perfect_result_scores_perfectly() -> None:
    silence = ReferenceSilence(Role.CUSTOMER, 1_000, 2_800)
    scored = score(a_reference(silences=(silence,)), an_analysis())
    assert scored.cer == 0
    assert (scored.languages, scored.emotions, scored.roles) == (Hits(2, 2), Hits(2, 2), Hits(2, 2))
    assert scored.silences == Hits(1, 1)


def test_a_turn_cut_in_two_costs_nothing() -> None:
    halves = (a_segment(end_ms=500, text="你"), a_segment(start_ms=500, end_ms=1_000, text="好"))
    scored = score(a_reference(), an_analysis(segments=(*halves, *an_analysis().hearing.segments[1:])))
    assert scored.edits == 0


def test_every_wrong_character_counts_once() -> None:
    segments = (a_segment(text="您好啊"), *an_analysis().hearing.segments[1:])
    scored = score(a_reference(), an_analysis(segments=segments))
    assert (scored.edits, scored.characters) == (2, 5)


def test_text_on_a_channel_where_nobody_speaks_counts_as_insertions() -> None:
    ghost = a_segment(channel=2, role=Role.UNKNOWN, text="嗯嗯")
    scored = score(a_reference(), an_analysis(segments=(*an_analysis().hearing.segments, ghost)))
    assert scored.edits == 2


def test_a_turn_without_a_segment_misses_every_fact() -> None:
    scored = score(a_reference(), an_analysis(segments=()))
    assert (scored.languages.found, scored.emotions.found, scored.roles.found) == (0, 0, 0)
    assert scored.cer == 1


@pytest.mark.parametrize(
    ("silence", "found"),
    [
        (ReferenceSilence(Role.CUSTOMER, 1_250, 3_050), 1),
        (ReferenceSilence(Role.CUSTOMER, 1_251, 2_800), 0),
        (ReferenceSilence(Role.CUSTOMER, 1_000, 2_549), 0),
        (ReferenceSilence(Role.AGENT, 1_000, 2_800), 0),
        (ReferenceSilence(Role.UNKNOWN, 1_000, 2_800), 1),
    ],
)
def test_a_silence_is_found_near_both_ends_with_its_owner(silence: ReferenceSilence, found: int) -> None:
    assert score(a_reference(silences=(silence,)), an_analysis()).silences == Hits(found, 1)


def test_a_role_that_the_reference_does_not_know_is_not_asked_for() -> None:
    reference = a_reference()
    unknown = replace(reference, turns=tuple(replace(turn, role=Role.UNKNOWN) for turn in reference.turns))
    assert score(unknown, an_analysis()).roles == Hits(0, 0)


def test_what_was_not_heard_is_missed() -> None:
    reference = a_reference(
        events=(ReferenceSound(EventKind.LAUGHTER, 0, 100, 200),), crosstalks=(ReferenceCrosstalk(100, 900),)
    )
    scored = score(reference, an_analysis())
    assert (scored.events, scored.crosstalks) == (Hits(0, 1), Hits(0, 1))


def test_totals_count_characters_not_calls() -> None:
    bad: CallAnalysis = an_analysis(segments=())
    both = total([score(a_reference(), an_analysis()), score(a_reference(), bad)])
    assert both.cer == pytest.approx(0.5)
    assert both.roles == Hits(2, 4)
    assert Hits(0, 0).share == 1
    assert total([]).cer == 0


def test_width_case_and_marks_do_not_count() -> None:
    assert normalise("ＡＢ c, 12、三！") == "abc12三"


def test_a_broken_reference_is_named(tmp_path: Path) -> None:
    path = tmp_path / "call.json"
    with pytest.raises(UsageError, match="can't be read"):
        read_reference(path)
    path.write_text('{"name": "x"}')
    with pytest.raises(UsageError) as caught:
        read_reference(path)
    assert "file" in caught.value.why
