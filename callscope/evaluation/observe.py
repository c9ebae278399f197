"""A row's labels beside what was heard: the raw material of every figure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from callscope.calls import Emotion, Event, EventKind, Language, Role, Segment, Transcript
from callscope.evaluation.manifest import CallLabels, ClipLabels, CrosstalkLabel, SilenceLabel, SoundLabel, TurnLabel
from callscope.timeline import Interval

_ON_THE_TIME_LINE: Final = frozenset({EventKind.SILENCE, EventKind.CROSSTALK})
"""Judged by their bounds, not as sounds."""


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of one channel and what the recogniser made of it."""

    channel: int
    role: Role
    interval: Interval
    text: str
    language: Language
    emotion_distribution: Mapping[Emotion, float]
    event: EventKind
    is_speech: bool

    @classmethod
    def of_segment(cls, segment: Segment) -> Region:
        """Return what the whole way of a recording found."""
        return cls(
            channel=segment.channel,
            role=segment.role,
            interval=segment.interval,
            text=segment.text,
            language=segment.language,
            emotion_distribution=segment.emotion_distribution,
            event=segment.event,
            is_speech=segment.is_speech,
        )

    @classmethod
    def of_transcript(cls, channel: int, interval: Interval, transcript: Transcript) -> Region:
        """Return what the recogniser alone made of a stretch."""
        return cls(
            channel=channel,
            role=Role.UNKNOWN,
            interval=interval,
            text=transcript.text,
            language=transcript.language,
            emotion_distribution=transcript.emotion_distribution,
            event=transcript.event,
            is_speech=bool(transcript.text) or transcript.event is EventKind.SPEECH,
        )


@dataclass(frozen=True, slots=True)
class TextPair:
    """What was said, and what was heard of it."""

    language: Language
    expected: str
    heard: str


@dataclass(frozen=True, slots=True)
class LanguagePair:
    """The language of a clip or turn."""

    expected: Language
    heard: Language


@dataclass(frozen=True, slots=True)
class EmotionPair:
    """The emotion of a clip or turn."""

    language: Language | None
    """As labelled."""
    expected: Emotion
    distribution: Mapping[Emotion, float] | None
    """None where nothing was heard."""

    @property
    def heard(self) -> Emotion:
        """The most probable emotion; where nothing was heard, none can be told."""
        if self.distribution is None:
            return Emotion.EMO_UNKNOWN
        return max(self.distribution, key=self.distribution.__getitem__)


@dataclass(frozen=True, slots=True)
class RolePair:
    """Who speaks in a turn."""

    expected: Role
    heard: Role


@dataclass(frozen=True, slots=True)
class EventSets:
    """The kinds of event in a clip."""

    expected: frozenset[EventKind]
    heard: frozenset[EventKind]


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The sounds of one kind in a call; one is found when anything of its kind on its channel overlaps it."""

    found: int
    """Labelled sounds that were heard."""
    labelled: int
    right: int
    """Heard events that lie on a labelled sound."""
    heard: int


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The silences, or the crosstalks, of a call; found and labelled ones match when most of both is common."""

    start_errors_ms: tuple[int, ...]
    """Heard less labelled, of each match."""
    end_errors_ms: tuple[int, ...]
    missed: int
    """Labelled ones without a match."""
    false: int
    """Heard ones without a match."""
    owners_right: int = 0
    owners: int = 0
    """Matches whose owner is labelled."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One row of the manifest, compared; None: not labelled."""

    duration_ms: int
    is_call: bool
    texts: tuple[TextPair, ...] = ()
    languages: tuple[LanguagePair, ...] = ()
    emotions: tuple[EmotionPair, ...] = ()
    roles: tuple[RolePair, ...] = ()
    clip_events: EventSets | None = None
    call_events: Mapping[EventKind, Overlaps] | None = None
    silences: Boundaries | None = None
    crosstalks: Boundaries | None = None


_LabelT = TypeVar("_LabelT", Language, Role)
_Weighted: TypeAlias = tuple[Region, int]
"""A region, and for how many milliseconds it counts."""


def observe_clip(labels: ClipLabels, regions: Sequence[Region], *, duration_ms: int) -> Observation:
    """
    Compare a clip.

    Parameters
    ----------
    labels : ClipLabels
        The truth.
    regions : sequence of Region
        Of all channels, ascending by start.
    duration_ms : int
        Of the file.

    Returns
    -------
    Observation
        The texts of all regions count, joined. Language and emotion are those of the speech in it, each region
        weighing as much as it lasts; where none is speech, of all sounds. A file in which nothing was found is heard as
        the recogniser hears noise: no language, an unknown event.
    """
    voiced = [(region, region.interval.duration_ms) for region in _speech_or_all(regions)]
    language, heard = _language(voiced), _join(region.text for region in regions)
    events = frozenset(region.event for region in regions) or frozenset({EventKind.EVENT_UNK})
    return Observation(
        duration_ms=duration_ms,
        is_call=False,
        texts=(TextPair(labels.language or Language.NOSPEECH, labels.text, heard),) if labels.text is not None else (),
        languages=(LanguagePair(labels.language, language),) if labels.language else (),
        emotions=(EmotionPair(labels.language, labels.emotion, _emotions(voiced)),) if labels.emotion else (),
        clip_events=None if labels.events is None else EventSets(frozenset(labels.events), events),
    )


def observe_call(
    labels: CallLabels, regions: Sequence[Region], events: Sequence[Event], *, duration_ms: int
) -> Observation:
    """
    Compare a call.

    Parameters
    ----------
    labels : CallLabels
        The truth.
    regions : sequence of Region
        Of all channels, ascending by start.
    events : sequence of Event
        The recogniser's and the derived ones.
    duration_ms : int
        Of the recording.

    Returns
    -------
    Observation
        Text is compared channel by channel and language by language in the order of time, so a turn that was cut in
        two costs nothing. Language and emotion of a turn are those of the regions on it, each weighing as much as it
        covers.
    """
    turns = labels.turns or ()
    covered = [(turn, _covering(turn, regions)) for turn in turns]
    emotions = [(turn, turn.emotion, found) for turn, found in covered if turn.emotion]
    spoken = [(turn.language or labels.language, found) for turn, found in covered]
    return Observation(
        duration_ms=duration_ms,
        is_call=True,
        texts=tuple(_texts(labels, regions)) if labels.turns is not None else (),
        languages=tuple(LanguagePair(language, _language(found)) for language, found in spoken if language),
        emotions=tuple(
            EmotionPair(turn.language or labels.language, emotion, _emotions(found))
            for turn, emotion, found in emotions
        ),
        roles=tuple(
            RolePair(turn.role, _heaviest(found, lambda region: region.role, Role.UNKNOWN))
            for turn, found in covered
            if turn.role is not Role.UNKNOWN
        ),
        call_events=None if labels.events is None else _overlaps(labels.events, events),
        silences=_match(labels.silences, [event for event in events if event.kind is EventKind.SILENCE]),
        crosstalks=_match(labels.crosstalks, [event for event in events if event.kind is EventKind.CROSSTALK]),
    )


def _speech_or_all(regions: Sequence[Region]) -> Sequence[Region]:
    return [region for region in regions if region.is_speech] or regions


def _join(texts: Iterable[str]) -> str:
    return " ".join(text for text in texts if text)


def _language(weighted: Collection[_Weighted]) -> Language:
    return _heaviest(weighted, lambda region: region.language, Language.NOSPEECH)


def _heaviest(weighted: Collection[_Weighted], label: Callable[[Region], _LabelT], otherwise: _LabelT) -> _LabelT:
    lengths_ms: dict[_LabelT, int] = {}
    for region, weight_ms in weighted:
        lengths_ms[label(region)] = lengths_ms.get(label(region), 0) + weight_ms
    return max(lengths_ms, key=lengths_ms.__getitem__, default=otherwise)


def _emotions(weighted: Collection[_Weighted]) -> dict[Emotion, float] | None:
    whole_ms = sum(weight_ms for _, weight_ms in weighted)
    if not whole_ms:
        return None
    return {
        emotion: sum(region.emotion_distribution.get(emotion, 0.0) * weight_ms for region, weight_ms in weighted)
        / whole_ms
        for emotion in Emotion
    }


def _covering(turn: TurnLabel, regions: Sequence[Region]) -> list[_Weighted]:
    """Return the regions on a turn and how much of it each covers: its speech, or what else there is."""
    when = Interval(turn.start_ms, turn.end_ms)
    on_turn = [region for region in regions if region.channel == turn.channel and region.interval.overlap_ms(when)]
    return [(region, region.interval.overlap_ms(when)) for region in _speech_or_all(on_turn)]


def _texts(labels: CallLabels, regions: Sequence[Region]) -> list[TextPair]:
    """Return a pair for each language of each channel; what a channel without turns says was never said."""
    turns = sorted(labels.turns or (), key=lambda turn: (turn.start_ms, turn.channel))
    said: dict[tuple[int, Language], list[str]] = {}
    for turn in turns:
        if turn.text and (language := turn.language or labels.language):
            said.setdefault((turn.channel, language), []).append(turn.text)
    heard: dict[tuple[int, Language], list[str]] = {}
    for region in regions:
        if not region.text:
            continue
        nearest = min(
            (turn for turn in turns if turn.channel == region.channel),
            key=lambda turn: _distance_ms(turn, region.interval),
            default=None,
        )
        if nearest is None:
            heard.setdefault((region.channel, Language.NOSPEECH), []).append(region.text)
        elif nearest.text is not None and (language := nearest.language or labels.language):
            heard.setdefault((region.channel, language), []).append(region.text)
    return [
        TextPair(language, _join(said.get((channel, language), [])), _join(heard.get((channel, language), [])))
        for channel, language in sorted(said.keys() | heard.keys())
    ]


def _distance_ms(turn: TurnLabel, interval: Interval) -> int:
    """Return how far a region lies from a turn; below 0: how much of it lies on the turn."""
    return max(turn.start_ms, interval.start_ms) - min(turn.end_ms, interval.end_ms)


def _overlaps(labels: Sequence[SoundLabel], events: Sequence[Event]) -> dict[EventKind, Overlaps]:
    heard = [event for event in events if event.kind not in _ON_THE_TIME_LINE]
    counted = {}
    for kind in sorted({label.kind for label in labels} | {event.kind for event in heard}):
        expected = [label for label in labels if label.kind is kind]
        found = [event for event in heard if event.kind is kind]
        counted[kind] = Overlaps(
            found=sum(any(_meet(label, event) for event in found) for label in expected),
            labelled=len(expected),
            right=sum(any(_meet(label, event) for label in expected) for event in found),
            heard=len(found),
        )
    return counted


def _meet(label: SoundLabel, event: Event) -> bool:
    # An event of the whole call has no channel, and is heard on each.
    on_channel = event.channel is None or event.channel == label.channel
    return on_channel and max(label.start_ms, event.start_ms) < min(label.end_ms, event.end_ms)


def _match(labels: Sequence[SilenceLabel | CrosstalkLabel] | None, events: Sequence[Event]) -> Boundaries | None:
    if labels is None:
        return None
    matches, free = [], list(events)
    for label in labels:
        # More than half of both together: of events that don't overlap each other, only one can be the same.
        if event := next((event for event in free if _is_same(label, event)), None):
            free.remove(event)
            matches.append((label, event))
    owned = [
        (label.owner, event.owner)
        for label, event in matches
        if isinstance(label, SilenceLabel) and label.owner is not Role.UNKNOWN
    ]
    return Boundaries(
        start_errors_ms=tuple(event.start_ms - label.start_ms for label, event in matches),
        end_errors_ms=tuple(event.end_ms - label.end_ms for label, event in matches),
        missed=len(labels) - len(matches),
        false=len(free),
        owners_right=sum(labelled is heard for labelled, heard in owned),
        owners=len(owned),
    )


def _is_same(label: SilenceLabel | CrosstalkLabel, event: Event) -> bool:
    common_ms = min(label.end_ms, event.end_ms) - max(label.start_ms, event.start_ms)
    both_ms = max(label.end_ms, event.end_ms) - min(label.start_ms, event.start_ms)
    return 2 * common_ms > both_ms
