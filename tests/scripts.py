"""Calls whose truth is known because they are written down: timelines, not sound."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from callscope.calls import AudioFacts, Emotion, EventKind, Hearing, Language, Role, Segment, Word

_Kind = TypeVar("_Kind")

_WORD = re.compile(r"(?:[!-~]+|\S)[^\w\s]*")
"""As the recogniser has it: a run of narrow letters, or one wide letter, with the marks that follow."""


class Line(NamedTuple):
    """One region: who sounds from when to when, what is said, and how. Without a text it is a sound, no speech."""

    who: str
    """``agent``, ``customer``, or ``unknown``: a stranger, alone on the only channel."""
    start_ms: int
    end_ms: int
    text: str = ""
    emotion: str = "NEUTRAL"
    event: str = "SPEECH"
    emotion_probability: float = 0.9
    event_probability: float = 0.9
    pitch_hz: float | None = None
    pitch_slope_st_s: float | None = None
    level_slope_db_s: float | None = None
    loudness_dbfs: float = -20.0


Row = Line | tuple[str, int, int] | tuple[str, int, int, str] | tuple[str, int, int, str, str]
"""What a script consists of: a plain tuple is the beginning of a `Line`."""

CHANNELS = {"agent": 0, "customer": 1, "unknown": 0}


def play(script: Iterable[Row], *, language: Language = Language.ZH) -> tuple[Segment, ...]:
    """Return a script's segments, ascending by start, then channel; the words of each share its time evenly."""
    segments = (_segment(Line(*row), language) for row in script)
    return tuple(sorted(segments, key=lambda segment: (segment.start_ms, segment.channel, segment.end_ms)))


def hear(script: Iterable[Row], *, duration_ms: int | None = None, language: Language = Language.ZH) -> Hearing:
    """Return what a worker would send of a script; the call ends with its last region unless told otherwise."""
    segments = play(script, language=language)
    length_ms = max((segment.end_ms for segment in segments), default=0) if duration_ms is None else duration_ms
    channels = 1 + max((segment.channel for segment in segments), default=0)
    return Hearing(
        checkpoint="scripted-00000000",
        engine="scripted",
        device="cpu",
        audio=AudioFacts("wav", "pcm_mulaw", 8_000, channels, length_ms, truncated=False, dual_mono=False),
        segments=segments,
        timings_ms={"fetch": 1, "decode": 1, "detect": 1, "transcribe": 1, "measure": 1},
    )


def spread(text: str, *, start_ms: int, end_ms: int) -> tuple[Word, ...]:
    """Return the words of a text, each with an equal part of the time, without gaps."""
    found: Sequence[str] = _WORD.findall(text)
    bounds_ms = [start_ms + (end_ms - start_ms) * i // max(1, len(found)) for i in range(len(found) + 1)]
    return tuple(Word(word, bounds_ms[i], bounds_ms[i + 1]) for i, word in enumerate(found))


def _segment(line: Line, language: Language) -> Segment:
    emotion, event = Emotion(line.emotion), EventKind(line.event)
    return Segment(
        channel=CHANNELS[line.who],
        role=Role(line.who),
        start_ms=line.start_ms,
        end_ms=line.end_ms,
        text=line.text,
        language=language if line.text else Language.NOSPEECH,
        emotion=emotion,
        emotion_distribution=_distribution(emotion, line.emotion_probability, Emotion.OTHER, Emotion.NEUTRAL),
        event=event,
        event_probability=line.event_probability,
        words=spread(line.text, start_ms=line.start_ms, end_ms=line.end_ms),
        loudness_dbfs=line.loudness_dbfs,
        is_speech=bool(line.text),
        event_distribution=_distribution(event, line.event_probability, EventKind.EVENT_UNK, EventKind.SPEECH),
        pitch_hz=line.pitch_hz,
        pitch_slope_st_s=line.pitch_slope_st_s,
        level_slope_db_s=line.level_slope_db_s,
    )


def _distribution(kind: _Kind, probability: float, *others: _Kind) -> dict[_Kind, float]:
    """Return a distribution over a kind and the first of the others that differs from it."""
    other = next(other for other in others if other != kind)
    return {kind: probability, other: 1 - probability}
