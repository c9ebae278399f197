"""Sighs: heard as a breath that fades, or said as a word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from callscope.calls import Emotion, Event, EventKind, Segment
from callscope.meaning.derived import derive_from
from callscope.meaning.phrases import SIGHS
from callscope.timeline import Interval

_BREATH_IS_SIGH = 0.8
"""Confidence of a sigh where a breath is certain: people also pant, and breathe into the microphone."""
_LONGEST_SAID_MS = 1_000
"""A sigh that is said sounds until the next word, but no longer than this."""
_PATTERNS = {
    language: [(re.compile(r"[\W_]*" + pattern), confidence) for pattern, confidence in sighs]
    for language, sighs in SIGHS.items()
}


class _Sigh(NamedTuple):
    when: Interval
    confidence: float


def find_sighs(
    segments: Sequence[Segment], *, min_breath_share: float = 0.3, max_breath_ms: int = 2_500
) -> list[Event]:
    """
    Return the sighs, at most one of each segment.

    Parameters
    ----------
    segments : sequence of Segment
        Of all channels.
    min_breath_share : float
        A breath is heard from this share of the event distribution on.
    max_breath_ms : int
        A breath in a longer segment is no sigh.

    Returns
    -------
    list of Event
        In the order of the segments. A sigh that is said lasts from its word to the next; one that is only heard has
        the times of its segment. Where both are found in one segment, they make each other surer.
    """
    events = []
    for segment in segments:
        heard = _heard(segment, min_breath_share, max_breath_ms)
        said = _said(segment)
        if heard and said:
            both = 1 - (1 - heard.confidence) * (1 - said.confidence)
            sigh: _Sigh | None = _Sigh(said.when, both)
        else:
            sigh = said or heard
        if sigh:
            events.append(derive_from(segment, EventKind.SIGH, sigh.when, confidence=sigh.confidence, whole_call=False))
    return events


def _heard(segment: Segment, min_share: float, max_ms: int) -> _Sigh | None:
    known = segment.event_probability if segment.event is EventKind.BREATH else 0.0
    share = max(known, segment.event_distribution.get(EventKind.BREATH, 0.0))
    fades = segment.level_slope_db_s is not None and segment.level_slope_db_s < 0
    is_breath = segment.event is EventKind.BREATH or share >= min_share
    is_short = 0 < segment.end_ms - segment.start_ms <= max_ms
    return _Sigh(segment.interval, _BREATH_IS_SIGH * share) if is_breath and fades and is_short else None


def _said(segment: Segment) -> _Sigh | None:
    # Who laughs or is glad says 哎 and 아이고 too.
    if not segment.text or segment.emotion is Emotion.HAPPY or segment.event is EventKind.LAUGHTER:
        return None
    text = segment.text.lower()
    for pattern, confidence in _PATTERNS.get(segment.language, ()):
        if found := pattern.match(text):
            return _Sigh(_time_of(segment, found.group()), confidence)
    return None


def _time_of(segment: Segment, beginning: str) -> Interval:
    """Return when the beginning of a segment's text is said: a word's own time is a mere peak of the recogniser's."""
    wanted = sum(letter.isalnum() for letter in beginning)
    reached = 0
    nexts_ms = [*(word.start_ms for word in segment.words[1:]), segment.end_ms]
    for word, next_ms in zip(segment.words, nexts_ms, strict=False):
        reached += sum(letter.isalnum() for letter in word.text)
        start_ms = segment.words[0].start_ms
        end_ms = max(word.end_ms, min(next_ms, start_ms + _LONGEST_SAID_MS))
        if reached >= wanted and end_ms > start_ms:
            return Interval(start_ms, end_ms)
    return Interval(segment.start_ms, min(segment.end_ms, segment.start_ms + _LONGEST_SAID_MS))
