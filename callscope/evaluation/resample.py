"""How far a figure can be trusted: the bootstrap over the rows of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.float64]
"""What a figure is made of, added up over rows."""

REPLICAS: Final = 1_000
SEED: Final = 1
_BOUNDS_PERCENT: Final = (2.5, 97.5)
_LEAST_ROWS: Final = 2
"""One row doesn't tell how rows differ."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; None: there is nothing to tell it from."""

    value: float | None = None
    low: float | None = None
    """None where fewer than two rows tell it, or all of them tell the same."""
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """Counts over all rows, and over rows that were drawn with replacement."""

    total: Counts
    """Shape (...)."""
    replicas: Counts
    """Shape (replicas, ...)."""
    rows: NDArray[np.int64]
    """How many rows count anything there, shape (...)."""

    def part(self, place: int) -> Resampled:
        """Return the counts at a place of the first axis."""
        return Resampled(self.total[place], self.replicas[:, place], self.rows[place])

    def estimate(self, figure: Callable[[Counts], Counts]) -> Estimate:
        """Return the figure that a function makes of counts of shape (n, ...), one number for each of n."""
        value = float(figure(self.total[None])[0])
        if np.isnan(value):
            return Estimate()
        drawn = figure(self.replicas)
        drawn = drawn[~np.isnan(drawn)]
        if self.rows.max() < _LEAST_ROWS or np.ptp(drawn) == 0:
            return Estimate(value)
        low, high = np.percentile(drawn, _BOUNDS_PERCENT)
        return Estimate(value, float(low), float(high))

    def share(self) -> Estimate:
        """Return what a part of the counts is of another; they are pairs of part and whole."""
        return self.estimate(lambda counts: ratio(counts[:, 0], counts[:, 1]))


def resample(
    rows: Iterable[Counts], *, shape: tuple[int, ...], replicas: int = REPLICAS, seed: int = SEED
) -> Resampled:
    """
    Add up what rows count, and draw rows with replacement to see how much that varies.

    Rows are drawn, not turns: turns of one call have its line, its voices and its subject in common.

    Parameters
    ----------
    rows : iterable of array of float64
        A row's counts.
    shape : tuple of int
        Of each.
    replicas : int
        How often all rows are drawn.
    seed : int
        Same seed and number of rows, same draws, whatever is counted.
    """
    table = np.array([np.ravel(row) for row in rows], dtype=np.float64).reshape(-1, int(np.prod(shape)))
    if not len(table):
        return Resampled(np.zeros(shape), np.zeros((replicas, *shape)), np.zeros(shape, dtype=np.int64))
    random = np.random.default_rng(seed)
    drawn = np.array(
        [
            np.bincount(random.integers(len(table), size=len(table)), minlength=len(table)) @ table
            for _ in range(replicas)
        ]
    )
    return Resampled(
        total=table.sum(axis=0).reshape(shape),
        replicas=drawn.reshape(replicas, *shape),
        rows=np.count_nonzero(table, axis=0).reshape(shape),
    )


def resample_shares(rows: Iterable[Iterable[bool]]) -> Resampled:
    """Return how many facts of each row hold, of how many, resampled; what `Resampled.share` takes."""
    return resample((_part_and_whole(list(facts)) for facts in rows), shape=(2,))


def ratio(part: Counts, whole: Counts) -> Counts:
    """Divide; NaN where the whole is 0."""
    divided: Counts = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0)
    return divided


def _part_and_whole(facts: list[bool]) -> Counts:
    return np.array([sum(facts), len(facts)], dtype=np.float64)
