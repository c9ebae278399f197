"""Numbers that belong to people, hidden: what leaves callscope shows none unless asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from callscope.calls import AnalysedCall, Emotion, EventKind, Language, Role, Segment
from callscope.meaning.entities import find_entities

Span = tuple[int, int, str]
"""First character, character after the last one, and what is shown instead."""


def mask_text(text: str, spans: Iterable[Span]) -> str:
    """
    Return the text with each span replaced.

    Parameters
    ----------
    text : str
        What was said.
    spans : iterable of Span
        In any order. Where several overlap, no one's mask can be trusted to hide the other: stars stand for all.
    """
    masked, cursor = "", 0
    for start, end, shown in _joined(spans):
        masked += text[cursor:start] + shown
        cursor = end
    return masked + text[cursor:]


def masked(call: AnalysedCall) -> AnalysedCall:
    """
    Return the call without a value in clear, neither among its entities nor in what was said.

    A segment that names something has no words: each would show a digit, at its time.
    """
    spans = defaultdict[int, list[Span]](list)
    for entity in call.analysis.meaning.entities:
        spans[entity.segment_no].append((entity.start_char, entity.end_char, entity.masked_value))
    hearing, meaning = call.analysis.hearing, call.analysis.meaning
    segments = tuple(
        replace(segment, text=mask_text(segment.text, spans[number]), words=()) if number in spans else segment
        for number, segment in enumerate(hearing.segments)
    )
    entities = tuple(replace(entity, value=entity.masked_value) for entity in meaning.entities)
    return replace(
        call,
        analysis=replace(
            call.analysis,
            hearing=replace(hearing, segments=segments),
            meaning=replace(meaning, entities=entities),
        ),
    )


def masked_sentence(text: str) -> str:
    """Return a text that a person wrote, without the numbers that it names."""
    written = Segment(
        channel=0,
        role=Role.UNKNOWN,
        start_ms=0,
        end_ms=0,
        text=text,
        language=Language.NOSPEECH,
        emotion=Emotion.EMO_UNKNOWN,
        emotion_distribution={},
        event=EventKind.SPEECH,
        event_probability=1.0,
        words=(),
        loudness_dbfs=0.0,
        is_speech=True,
    )
    named = find_entities([written])
    return mask_text(text, [(entity.start_char, entity.end_char, entity.masked_value) for entity in named])


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end, shown in sorted(spans):
        if joined and start < joined[-1][1]:
            first, last = joined[-1][0], max(end, joined[-1][1])
            joined[-1] = (first, last, "*" * (last - first))
        else:
            joined.append((start, end, shown))
    return joined
