"""Words that carry meaning, and how often they come with anger."""

from __future__ import annotations

from collections.abc import Sequence

from callscope.calls import Segment, WordCount


def count_words(segments: Sequence[Segment]) -> tuple[WordCount, ...]:
    """Return the call's most frequent words."""
    return ()
