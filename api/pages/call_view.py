"""A call as its page shows it: lanes, lines of the transcript, and what the scripts draw from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from callscope.calls import AnalysedCall, Emotion, Entity, Event, EventKind, Language, Role, Segment, Word
from models.annotations import StoredAnnotation

EMOTIONS = (
    *(Emotion.ANGRY, Emotion.SAD, Emotion.HAPPY, Emotion.FEARFUL, Emotion.DISGUSTED, Emotion.SURPRISED),
    *(Emotion.NEUTRAL, Emotion.OTHER, Emotion.EMO_UNKNOWN),
)
"""In the order that people look for them."""

_ROLE_ORDER = (Role.AGENT, Role.CUSTOMER, Role.UNKNOWN)
_PAUSES = frozenset({EventKind.SILENCE, EventKind.HOLD_MUSIC})
"""Have a line of their own between what is said; all else belongs to who is heard."""

_PER_MILLE = 1_000


@dataclass(frozen=True, slots=True)
class Feeling:
    """How much of what a lane says sounds like one emotion."""

    emotion: Emotion
    share: float
    """Of the lane's speech, in [0, 1], by the distributions."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One party on one channel: a channel on which both speak has two."""

    channel: int
    role: Role
    has_channel: bool
    """False: others speak on this channel as well."""
    speech_ms: int
    feelings: tuple[Feeling, ...]
    """The largest first; those under one in a hundred left out."""


@dataclass(frozen=True, slots=True)
class Said:
    """A segment in the transcript."""

    number: int
    segment: Segment
    lane: int
    opens: bool
    """Somebody else spoke before."""
    events: tuple[Event, ...]
    entities: tuple[Entity, ...]
    is_masked: bool
    """Its text isn't what was said, so it can't be corrected."""
    correction: StoredAnnotation | None

    @property
    def text(self) -> str:
        """As a person corrected it, else as it was heard."""
        corrected = self.correction.correction.text if self.correction else None
        return self.segment.text if corrected is None else corrected

    @property
    def emotion(self) -> Emotion:
        """As a person corrected it, else as it was heard."""
        return (self.correction.correction.emotion if self.correction else None) or self.segment.emotion

    @property
    def language(self) -> Language:
        """As a person corrected it, else as it was heard."""
        return (self.correction.correction.language if self.correction else None) or self.segment.language

    @property
    def role(self) -> Role:
        """As a person corrected it, else as it was heard."""
        return (self.correction.correction.role if self.correction else None) or self.segment.role

    @property
    def probability(self) -> float:
        """Of the emotion that was heard."""
        return self.segment.emotion_distribution.get(self.segment.emotion, 0.0)

    @property
    def sureness(self) -> int:
        """The probability in steps of 1 to 4, for what is drawn without a script."""
        return min(4, 1 + int(self.probability * 4))


@dataclass(frozen=True, slots=True)
class Pause:
    """Nobody speaks."""

    event: Event


Line = Said | Pause


@dataclass(frozen=True, slots=True)
class CallView:
    """A call as its page shows it."""

    call: AnalysedCall
    lanes: tuple[Lane, ...]
    lines: tuple[Line, ...]

    @property
    def duration_ms(self) -> int:
        """Of the recording."""
        return self.call.analysis.hearing.audio.duration_ms

    @property
    def name(self) -> str:
        """What people call it: telephony's number, else the name of its file."""
        metadata = self.call.metadata
        return metadata.call_id or metadata.extra.get("file_name") or self.call.ref.key.rsplit("/", 1)[-1]

    @property
    def languages(self) -> tuple[Language, ...]:
        """That are spoken, the most frequent first."""
        spoken: dict[Language, int] = {}
        for segment in self.call.analysis.hearing.segments:
            if segment.language is not Language.NOSPEECH:
                spoken[segment.language] = spoken.get(segment.language, 0) + segment.interval.duration_ms
        return tuple(sorted(spoken, key=spoken.__getitem__, reverse=True))

    @property
    def anger(self) -> int:
        """How many segments sound angry."""
        return sum(isinstance(line, Said) and line.emotion is Emotion.ANGRY for line in self.lines)

    @property
    def sounds(self) -> tuple[Event, ...]:
        """What is marked beside what is said, ascending by start."""
        return tuple(event for event in self.call.analysis.meaning.events if event.kind is not EventKind.SPEECH)


def view_call(call: AnalysedCall, annotations: Iterable[StoredAnnotation] = (), *, clear: bool = False) -> CallView:
    """
    Return how a call is shown.

    Parameters
    ----------
    call : AnalysedCall
        Masked already, unless ``clear``.
    annotations : iterable of StoredAnnotation
        Of this call; one that fits no segment isn't shown.
    clear : bool
        Texts are as they were said.
    """
    segments = call.analysis.hearing.segments
    lanes = _lanes(call)
    lane_of = _lane_finder(lanes)
    events = call.analysis.meaning.events
    owned = _events_of_segments(segments, events)
    entities: dict[int, list[Entity]] = {}
    for entity in call.analysis.meaning.entities:
        entities.setdefault(entity.segment_no, []).append(entity)
    corrections = {(one.correction.channel, one.correction.start_ms, one.correction.end_ms): one for one in annotations}
    pauses = [event for event in events if event.kind in _PAUSES]
    lines: list[Line] = []
    speaks: int | None = None
    for number, segment in enumerate(segments):
        while pauses and pauses[0].start_ms <= segment.start_ms:
            lines.append(Pause(pauses.pop(0)))
        lane = lane_of[segment.channel, segment.role]
        said = Said(
            number=number,
            segment=segment,
            lane=lane,
            opens=lane != speaks,
            events=tuple(owned.get(number, ())),
            entities=tuple(entities.get(number, ())),
            is_masked=number in entities and not clear,
            correction=corrections.get((segment.channel, segment.start_ms, segment.end_ms)),
        )
        lines.append(said)
        speaks = lane
    lines += map(Pause, pauses)
    return CallView(call, lanes, tuple(lines))


def script_data(view: CallView) -> dict[str, Any]:
    """Return what the timeline is drawn from: times and feelings, not a word of what was said."""
    lane_of = _lane_finder(view.lanes)
    return {
        "id": view.call.recording_id,
        "duration_ms": view.duration_ms,
        "emotions": list(EMOTIONS),
        "lanes": [{"channel": lane.channel, "role": lane.role, "whole": lane.has_channel} for lane in view.lanes],
        "segments": [
            [
                line.segment.start_ms,
                line.segment.end_ms,
                line.lane,
                EMOTIONS.index(line.emotion),
                [round(line.segment.emotion_distribution.get(one, 0.0) * _PER_MILLE) for one in EMOTIONS],
                line.number,
            ]
            for line in view.lines
            if isinstance(line, Said)
        ],
        "events": [
            [
                event.kind,
                None if event.channel is None else lane_of.get((event.channel, event.owner), event.channel),
                event.start_ms,
                event.end_ms,
                event.owner,
            ]
            for event in view.sounds
        ],
        "findings": [
            [finding.severity, finding.rule, finding.start_ms, finding.end_ms]
            for finding in view.call.analysis.meaning.findings
        ],
    }


def word_places(call: AnalysedCall) -> dict[int, list[int]]:
    """
    Return where each word stands in its segment's text, and when it is said.

    Returns
    -------
    dict
        By the number of the segment, for those that have words: first character, character after the last one,
        start and end in ms, word after word.
    """
    places: dict[int, list[int]] = {}
    for number, segment in enumerate(call.analysis.hearing.segments):
        if segment.words:
            places[number] = _places(segment.text, segment.words)
    return places


def _places(text: str, words: Sequence[Word]) -> list[int]:
    found: list[int] = []
    cursor = 0
    for word in words:
        at = text.find(word.text, cursor)
        if at < 0:
            # Written otherwise than heard, as numbers are: its neighbours have their places still.
            continue
        cursor = at + len(word.text)
        found += (at, cursor, word.start_ms, word.end_ms)
    return found


def _lanes(call: AnalysedCall) -> tuple[Lane, ...]:
    hearing = call.analysis.hearing
    channels = 1 if hearing.audio.dual_mono else hearing.audio.channels
    told = call.metadata.channel_roles
    by_party: dict[tuple[int, Role], list[Segment]] = {}
    for segment in hearing.segments:
        by_party.setdefault((segment.channel, segment.role), []).append(segment)
    silent = set(range(channels)) - {channel for channel, _ in by_party}
    # A party that says nothing is worth a lane; a channel of nobody is not, where others speak.
    by_party |= {(channel, told[channel]): [] for channel in silent if channel < len(told)}
    if not by_party:
        by_party = {(channel, Role.UNKNOWN): [] for channel in silent}
    ordered = sorted(by_party, key=lambda party: (_ROLE_ORDER.index(party[1]), party[0]))
    shared = [channel for channel, _ in ordered]
    return tuple(
        Lane(
            channel=channel,
            role=role,
            has_channel=shared.count(channel) == 1,
            speech_ms=sum(segment.interval.duration_ms for segment in by_party[channel, role] if segment.is_speech),
            feelings=_feelings([segment for segment in by_party[channel, role] if segment.is_speech]),
        )
        for channel, role in ordered
    )


def _feelings(segments: Sequence[Segment]) -> tuple[Feeling, ...]:
    weights = dict.fromkeys(EMOTIONS, 0.0)
    for segment in segments:
        for emotion, share in segment.emotion_distribution.items():
            weights[emotion] += share * segment.interval.duration_ms
    whole = sum(weights.values())
    feelings = [Feeling(emotion, weight / whole) for emotion, weight in weights.items() if weight * 100 >= whole > 0]
    return tuple(sorted(feelings, key=lambda feeling: -feeling.share))


def _lane_finder(lanes: Sequence[Lane]) -> Mapping[tuple[int, Role], int]:
    return {(lane.channel, lane.role): number for number, lane in enumerate(lanes)}


def _events_of_segments(segments: Sequence[Segment], events: Iterable[Event]) -> dict[int, list[Event]]:
    """Give each event to the segment that it is heard in most; of several, to the one that begins last."""
    owned: dict[int, list[Event]] = {}
    starts_ms = [segment.start_ms for segment in segments]
    longest_ms = max((segment.interval.duration_ms for segment in segments), default=0)
    for event in events:
        if event.kind in _PAUSES or event.kind is EventKind.SPEECH:
            continue
        best, best_ms = None, 0
        first = bisect_left(starts_ms, event.start_ms - longest_ms)
        for number in range(first, bisect_left(starts_ms, event.end_ms)):
            segment = segments[number]
            common_ms = min(segment.end_ms, event.end_ms) - max(segment.start_ms, event.start_ms)
            if (event.channel is None or event.channel == segment.channel) and common_ms > 0 and common_ms >= best_ms:
                best, best_ms = number, common_ms
        if best is not None:
            owned.setdefault(best, []).append(event)
    return owned
