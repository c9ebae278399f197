"""When a stretch of a segment's text was said."""

from __future__ import annotations

from callscope.calls import Segment, Word
from callscope.timeline import Interval

_REACH = 8
"""Characters of the text that may stand between two words, such as marks that no word carries."""


class SegmentClock:
    """
    Tells when characters of a segment's text were said.

    Parameters
    ----------
    segment : Segment
        Its words may lack marks, letters, or be missing altogether: what no word covers is placed by its share of
        the text, as if it were spoken evenly.
    """

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self._covered = _cover(segment.text, segment.words)

    def interval(self, start: int, end: int) -> Interval:
        """
        Return when the characters from ``start`` up to ``end`` were said.

        Parameters
        ----------
        start, end : int
            ``0 <= start < end <= len(text)``.

        Returns
        -------
        Interval
            Within the segment.
        """
        start_ms, end_ms = self._start_ms(start), self._end_ms(end)
        return Interval(min(start_ms, end_ms), max(start_ms, end_ms))

    def _start_ms(self, place: int) -> int:
        for first, last, word in self._covered:
            if first <= place < last:
                return self._within(word.start_ms + (word.end_ms - word.start_ms) * (place - first) // (last - first))
        return self._evenly(place)

    def _end_ms(self, place: int) -> int:
        for first, last, word in self._covered:
            if first < place <= last:
                return self._within(word.start_ms + (word.end_ms - word.start_ms) * (place - first) // (last - first))
        return self._evenly(place)

    def _evenly(self, place: int) -> int:
        segment = self._segment
        return segment.start_ms + (segment.end_ms - segment.start_ms) * place // len(segment.text)

    def _within(self, time_ms: int) -> int:
        return min(max(time_ms, self._segment.start_ms), self._segment.end_ms)


def _cover(text: str, words: tuple[Word, ...]) -> list[tuple[int, int, Word]]:
    """Return the stretches of a text that are words of it, ascending."""
    covered, place = list[tuple[int, int, Word]](), 0
    for word in words:
        # A mark that is the word's own may be missing in the text, and the other way round.
        said = word.text if word.text in text else word.text.rstrip(",.;:!?，。、；：！？…")
        found = text.find(said, place, place + len(said) + _REACH) if said else -1
        if found >= 0:
            place = found + len(said)
            covered.append((found, place, word))
    return covered
