"""One analysed call against its reference: how much of it was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from callscope.calls import Event, EventKind, Role, Segment
from callscope.evaluation.reference import Reference, ReferenceSound, ReferenceTurn
from callscope.evaluation.texts import normalise
from callscope.timeline import Interval


@dataclass(frozen=True, slots=True)
class Hits:
    """How many of the reference's facts were found."""

    found: int
    total: int

    def __add__(self, other: Hits) -> Hits:
        return Hits(self.found + other.found, self.total + other.total)

    @property
    def share(self) -> float:
        """Found over total; 1 when there was nothing to find."""
        return self.found / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True)
class CallScore:
    """One analysis against its reference."""

    edits: int
    """Characters to insert, delete or replace."""
    characters: int
    """Of the reference, normalised."""
    languages: Hits
    emotions: Hits
    roles: Hits
    events: Hits
    silences: Hits
    """Found within the tolerance at both ends, with the right owner where the reference knows it."""
    crosstalks: Hits

    @property
    def cer(self) -> float:
        """Character error rate: edits over characters of the reference."""
        return self.edits / self.characters if self.characters else 0.0


def score_call(
    reference: Reference, segments: Sequence[Segment], events: Sequence[Event], *, tolerance_ms: int = 250
) -> CallScore:
    """
    Score what was found in one recording.

    Parameters
    ----------
    reference : Reference
        The truth.
    segments, events : sequences of Segment and Event
        Of the same recording, ascending by start.
    tolerance_ms : int >= 0
        How far both ends of a silence or crosstalk may lie from the reference's.

    Returns
    -------
    CallScore
        Text is compared channel by channel in the order of time, so a turn that was cut in two costs nothing. The
        language, emotion and role of a turn are those of the segment that covers most of it. A role or owner that the
        reference doesn't know is not asked for.
    """
    edits = characters = 0
    for channel in sorted({turn.channel for turn in reference.turns} | {s.channel for s in segments}):
        expected = normalise("".join(turn.text for turn in reference.turns if turn.channel == channel))
        actual = normalise("".join(s.text for s in segments if s.channel == channel))
        edits += Levenshtein.distance(expected, actual)
        characters += len(expected)
    covering = [(turn, _covering(turn, segments)) for turn in reference.turns]
    return CallScore(
        edits=edits,
        characters=characters,
        languages=_hits(s is not None and s.language is turn.language for turn, s in covering),
        emotions=_hits(s is not None and s.emotion is turn.emotion for turn, s in covering),
        roles=_hits(s is not None and s.role is turn.role for turn, s in covering if turn.role is not Role.UNKNOWN),
        events=_hits(_is_heard(sound, events) for sound in reference.events),
        silences=_hits(
            any(
                event.kind is EventKind.SILENCE
                and silence.owner in {event.owner, Role.UNKNOWN}
                and _is_near(silence.start_ms, silence.end_ms, event.start_ms, event.end_ms, tolerance_ms)
                for event in events
            )
            for silence in reference.silences
        ),
        crosstalks=_hits(
            any(
                event.kind is EventKind.CROSSTALK
                and _is_near(crosstalk.start_ms, crosstalk.end_ms, event.start_ms, event.end_ms, tolerance_ms)
                for event in events
            )
            for crosstalk in reference.crosstalks
        ),
    )


def total(scores: Sequence[CallScore]) -> CallScore:
    """Return the scores of several calls as one, every character and every fact counting once."""
    nothing = Hits(0, 0)
    return CallScore(
        edits=sum(score.edits for score in scores),
        characters=sum(score.characters for score in scores),
        languages=sum((score.languages for score in scores), nothing),
        emotions=sum((score.emotions for score in scores), nothing),
        roles=sum((score.roles for score in scores), nothing),
        events=sum((score.events for score in scores), nothing),
        silences=sum((score.silences for score in scores), nothing),
        crosstalks=sum((score.crosstalks for score in scores), nothing),
    )


def _hits(facts: Iterable[bool]) -> Hits:
    outcomes = list(facts)
    return Hits(sum(outcomes), len(outcomes))


def _covering(turn: ReferenceTurn, segments: Sequence[Segment]) -> Segment | None:
    when = Interval(turn.start_ms, turn.end_ms)
    on_channel = [s for s in segments if s.channel == turn.channel and s.interval.overlap_ms(when)]
    return max(on_channel, key=lambda s: s.interval.overlap_ms(when), default=None)


def _is_heard(sound: ReferenceSound, events: Sequence[Event]) -> bool:
    when = Interval(sound.start_ms, sound.end_ms)
    return any(
        event.kind is sound.kind
        and event.channel == sound.channel
        and Interval(event.start_ms, event.end_ms).overlap_ms(when)
        for event in events
    )


def _is_near(start_ms: int, end_ms: int, found_start_ms: int, found_end_ms: int, tolerance_ms: int) -> bool:
    return abs(start_ms - found_start_ms) <= tolerance_ms and abs(end_ms - found_end_ms) <= tolerance_ms
