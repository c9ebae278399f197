"""Where words and voice disagree: a flag for a person to look at, never a verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence

from callscope.calls import Emotion, Event, EventKind, Segment
from callscope.meaning.derived import derive_from
from callscope.meaning.phrases import HARSH_WORDS, KIND_WORDS

_MOST_SURE = 0.6
"""Thanks at the end of an angry sentence are mere politeness, and a recogniser of emotions errs."""
_KIND = {language: re.compile(words) for language, words in KIND_WORDS.items()}
_HARSH = {language: re.compile(words) for language, words in HARSH_WORDS.items()}


def find_conflicts(segments: Sequence[Segment], *, min_probability: float = 0.8) -> list[Event]:
    """
    Return where an angry voice says kind words and none harsh, or a happy one harsh words and none kind.

    Parameters
    ----------
    segments : sequence of Segment
        Of all channels.
    min_probability : float
        The voice is angry, or happy, with at least this probability.
    """
    return [
        derive_from(
            segment,
            EventKind.TEXT_VOICE_CONFLICT,
            segment.interval,
            confidence=_MOST_SURE * segment.emotion_distribution[segment.emotion],
            whole_call=False,
        )
        for segment in segments
        if segment.emotion in {Emotion.ANGRY, Emotion.HAPPY}
        and segment.emotion_distribution[segment.emotion] >= min_probability
        and _disagrees(segment)
    ]


def _disagrees(segment: Segment) -> bool:
    if segment.language not in _KIND:
        return False
    kind, harsh = _KIND[segment.language], _HARSH[segment.language]
    wrong, right = (kind, harsh) if segment.emotion is Emotion.ANGRY else (harsh, kind)
    text = segment.text.lower()
    return bool(wrong.search(text)) and not right.search(text)
