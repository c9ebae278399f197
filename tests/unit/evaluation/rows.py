"""What was heard, and observations, in the few words that a test needs."""

from __future__ import annotations

from collections.abc import Mapping

from callscope.calls import Emotion, Event, EventKind, Language, Origin, Role
from callscope.evaluation.observe import EmotionPair, Observation, Region
from callscope.timeline import Interval


def region(
    start_ms: int,
    end_ms: int,
    text: str = "",
    *,
    channel: int = 0,
    role: Role = Role.AGENT,
    language: Language = Language.ZH,
    emotions: Mapping[Emotion, float] | None = None,
    event: EventKind = EventKind.SPEECH,
    is_speech: bool = True,
) -> Region:
    return Region(
        channel=channel,
        role=role,
        interval=Interval(start_ms, end_ms),
        text=text,
        language=language,
        emotion_distribution=emotions or {Emotion.NEUTRAL: 1.0},
        event=event,
        is_speech=is_speech,
    )


def event(
    kind: EventKind, start_ms: int, end_ms: int, *, channel: int | None = None, owner: Role = Role.UNKNOWN
) -> Event:
    origin = Origin.MODEL if channel is not None else Origin.DERIVED
    return Event(kind, origin, channel, owner, start_ms, end_ms, 1.0)


def felt(expected: Emotion, heard: Emotion, probability: float = 1.0, *, anger: float | None = None) -> EmotionPair:
    """Return a pair whose tag has a probability; the rest is another emotion's, or anger's."""
    rest = Emotion.OTHER if heard is not Emotion.OTHER else Emotion.NEUTRAL
    distribution = {heard: probability, rest: 1 - probability}
    if anger is not None:
        distribution[Emotion.ANGRY] = anger
    return EmotionPair(None, expected, distribution)


def feelings(*pairs: EmotionPair) -> Observation:
    return Observation(duration_ms=1_000, is_call=False, emotions=pairs)
