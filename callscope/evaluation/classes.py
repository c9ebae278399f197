"""How well each of several kinds is told from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from callscope.evaluation.resample import Counts, Estimate, Resampled, ratio


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One kind."""

    kind: str
    support: int
    """How many are labelled with it."""
    heard: int
    """How many were heard as it."""
    precision: Estimate
    """Share of those heard as it that are labelled with it."""
    recall: Estimate
    """Share of those labelled with it that were heard as it."""
    f1: Estimate
    """Harmonic mean of both; None where none is labelled."""


def class_figures(kinds: Sequence[str], counts: Resampled) -> tuple[ClassFigures, ...]:
    """
    Return the figures of the kinds that are labelled or heard anywhere.

    Parameters
    ----------
    kinds : sequence of str
        Their names.
    counts : Resampled
        Of shape (kinds, 4): labelled ones that were found, labelled, heard ones that are right, heard.
    """
    return tuple(
        ClassFigures(
            kind=kind,
            support=int(counts.total[place, 1]),
            heard=int(counts.total[place, 3]),
            precision=counts.part(place).estimate(lambda own: ratio(own[:, 2], own[:, 3])),
            recall=counts.part(place).estimate(lambda own: ratio(own[:, 0], own[:, 1])),
            f1=counts.part(place).estimate(_f1),
        )
        for place, kind in enumerate(kinds)
        if counts.total[place].any()
    )


def macro_f1(counts: Resampled) -> Estimate:
    """Return the mean F1 of the kinds that are labelled; parameters as of `class_figures`."""
    return counts.estimate(_macro_f1)


def _f1(counts: Counts) -> Counts:
    found, labelled, right, heard = np.moveaxis(counts, -1, 0)
    recall = ratio(found, labelled)
    # What was never heard has no precision, and an F1 of 0 all the same.
    precision = np.nan_to_num(ratio(right, heard), nan=0.0)
    mean = np.nan_to_num(ratio(2 * precision * recall, precision + recall), nan=0.0)
    return np.where(labelled > 0, mean, np.nan)


def _macro_f1(counts: Counts) -> Counts:
    scores, labelled = _f1(counts), counts[..., 1] > 0
    return ratio(np.where(labelled, scores, 0.0).sum(axis=-1), labelled.sum(axis=-1))
