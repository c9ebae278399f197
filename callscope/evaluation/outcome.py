"""The outcome of an evaluation, as printed, shown and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from callscope.evaluation.emotions import EmotionFigures, Sweep, measure_emotions, sweep_thresholds
from callscope.evaluation.events import (
    EventFigures,
    StretchFigures,
    measure_call_events,
    measure_clip_events,
    measure_stretches,
)
from callscope.evaluation.manifest import BadRow
from callscope.evaluation.observe import Observation
from callscope.evaluation.resample import REPLICAS, Estimate, resample_shares
from callscope.evaluation.speech import Ghosts, LanguageFigures, count_ghosts, measure_languages

NOTES: Final = (
    (
        "A label is what one person wrote into the manifest. A figure says how often the recogniser agrees with that "
        "person, not how often it knows what a speaker feels."
    ),
    "An emotion is a tag for how a stretch of speech sounds. It tells a person where to listen; it judges nobody.",
    (
        "The figures hold for sound like the manifest's: its lines, voices, languages and subjects. For other sound, "
        "label some of it and evaluate again."
    ),
    (
        f"Intervals hold 95 % of {REPLICAS:,} bootstrap draws over the manifest's rows: how much chance is in the "
        "choice of rows, not whether the labels are right."
    ),
    "The threshold on anger was chosen on the very rows that it is measured on; on others it does a little worse.",
)
"""What the labels, and figures from them, are and are not."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What was evaluated."""

    manifest: str
    checkpoint: str
    engine: str
    device: str
    whole_clips: bool
    """Clips were read as one region, without looking for speech."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every figure; None where nothing is labelled that would tell it."""

    verdict: str
    setup: Setup
    clips: int
    calls: int
    sound_ms: int
    languages: tuple[LanguageFigures, ...]
    language_right: Estimate
    role_right: Estimate
    ghosts: Ghosts
    emotions: EmotionFigures | None
    sweep: Sweep | None
    clip_events: EventFigures | None
    call_events: EventFigures | None
    silences: StretchFigures | None
    crosstalks: StretchFigures | None
    notes: tuple[str, ...]
    bad_rows: tuple[BadRow, ...]


def evaluate(
    setup: Setup,
    observations: Sequence[Observation],
    bad_rows: Sequence[BadRow] = (),
    *,
    wanted_precision: float = 0.9,
) -> Evaluation:
    """
    Compute every figure.

    Parameters
    ----------
    setup : Setup
        What was evaluated.
    observations : sequence of Observation
        One for each row that could be read.
    bad_rows : sequence of BadRow
        The others.
    wanted_precision : float
        Of anger, in (0, 1].
    """
    languages = measure_languages(observations)
    sweep = sweep_thresholds(observations, wanted_precision=wanted_precision)
    return Evaluation(
        verdict=" ".join(
            part
            for part in (_tell_anger(sweep), _tell_text(languages), _tell_rows(len(observations), len(bad_rows)))
            if part
        ),
        setup=setup,
        clips=sum(not row.is_call for row in observations),
        calls=sum(row.is_call for row in observations),
        sound_ms=sum(row.duration_ms for row in observations),
        languages=languages,
        language_right=resample_shares([p.heard is p.expected for p in row.languages] for row in observations).share(),
        role_right=resample_shares([p.heard is p.expected for p in row.roles] for row in observations).share(),
        ghosts=count_ghosts(observations),
        emotions=measure_emotions(observations),
        sweep=sweep,
        clip_events=measure_clip_events(observations),
        call_events=measure_call_events(observations),
        silences=measure_stretches(row.silences for row in observations),
        crosstalks=measure_stretches(row.crosstalks for row in observations),
        notes=NOTES,
        bad_rows=tuple(bad_rows),
    )


def _tell_anger(sweep: Sweep | None) -> str:
    if not sweep:
        return "Of anger nothing can be said: some rows must be labelled with it, and some with another emotion."
    wanted = f"{sweep.emotion} with a precision of at least {sweep.wanted_precision:.0%}"
    if not sweep.operating or sweep.operating.recall.value is None:
        return f"{wanted}: no threshold gives it ({sweep.positives} of {sweep.items} items are labelled so)."
    found = f"{sweep.operating.recall.value:.1%} of {sweep.positives} are found"
    return f"{wanted}: from a probability of {sweep.operating.threshold:.3f} on, {found}."


def _tell_text(languages: Sequence[LanguageFigures]) -> str:
    rates = []
    for own in languages:
        name, rate = ("CER", own.cer) if own.wer is None else ("WER", own.wer)
        if rate.value is not None:
            rates.append(f"{own.language} {name} {rate.value:.1%}")
    return f"Text: {', '.join(rates)}." if rates else ""


def _tell_rows(read: int, bad: int) -> str:
    return f"{bad} of {read + bad} rows could not be evaluated." if bad else ""
