"""A call in the forms that OpenAI's clients read: times are float seconds there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from callscope.calls import AnalysedCall, Event, Language, Segment
from callscope.exports.voices import voice_of

LANGUAGE_NAMES = {
    Language.ZH: "chinese",
    Language.YUE: "cantonese",
    Language.EN: "english",
    Language.JA: "japanese",
    Language.KO: "korean",
}
"""As Whisper names them."""

_SPACED = {Language.EN, Language.KO}


def text_of(call: AnalysedCall) -> str:
    """Return what was said, in the order in which it was begun; a line a change of voice."""
    lines: list[tuple[int, str]] = []
    for segment in _spoken(call):
        if lines and lines[-1][0] == segment.channel:
            joint = " " if segment.language in _SPACED else ""
            lines[-1] = (segment.channel, lines[-1][1] + joint + segment.text)
        else:
            lines.append((segment.channel, segment.text))
    return "\n".join(text for _, text in lines)


def plain(call: AnalysedCall) -> dict[str, Any]:
    """Return the form ``json``."""
    return {"text": text_of(call), "usage": _usage(call)}


def verbose(call: AnalysedCall, *, with_words: bool) -> dict[str, Any]:
    """Return the form ``verbose_json``, with what callscope knows of each segment beside OpenAI's fields."""
    document: dict[str, Any] = {
        "task": "transcribe",
        "language": LANGUAGE_NAMES.get(_language(call), "chinese"),
        "duration": call.analysis.hearing.audio.duration_ms / 1_000,
        "text": text_of(call),
        "segments": [_segment(number, segment, call) for number, segment in _numbered(call)],
        "events": [_event(event) | {"channel": event.channel} for event in call.analysis.meaning.events],
        "usage": _usage(call),
    }
    if with_words:
        document["words"] = [
            {"word": word.text, "start": word.start_ms / 1_000, "end": word.end_ms / 1_000, "channel": segment.channel}
            for segment in _spoken(call)
            for word in segment.words
        ]
    return document


def diarized(call: AnalysedCall) -> dict[str, Any]:
    """Return the form ``diarized_json``."""
    return {
        "task": "transcribe",
        "duration": call.analysis.hearing.audio.duration_ms / 1_000,
        "text": text_of(call),
        "segments": list(_diarized_segments(call)),
        "usage": _usage(call),
    }


def text_events(call: AnalysedCall) -> Iterator[dict[str, Any]]:
    """Yield a stream's events: the transcript line by line, then whole."""
    text = text_of(call)
    for line in text.splitlines(keepends=True):
        yield {"type": "transcript.text.delta", "delta": line}
    yield {"type": "transcript.text.done", "text": text, "usage": _usage(call)}


def segment_events(call: AnalysedCall) -> Iterator[dict[str, Any]]:
    """Yield a stream's events: each segment with its speaker, then the whole text."""
    yield from _diarized_segments(call)
    yield {"type": "transcript.text.done", "text": text_of(call), "usage": _usage(call)}


def _diarized_segments(call: AnalysedCall) -> Iterator[dict[str, Any]]:
    for number, segment in _numbered(call):
        yield {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            "start": segment.start_ms / 1_000,
            "end": segment.end_ms / 1_000,
            "text": segment.text,
            "speaker": voice_of(segment.role, segment.channel),
            **_felt(segment, call),
        }


def _segment(number: int, segment: Segment, call: AnalysedCall) -> dict[str, Any]:
    return {
        "id": number,
        "seek": segment.start_ms // 10,
        "start": segment.start_ms / 1_000,
        "end": segment.end_ms / 1_000,
        "text": segment.text,
        "tokens": [],
        "temperature": 0.0,
        # CTC gives no such figures: these are what says "nothing is wrong" to who filters by them.
        "avg_logprob": 0.0,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
        **_felt(segment, call),
    }


def _felt(segment: Segment, call: AnalysedCall) -> dict[str, Any]:
    return {
        "channel": segment.channel,
        "role": segment.role.value,
        "language": segment.language.value,
        "emotion": {
            "label": segment.emotion.value,
            "probability": round(segment.emotion_distribution[segment.emotion], 4),
            "distribution": {kind.value: round(share, 4) for kind, share in segment.emotion_distribution.items()},
        },
        "events": [_event(event) for event in call.analysis.meaning.events if _touches(event, segment)],
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "start": event.start_ms / 1_000,
        "end": event.end_ms / 1_000,
        "probability": round(event.probability, 4),
    }


def _touches(event: Event, segment: Segment) -> bool:
    """Tell whether an event belongs to a segment: it overlaps it, on its channel or on none."""
    if event.channel is not None and event.channel != segment.channel:
        return False
    return event.start_ms < segment.end_ms and segment.start_ms < event.end_ms


def _numbered(call: AnalysedCall) -> Iterator[tuple[int, Segment]]:
    return ((number, one) for number, one in enumerate(call.analysis.hearing.segments) if one.is_speech)


def _spoken(call: AnalysedCall) -> Iterator[Segment]:
    return (segment for segment in call.analysis.hearing.segments if segment.is_speech and segment.text)


def _language(call: AnalysedCall) -> Language:
    """Return the language that most of the call is in, by time."""
    spoken: dict[Language, int] = {}
    for segment in _spoken(call):
        spoken[segment.language] = spoken.get(segment.language, 0) + segment.end_ms - segment.start_ms
    return max(spoken, key=spoken.__getitem__, default=Language.ZH)


def _usage(call: AnalysedCall) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(call.analysis.hearing.audio.duration_ms / 1_000)}
