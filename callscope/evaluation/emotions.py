"""What is made of emotions: each class, the confusion, the calibration, and every threshold on anger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve

from callscope.calls import Emotion
from callscope.evaluation.classes import ClassFigures, class_figures, macro_f1
from callscope.evaluation.observe import EmotionPair, Observation
from callscope.evaluation.resample import Counts, Estimate, Resampled, ratio, resample, resample_shares

SWEPT: Final = Emotion.ANGRY
BINS: Final = 10

_EMOTIONS: Final = tuple(Emotion)
_CURVE_POINTS: Final = 200
"""A longer curve is thinned: no screen shows more."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Items whose emotion has a probability in ``(low, high]``."""

    low: float
    high: float
    items: int
    probability: float
    """Mean of what the recogniser said."""
    right: float
    """Share that is labelled so."""


@dataclass(frozen=True, slots=True)
class EmotionFigures:
    """All emotions."""

    items: int
    accuracy: Estimate
    macro_f1: Estimate
    """Mean F1 of the emotions that are labelled anywhere."""
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    """A row for each labelled emotion, a column for each heard one, both in the order of ``classes``."""
    ece: Estimate
    """Expected calibration error: how far probability and share of right ones lie apart, on average over items."""
    bins: tuple[Bin, ...]
    """Those with items, ascending."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """What follows when everything from a probability on counts as the emotion."""

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The threshold that finds most while the wanted precision is kept."""

    threshold: float
    precision: Estimate
    recall: Estimate


@dataclass(frozen=True, slots=True)
class Sweep:
    """Every threshold on the probability of one emotion."""

    emotion: Emotion
    items: int
    positives: int
    """That are labelled with it."""
    average_precision: float
    wanted_precision: float
    operating: OperatingPoint | None
    """None where no threshold gives the wanted precision."""
    points: tuple[SweepPoint, ...]
    """Ascending by threshold."""


def measure_emotions(observations: Sequence[Observation]) -> EmotionFigures | None:
    """Return the figures of all emotions; None where none is labelled."""
    items = sum(len(row.emotions) for row in observations)
    if not items:
        return None
    confusions = [_confusion(row.emotions) for row in observations]
    counts = resample((_class_counts(own) for own in confusions), shape=(len(_EMOTIONS), 4))
    calibration = resample((_calibration(row.emotions) for row in observations), shape=(BINS, 3))
    classes = class_figures(_EMOTIONS, counts)
    whole: NDArray[np.int64] = np.sum(confusions, axis=0)
    shown = [_EMOTIONS.index(Emotion(own.kind)) for own in classes]
    return EmotionFigures(
        items=items,
        accuracy=resample_shares(
            [pair.heard is pair.expected for pair in row.emotions] for row in observations
        ).share(),
        macro_f1=macro_f1(counts),
        classes=classes,
        confusion=tuple(tuple(int(whole[row, column]) for column in shown) for row in shown),
        ece=calibration.estimate(_ece),
        bins=_bins(calibration),
    )


def sweep_thresholds(observations: Sequence[Observation], *, wanted_precision: float) -> Sweep | None:
    """
    Try every threshold on the probability of anger.

    Parameters
    ----------
    observations : sequence of Observation
        All rows.
    wanted_precision : float
        In (0, 1].

    Returns
    -------
    Sweep or None
        None where no anger is labelled, or nothing else is.
    """
    pairs = [pair for row in observations for pair in row.emotions]
    truth = np.array([pair.expected is SWEPT for pair in pairs], dtype=bool)
    if not 0 < truth.sum() < len(truth):
        return None
    scores = np.array([_probability(pair) for pair in pairs])
    precision, recall, thresholds = precision_recall_curve(truth, scores)
    # The last point is no threshold's: nothing counts as anger there.
    precision, recall = precision[:-1], recall[:-1]
    operating = None
    kept = np.flatnonzero(precision >= wanted_precision)
    # A threshold of 0 would take for anger what wasn't heard at all.
    kept = kept[(recall[kept] > 0) & (thresholds[kept] > 0)]
    if len(kept):
        best = max(kept, key=lambda place: (recall[place], precision[place]))
        operating = _operate(float(thresholds[best]), observations)
    drawn = np.unique(np.linspace(0, len(thresholds) - 1, _CURVE_POINTS).round().astype(int))
    return Sweep(
        emotion=SWEPT,
        items=len(pairs),
        positives=int(truth.sum()),
        average_precision=float(average_precision_score(truth, scores)),
        wanted_precision=wanted_precision,
        operating=operating,
        points=tuple(
            SweepPoint(float(thresholds[place]), float(precision[place]), float(recall[place])) for place in drawn
        ),
    )


def _probability(pair: EmotionPair) -> float:
    return pair.distribution.get(SWEPT, 0.0) if pair.distribution else 0.0


def _operate(threshold: float, observations: Iterable[Observation]) -> OperatingPoint:
    counts = resample((_class_count_at(threshold, row.emotions) for row in observations), shape=(1, 4))
    (figures,) = class_figures([SWEPT], counts)
    return OperatingPoint(threshold, figures.precision, figures.recall)


def _class_count_at(threshold: float, pairs: Iterable[EmotionPair]) -> Counts:
    outcomes = [(pair.expected is SWEPT, _probability(pair) >= threshold) for pair in pairs]
    right = sum(labelled and heard for labelled, heard in outcomes)
    labelled, heard = (sum(own) for own in zip(*outcomes, strict=True)) if outcomes else (0, 0)
    return np.array([[right, labelled, right, heard]], dtype=np.float64)


def _confusion(pairs: Iterable[EmotionPair]) -> NDArray[np.int64]:
    matrix = np.zeros((len(_EMOTIONS), len(_EMOTIONS)), dtype=np.int64)
    for pair in pairs:
        matrix[_EMOTIONS.index(pair.expected), _EMOTIONS.index(pair.heard)] += 1
    return matrix


def _class_counts(confusion: NDArray[np.int64]) -> Counts:
    right = confusion.diagonal()
    return np.stack([right, confusion.sum(axis=1), right, confusion.sum(axis=0)], axis=1).astype(np.float64)


def _calibration(pairs: Iterable[EmotionPair]) -> Counts:
    """Count by bin of probability: items, right ones, and the sum of probabilities."""
    counts = np.zeros((BINS, 3))
    for pair in pairs:
        if pair.distribution:
            probability = pair.distribution[pair.heard]
            place = min(BINS - 1, max(0, int(np.ceil(probability * BINS)) - 1))
            counts[place] += (1, pair.heard is pair.expected, probability)
    return counts


def _ece(counts: Counts) -> Counts:
    items, right, probability = np.moveaxis(counts, -1, 0)
    return ratio(np.abs(right - probability).sum(axis=-1), items.sum(axis=-1))


def _bins(calibration: Resampled) -> tuple[Bin, ...]:
    return tuple(
        Bin(place / BINS, (place + 1) / BINS, int(items), float(probability / items), float(right / items))
        for place, (items, right, probability) in enumerate(calibration.total)
        if items
    )
