"""What a text names: order numbers, coupons, telephone, identity and card numbers, e-mail addresses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from callscope.calls import Entity, Segment
from callscope.meaning.entities.clock import SegmentClock
from callscope.meaning.entities.coupons import find_coupons
from callscope.meaning.entities.emails import find_emails
from callscope.meaning.entities.folding import fold
from callscope.meaning.entities.masking import mask
from callscope.meaning.entities.mention import Mention
from callscope.meaning.entities.numbers import find_numbers


def find_entities(segments: Sequence[Segment]) -> tuple[Entity, ...]:
    """
    Return what the segments name.

    Parameters
    ----------
    segments : sequence of Segment
        Of one call, ascending by start: a question in one tells what the number in the next is.

    Returns
    -------
    tuple of Entity
        Ascending by segment, then character; no two share a character. One that goes on in a later segment ends
        there in time, and in the characters of its first segment.
    """
    texts = [fold(segment.text) for segment in segments]
    mentions = [*find_numbers(segments, texts)]
    for number, text in enumerate(texts):
        if text:
            mentions += find_coupons(text, number)
            mentions += find_emails(texts, number)
    return tuple(_told(mention, segments) for mention in _without_rivals(mentions))


def _without_rivals(mentions: Iterable[Mention]) -> Iterator[Mention]:
    """Yield the most probable mention of each stretch of text, in order; of equally probable ones the longer."""
    kept: dict[int, list[Mention]] = {}
    for mention in sorted(mentions, key=lambda mention: (-mention.probability, mention.start - mention.end)):
        in_segment = kept.setdefault(mention.segment_no, [])
        if not any(mention.start < other.end and other.start < mention.end for other in in_segment):
            in_segment.append(mention)
    for number in sorted(kept):
        yield from sorted(kept[number], key=lambda mention: mention.start)


def _told(mention: Mention, segments: Sequence[Segment]) -> Entity:
    interval = SegmentClock(segments[mention.segment_no]).interval(mention.start, mention.end)
    end_ms = interval.end_ms
    if mention.last_segment_no != mention.segment_no:
        end_ms = SegmentClock(segments[mention.last_segment_no]).interval(0, mention.last_end).end_ms
    return Entity(
        segment_no=mention.segment_no,
        kind=mention.kind,
        value=mention.value,
        masked_value=mask(mention.kind, mention.value),
        start_char=mention.start,
        end_char=mention.end,
        start_ms=interval.start_ms,
        end_ms=end_ms,
        probability=round(mention.probability, 3),
    )
