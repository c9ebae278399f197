"""What is made of other sounds: in clips as a set, in calls by where they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from callscope.calls import EventKind
from callscope.evaluation.classes import ClassFigures, class_figures, macro_f1
from callscope.evaluation.observe import Boundaries, EventSets, Observation, Overlaps
from callscope.evaluation.resample import Counts, Estimate, ratio, resample, resample_shares

_JUDGED: Final = frozenset(
    {
        EventKind.BGM,
        EventKind.LAUGHTER,
        EventKind.APPLAUSE,
        EventKind.CRY,
        EventKind.SNEEZE,
        EventKind.BREATH,
        EventKind.COUGH,
    }
)
"""In calls these count as false when nobody labelled them; any other kind counts only when some call labels it."""
_KINDS: Final = tuple(EventKind)
_NOTHING: Final = Overlaps(found=0, labelled=0, right=0, heard=0)


@dataclass(frozen=True, slots=True)
class EventFigures:
    """The sounds of clips, or of calls."""

    items: int
    """Labelled clips, or labelled sounds of calls."""
    exact: Estimate
    """Share of clips in which exactly the labelled kinds were heard; of calls, none."""
    macro_f1: Estimate
    """Mean F1 of the kinds that are labelled anywhere."""
    classes: tuple[ClassFigures, ...]


@dataclass(frozen=True, slots=True)
class BoundError:
    """How far a bound lies from its label, in absolute milliseconds, over all matches."""

    mean_ms: float
    p95_ms: float
    """95 of 100 lie as near, or nearer."""


@dataclass(frozen=True, slots=True)
class StretchFigures:
    """The silences, or the crosstalks, of calls."""

    found: int
    missed: int
    false: int
    precision: Estimate
    recall: Estimate
    start: BoundError | None
    """None where none was found."""
    end: BoundError | None
    owner_right: Estimate
    """Share of the found ones with the labelled owner."""


def measure_clip_events(observations: Sequence[Observation]) -> EventFigures | None:
    """Return the figures of the events in clips; None where none are labelled."""
    rows = [row.clip_events for row in observations]
    items = sum(sets is not None for sets in rows)
    if not items:
        return None
    counts = resample((_set_counts(sets) for sets in rows), shape=(len(_KINDS), 4))
    return EventFigures(
        items=items,
        exact=resample_shares([sets.expected == sets.heard] if sets else [] for sets in rows).share(),
        macro_f1=macro_f1(counts),
        classes=class_figures(_KINDS, counts),
    )


def measure_call_events(observations: Sequence[Observation]) -> EventFigures | None:
    """Return the figures of the sounds in calls; None where no call labels them."""
    rows = [row.call_events for row in observations]
    if all(own is None for own in rows):
        return None
    judged = _JUDGED | {kind for own in rows if own for kind, overlaps in own.items() if overlaps.labelled}
    kinds = [kind for kind in _KINDS if kind in judged]
    counts = resample(
        (np.array([_overlap_counts((own or {}).get(kind, _NOTHING)) for kind in kinds]) for own in rows),
        shape=(len(kinds), 4),
    )
    return EventFigures(
        items=int(counts.total[:, 1].sum()),
        exact=Estimate(),
        macro_f1=macro_f1(counts),
        classes=class_figures(kinds, counts),
    )


def measure_stretches(rows: Iterable[Boundaries | None]) -> StretchFigures | None:
    """Return the figures of the silences, or of the crosstalks; None where no row labels them."""
    labelled = [own for own in rows if own is not None]
    if not labelled:
        return None
    counts = resample((np.array([[len(own.start_errors_ms), own.missed, own.false]]) for own in labelled), shape=(3,))
    found, missed, false = (int(count) for count in counts.total)
    return StretchFigures(
        found=found,
        missed=missed,
        false=false,
        precision=counts.estimate(lambda own: ratio(own[:, 0], own[:, 0] + own[:, 2])),
        recall=counts.estimate(lambda own: ratio(own[:, 0], own[:, 0] + own[:, 1])),
        start=_bound_error([error for own in labelled for error in own.start_errors_ms]),
        end=_bound_error([error for own in labelled for error in own.end_errors_ms]),
        owner_right=resample((np.array([own.owners_right, own.owners]) for own in labelled), shape=(2,)).share(),
    )


def _set_counts(sets: EventSets | None) -> Counts:
    counts = np.zeros((len(_KINDS), 4))
    if sets:
        for place, kind in enumerate(_KINDS):
            labelled, heard = kind in sets.expected, kind in sets.heard
            counts[place] = (labelled and heard, labelled, labelled and heard, heard)
    return counts


def _overlap_counts(overlaps: Overlaps) -> tuple[int, int, int, int]:
    return overlaps.found, overlaps.labelled, overlaps.right, overlaps.heard


def _bound_error(errors_ms: Sequence[int]) -> BoundError | None:
    if not errors_ms:
        return None
    distances_ms = np.abs(errors_ms)
    return BoundError(float(distances_ms.mean()), float(np.percentile(distances_ms, 95)))
