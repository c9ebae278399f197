"""What changed between two analyses of one call: text, emotions, events, findings, scores."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from rapidfuzz.distance import Levenshtein

from callscope.calls import AnalysisVersion, Emotion, Event, EventKind, Finding, Score, Segment
from callscope.errors import UsageError
from callscope.evaluation import normalise
from callscope.timeline import Interval

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class ComparedAnalysis:
    """What of an analysis is compared."""

    segments: tuple[Segment, ...]
    """Their words don't matter."""
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class TextChange:
    """How far apart two transcripts are, normalised as the scorer does, channel by channel."""

    edits: int = 0
    """Characters to insert, delete or replace."""
    old_characters: int = 0
    new_characters: int = 0

    def __add__(self, other: TextChange) -> TextChange:
        return TextChange(
            self.edits + other.edits,
            self.old_characters + other.old_characters,
            self.new_characters + other.new_characters,
        )

    @property
    def cer(self) -> float:
        """Character error rate of the new text against the old: edits over the old text's characters."""
        return self.edits / self.old_characters if self.old_characters else float(self.new_characters > 0)

    @property
    def share(self) -> float:
        """Edits over the characters of the longer text, at most 1: a word that changes its channel is edited twice."""
        longest = max(self.old_characters, self.new_characters)
        return min(1.0, self.edits / longest) if longest else 0.0


@dataclass(frozen=True, slots=True)
class EmotionChange:
    """Which emotion became which, weighted by time."""

    confusion_ms: Mapping[tuple[Emotion | None, Emotion | None], int] = field(default_factory=dict)
    """Time under each pair of old and new label, over all channels; None: that analysis hears no speech there."""

    def __add__(self, other: EmotionChange) -> EmotionChange:
        return EmotionChange(_summed(self.confusion_ms, other.confusion_ms))

    @property
    def both_ms(self) -> int:
        """Time in which both hear speech."""
        return sum(ms for (old, new), ms in self.confusion_ms.items() if old is not None and new is not None)

    @property
    def changed_ms(self) -> int:
        """Of this, the time under another label."""
        return sum(ms for (old, new), ms in self.confusion_ms.items() if old is not None and new not in {None, old})

    @property
    def share(self) -> float:
        """Share of the time in which both hear speech that has another label, in [0, 1]."""
        return self.changed_ms / self.both_ms if self.both_ms else 0.0


@dataclass(frozen=True, slots=True)
class Changes:
    """What came, went and stayed of one kind of thing that has a place in time."""

    gained: int = 0
    lost: int = 0
    kept: int = 0
    """Of the same kind on the same channel, and at the same time at least in part; one to one."""
    overlap: float = 0.0
    """Sum over the kept ones of what is common to both over what either covers."""

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.gained + other.gained,
            self.lost + other.lost,
            self.kept + other.kept,
            self.overlap + other.overlap,
        )

    @property
    def mean_overlap(self) -> float:
        """Mean intersection over union of the kept ones, in [0, 1]; 1 without any."""
        return self.overlap / self.kept if self.kept else 1.0


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """How a scorecard's points changed."""

    gained: int = 0
    """Calls that only the new analysis scores."""
    lost: int = 0
    both: int = 0
    changed: int = 0
    """Of these, with other points."""
    difference: float = 0.0
    """Sum over these of new points less old points."""

    def __add__(self, other: ScoreChange) -> ScoreChange:
        return ScoreChange(
            self.gained + other.gained,
            self.lost + other.lost,
            self.both + other.both,
            self.changed + other.changed,
            self.difference + other.difference,
        )

    @property
    def mean_difference(self) -> float:
        """Mean change of the points where both score; 0 where none does."""
        return self.difference / self.both if self.both else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed in a call, or in several together."""

    text: TextChange = field(default_factory=TextChange)
    emotions: EmotionChange = field(default_factory=EmotionChange)
    events: Mapping[EventKind, Changes] = field(default_factory=dict)
    findings: Mapping[str, Changes] = field(default_factory=dict)
    """By rule."""
    scores: Mapping[str, ScoreChange] = field(default_factory=dict)
    """By scorecard."""

    def __add__(self, other: Comparison) -> Comparison:
        return Comparison(
            text=self.text + other.text,
            emotions=self.emotions + other.emotions,
            events=_joined(self.events, other.events, Changes()),
            findings=_joined(self.findings, other.findings, Changes()),
            scores=_joined(self.scores, other.scores, ScoreChange()),
        )

    @property
    def share(self) -> float:
        """How much changed, in [0, 1]: the mean of the shares of text, emotions, events, findings and scores."""
        parts = (
            self.text.share,
            self.emotions.share,
            _changed_share(self.events.values()),
            _changed_share(self.findings.values()),
            _rescored_share(self.scores.values()),
        )
        return sum(parts) / len(parts)


def compare(old: ComparedAnalysis, new: ComparedAnalysis) -> Comparison:
    """Return what changed from one analysis of a call to another."""
    return Comparison(
        text=_compare_texts(old.segments, new.segments),
        emotions=_compare_emotions(old.segments, new.segments),
        events=_compare_events(old.events, new.events),
        findings=_compare_findings(old.findings, new.findings),
        scores=_compare_scores(old.scores, new.scores),
    )


def find_version(name: str, versions: Sequence[AnalysisVersion]) -> AnalysisVersion:
    """
    Return the version that a person means.

    Parameters
    ----------
    name : str
        ``CHECKPOINT/PIPELINE/RULES``, one of the three or two neighbours of them, or, where none of these fits, any
        piece of the whole that only one version has.
    versions : sequence of AnalysisVersion
        That are stored.

    Raises
    ------
    UsageError
        No version is meant, or several.
    """
    parts = [version for version in versions if f"/{name}/" in f"/{version.name}/"]
    meant = parts or [version for version in versions if name in version.name]
    if len(meant) == 1:
        return meant[0]
    known = ", ".join(version.name for version in meant or versions) or "none"
    if meant:
        raise UsageError(f"{name} fits several analysis versions", why=f"these: {known}")
    raise UsageError(f"no analysis version is called {name}", why=f"stored are: {known}")


# --- text -----------------------------------------------------------------------------------------------------------


def _compare_texts(old: Sequence[Segment], new: Sequence[Segment]) -> TextChange:
    before, after = _texts(old), _texts(new)
    channels = sorted(before.keys() | after.keys())
    return TextChange(
        edits=sum(Levenshtein.distance(before.get(channel, ""), after.get(channel, "")) for channel in channels),
        old_characters=sum(map(len, before.values())),
        new_characters=sum(map(len, after.values())),
    )


def _texts(segments: Iterable[Segment]) -> dict[int, str]:
    parts = defaultdict[int, list[str]](list)
    for segment in segments:
        parts[segment.channel].append(segment.text)
    return {channel: normalise("".join(texts)) for channel, texts in parts.items()}


# --- emotions -------------------------------------------------------------------------------------------------------

_Stretch = tuple[int, int, Emotion]
"""Start and end in ms, and the label between."""


def _compare_emotions(old: Sequence[Segment], new: Sequence[Segment]) -> EmotionChange:
    confusion = Counter[tuple[Emotion | None, Emotion | None]]()
    before, after = _stretches(old), _stretches(new)
    for channel in before.keys() | after.keys():
        first, second = before.get(channel, []), after.get(channel, [])
        bounds = sorted({bound for start, end, _ in (*first, *second) for bound in (start, end)})
        for (start_ms, end_ms), was, becomes in zip(
            pairwise(bounds), _labels(first, bounds), _labels(second, bounds), strict=True
        ):
            if was is not None or becomes is not None:
                confusion[was, becomes] += end_ms - start_ms
    return EmotionChange(dict(confusion))


def _stretches(segments: Iterable[Segment]) -> dict[int, list[_Stretch]]:
    """Return the labels of speech on each channel, disjoint and ascending: who starts later has the time from there."""
    found = defaultdict[int, list[_Stretch]](list)
    for segment in sorted(segments, key=lambda segment: (segment.start_ms, segment.end_ms)):
        if not segment.is_speech or segment.start_ms == segment.end_ms:
            continue
        stretches = found[segment.channel]
        if stretches and stretches[-1][1] > segment.start_ms:
            start_ms, _, label = stretches.pop()
            if start_ms < segment.start_ms:
                stretches.append((start_ms, segment.start_ms, label))
        stretches.append((segment.start_ms, segment.end_ms, segment.emotion))
    return found


def _labels(stretches: Sequence[_Stretch], bounds: Sequence[int]) -> Iterator[Emotion | None]:
    """Yield the label between each two bounds; every end of a stretch is a bound."""
    position = 0
    for start_ms, _ in pairwise(bounds):
        while position < len(stretches) and stretches[position][1] <= start_ms:
            position += 1
        is_inside = position < len(stretches) and stretches[position][0] <= start_ms
        yield stretches[position][2] if is_inside else None


# --- things with a place in time --------------------------------------------------------------------------------------


def _compare_events(old: Iterable[Event], new: Iterable[Event]) -> dict[EventKind, Changes]:
    before = _grouped((event.kind, event.channel, Interval(event.start_ms, event.end_ms)) for event in old)
    after = _grouped((event.kind, event.channel, Interval(event.start_ms, event.end_ms)) for event in new)
    return _compare_groups(before, after)


def _compare_findings(old: Iterable[Finding], new: Iterable[Finding]) -> dict[str, Changes]:
    before = _grouped((finding.rule, finding.role, Interval(finding.start_ms, finding.end_ms)) for finding in old)
    after = _grouped((finding.rule, finding.role, Interval(finding.start_ms, finding.end_ms)) for finding in new)
    return _compare_groups(before, after)


def _grouped(things: Iterable[tuple[K, object, Interval]]) -> dict[tuple[K, object], list[Interval]]:
    """Return the stretches of things that may be the same: of one kind, and of one channel or party."""
    groups = defaultdict[tuple[K, object], list[Interval]](list)
    for kind, whose, when in things:
        groups[kind, whose].append(when)
    return groups


def _compare_groups(
    old: Mapping[tuple[K, object], list[Interval]], new: Mapping[tuple[K, object], list[Interval]]
) -> dict[K, Changes]:
    changes: dict[K, Changes] = {}
    for key in old.keys() | new.keys():
        kind, _ = key
        changes[kind] = changes.get(kind, Changes()) + _match(old.get(key, []), new.get(key, []))
    return changes


def _match(old: Sequence[Interval], new: Sequence[Interval]) -> Changes:
    """Pair the stretches one to one, those that agree best first."""
    candidates = sorted(_overlapping(old, new))
    free_old, free_new = set(range(len(old))), set(range(len(new)))
    kept, overlap = 0, 0.0
    for negative, _, first, second in candidates:
        if first in free_old and second in free_new:
            free_old.remove(first)
            free_new.remove(second)
            kept += 1
            overlap -= negative
    return Changes(gained=len(free_new), lost=len(free_old), kept=kept, overlap=overlap)


def _overlapping(
    old: Sequence[Interval], new: Sequence[Interval]
) -> Iterator[tuple[float, tuple[Interval, ...], int, int]]:
    """
    Yield each pair that has time in common: its agreement below 0, its stretches, its positions.

    The stretches are in an order of their own, so that the best pair is the same whichever analysis is the old one.
    """
    ordered = sorted(range(len(new)), key=lambda position: new[position])
    starts = [new[position].start_ms for position in ordered]
    longest_ms = max((interval.duration_ms for interval in new), default=0)
    for first, when in enumerate(old):
        near = slice(bisect_left(starts, when.start_ms - longest_ms), bisect_right(starts, when.end_ms))
        for second in ordered[near]:
            if agreement := _agreement(when, new[second]):
                yield -agreement, tuple(sorted((when, new[second]))), first, second


def _agreement(one: Interval, other: Interval) -> float:
    """Return intersection over union; equal stretches agree wholly, also where they last no time."""
    if one == other:
        return 1.0
    both_ms = one.overlap_ms(other)
    return both_ms / (one.duration_ms + other.duration_ms - both_ms) if both_ms else 0.0


def _compare_scores(old: Iterable[Score], new: Iterable[Score]) -> dict[str, ScoreChange]:
    before = {score.scorecard: score.score for score in old}
    after = {score.scorecard: score.score for score in new}
    changes = {}
    for card in before.keys() | after.keys():
        if card not in before:
            changes[card] = ScoreChange(gained=1)
        elif card not in after:
            changes[card] = ScoreChange(lost=1)
        else:
            difference = after[card] - before[card]
            changes[card] = ScoreChange(both=1, changed=int(difference != 0), difference=difference)
    return changes


# --- sums -----------------------------------------------------------------------------------------------------------

V = TypeVar("V", Changes, ScoreChange)


def _summed(one: Mapping[K, int], other: Mapping[K, int]) -> dict[K, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in one.keys() | other.keys()}


def _joined(one: Mapping[K, V], other: Mapping[K, V], nothing: V) -> dict[K, V]:
    return {key: one.get(key, nothing) + other.get(key, nothing) for key in one.keys() | other.keys()}


def _changed_share(changes: Iterable[Changes]) -> float:
    every = sum(changes, Changes())
    count = every.gained + every.lost + every.kept
    return (every.gained + every.lost) / count if count else 0.0


def _rescored_share(changes: Iterable[ScoreChange]) -> float:
    every = sum(changes, ScoreChange())
    count = every.gained + every.lost + every.both
    return (every.gained + every.lost + every.changed) / count if count else 0.0
