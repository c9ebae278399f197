from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

from callscope.calls import Emotion
from callscope.evaluation.emotions import measure_emotions, sweep_thresholds
from callscope.evaluation.observe import EmotionPair, Observation
from tests.unit.evaluation.rows import feelings, felt

pytestmark = pytest.mark.unit

ANGRY, SAD, NEUTRAL, HAPPY = Emotion.ANGRY, Emotion.SAD, Emotion.NEUTRAL, Emotion.HAPPY


def test_classes_and_confusion_of_counted_pairs() -> None:
    rows = [
        *[feelings(felt(ANGRY, ANGRY))] * 6,
        *[feelings(felt(ANGRY, NEUTRAL))] * 2,
        *[feelings(felt(NEUTRAL, ANGRY))] * 1,
        *[feelings(felt(NEUTRAL, NEUTRAL), felt(NEUTRAL, NEUTRAL))] * 5,
        feelings(EmotionPair(None, SAD, None)),
    ]
    found = measure_emotions(rows)
    assert found is not None
    assert (found.items, found.accuracy.value) == (20, 16 / 20)
    by_kind = {own.kind: own for own in found.classes}
    assert list(by_kind) == ["SAD", "ANGRY", "NEUTRAL", "EMO_UNKNOWN"]
    anger = by_kind["ANGRY"]
    assert (anger.support, anger.heard) == (8, 7)
    assert anger.precision.value == pytest.approx(6 / 7)
    assert anger.recall.value == pytest.approx(6 / 8)
    assert anger.f1.value == pytest.approx(2 * 6 / (8 + 7))
    assert (by_kind["SAD"].precision.value, by_kind["SAD"].recall.value, by_kind["SAD"].f1.value) == (None, 0, 0)
    assert (by_kind["EMO_UNKNOWN"].recall.value, by_kind["EMO_UNKNOWN"].f1.value) == (None, None)
    assert found.macro_f1.value == pytest.approx((0 + 12 / 15 + 2 * 10 / 23) / 3)
    assert found.confusion == ((0, 0, 0, 1), (0, 6, 2, 0), (0, 1, 10, 0), (0, 0, 0, 0))
    assert anger.recall.low is not None
    assert anger.recall.low < 0.75 < (anger.recall.high or 0)


@settings(deadline=None, max_examples=30)  # each draws rows a thousand times
@given(
    st.lists(
        st.tuples(st.sampled_from([ANGRY, SAD, NEUTRAL]), st.sampled_from([ANGRY, SAD, NEUTRAL, HAPPY])),
        min_size=1,
        max_size=40,
    )
)
def test_figures_are_scikit_learn_s(pairs: list[tuple[Emotion, Emotion]]) -> None:
    found = measure_emotions([feelings(felt(expected, heard)) for expected, heard in pairs])
    assert found is not None
    truth, heard = ([own.value for own in side] for side in zip(*pairs, strict=True))
    labels = [own.kind for own in found.classes]
    figures = precision_recall_fscore_support(truth, heard, labels=labels, zero_division=0)
    for own, precision, recall, f1, support in zip(found.classes, *figures, strict=True):
        assert (own.precision.value or 0) == pytest.approx(precision)
        assert (own.recall.value or 0) == pytest.approx(recall)
        assert (own.f1.value or 0) == pytest.approx(f1)
        assert own.support == support
    # One more label, for scikit-learn warns of a matrix of one.
    matrix = confusion_matrix(truth, heard, labels=[*labels, "nobody's"])[:-1, :-1]
    assert matrix.tolist() == [list(row) for row in found.confusion]
    macro = f1_score(truth, heard, labels=sorted(set(truth)), average="macro", zero_division=0)
    assert found.macro_f1.value == pytest.approx(macro)


def test_calibration_of_probabilities_that_promise_too_much() -> None:
    rows = [
        *[feelings(felt(SAD, SAD, 0.95))] * 6,
        *[feelings(felt(SAD, NEUTRAL, 0.95))] * 4,
        *[feelings(felt(SAD, SAD, 0.6))] * 3,
        *[feelings(felt(SAD, NEUTRAL, 0.6))] * 2,
        feelings(EmotionPair(None, SAD, None)),  # no probability was said
    ]
    found = measure_emotions(rows)
    assert found is not None
    told = [(own.low, own.high, own.items, own.right) for own in found.bins]
    assert told == [(0.5, 0.6, 5, 0.6), (0.9, 1.0, 10, 0.6)]
    assert [own.probability for own in found.bins] == pytest.approx([0.6, 0.95])
    assert found.ece.value == pytest.approx(10 / 15 * 0.35)


def test_probabilities_that_keep_their_promise_have_no_error() -> None:
    found = measure_emotions([*[feelings(felt(SAD, SAD, 0.75))] * 3, feelings(felt(SAD, NEUTRAL, 0.75))])
    assert found is not None
    assert found.ece.value == pytest.approx(0)


def test_no_labels_no_figures() -> None:
    assert measure_emotions([]) is None
    assert measure_emotions([Observation(duration_ms=1, is_call=False)]) is None


def angers(*probabilities: float, is_angry: bool) -> list[Observation]:
    expected = ANGRY if is_angry else NEUTRAL
    return [feelings(EmotionPair(None, expected, {ANGRY: own, NEUTRAL: 1 - own})) for own in probabilities]


SWEPT = [*angers(0.9, 0.8, 0.7, 0.4, is_angry=True), *angers(0.75, 0.3, 0.2, is_angry=False)]


@pytest.mark.parametrize(
    ("wanted", "threshold", "precision", "recall"),
    [(1.0, 0.8, 1.0, 0.5), (0.8, 0.4, 0.8, 1.0), (0.5, 0.4, 0.8, 1.0)],
)
def test_the_operating_point_finds_most_at_the_wanted_precision(
    wanted: float, threshold: float, precision: float, recall: float
) -> None:
    found = sweep_thresholds(SWEPT, wanted_precision=wanted)
    assert found is not None
    assert found.operating is not None
    assert (found.items, found.positives) == (7, 4)
    assert found.operating.threshold == threshold
    assert (found.operating.precision.value, found.operating.recall.value) == (precision, recall)
    assert found.operating.recall.low is None or found.operating.recall.low <= recall


def test_every_point_of_the_curve_is_what_its_threshold_gives() -> None:
    found = sweep_thresholds(SWEPT, wanted_precision=0.9)
    assert found is not None
    assert [(own.threshold, own.precision, own.recall) for own in found.points] == [
        (0.2, pytest.approx(4 / 7), 1),
        (0.3, pytest.approx(4 / 6), 1),
        (0.4, pytest.approx(4 / 5), 1),
        (0.7, pytest.approx(3 / 4), 0.75),
        (0.75, pytest.approx(2 / 3), 0.5),
        (0.8, 1, 0.5),
        (0.9, 1, 0.25),
    ]


def test_a_precision_that_no_threshold_gives() -> None:
    found = sweep_thresholds([*angers(0.5, is_angry=True), *angers(0.9, is_angry=False)], wanted_precision=0.6)
    assert found is not None
    assert found.operating is None


def test_what_was_not_heard_is_never_anger() -> None:
    missed = feelings(EmotionPair(None, ANGRY, None))
    found = sweep_thresholds([missed, *angers(0.6, is_angry=True), *angers(0.1, is_angry=False)], wanted_precision=0.5)
    assert found is not None
    assert found.operating is not None
    assert (found.operating.threshold, found.operating.recall.value) == (0.6, 0.5)


def test_without_both_kinds_there_is_no_curve() -> None:
    assert sweep_thresholds(angers(0.9, is_angry=True), wanted_precision=0.9) is None
    assert sweep_thresholds(angers(0.9, is_angry=False), wanted_precision=0.9) is None


def test_a_long_curve_is_thinned_and_its_operating_point_is_not() -> None:
    random = np.random.default_rng(5)
    rows = [
        *angers(*random.uniform(0.3, 1, 700), is_angry=True),
        *angers(*random.uniform(0, 0.7, 900), is_angry=False),
    ]
    found = sweep_thresholds(rows, wanted_precision=0.9)
    assert found is not None
    assert len(found.points) <= 200
    assert found.operating is not None
    assert found.operating.precision.value is not None
    assert found.operating.precision.value >= 0.9


@settings(deadline=None, max_examples=30)  # each draws rows a thousand times
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])), min_size=2, max_size=30),
    st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_no_other_threshold_finds_more(items: list[tuple[bool, float]], wanted: float) -> None:
    rows = [row for is_angry, probability in items for row in angers(probability, is_angry=is_angry)]
    found = sweep_thresholds(rows, wanted_precision=wanted)
    outcomes = {}
    for threshold in {probability for _, probability in items if probability}:
        taken = [is_angry for is_angry, probability in items if probability >= threshold]
        if sum(taken) / len(taken) >= wanted:
            outcomes[threshold] = sum(taken)
    if found is None:
        return
    positives = sum(is_angry for is_angry, _ in items)
    best = max(outcomes.values(), default=0) / positives
    assert ((found.operating.recall.value or 0) if found.operating else 0) == pytest.approx(best)
