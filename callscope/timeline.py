"""Time in a call: half-open intervals of integer milliseconds, and their algebra."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A half-open stretch ``[start_ms, end_ms)`` of a call, counted from its first sample."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms <= self.end_ms:
            msg = f"an interval runs forward from 0, not from {self.start_ms} to {self.end_ms} ms"
            raise ValueError(msg)

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds, 0 or more."""
        return self.end_ms - self.start_ms

    def overlap_ms(self, other: Interval) -> int:
        """Return how long both intervals last at once, in milliseconds; 0 when they don't meet."""
        return max(0, min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms))


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the covered time as disjoint, ascending intervals; touching ones are joined, empty ones dropped."""
    joined: list[Interval] = []
    # By start alone: a dataclass compares itself in six times the time, and the longer of two goes on in any order.
    for interval in sorted(intervals, key=attrgetter("start_ms")):
        if interval.duration_ms == 0:
            continue
        if joined and interval.start_ms <= joined[-1].end_ms:
            if interval.end_ms > joined[-1].end_ms:
                joined[-1] = Interval(joined[-1].start_ms, interval.end_ms)
        else:
            joined.append(interval)
    return joined


def gaps(intervals: Iterable[Interval], *, within: Interval) -> list[Interval]:
    """Return the stretches of ``within`` that no interval covers, disjoint and ascending, none empty."""
    free: list[Interval] = []
    cursor_ms = within.start_ms
    for interval in union(intervals):
        if interval.end_ms <= cursor_ms:
            continue
        if interval.start_ms >= within.end_ms:
            break
        if interval.start_ms > cursor_ms:
            free.append(Interval(cursor_ms, interval.start_ms))
        cursor_ms = interval.end_ms
    if cursor_ms < within.end_ms:
        free.append(Interval(cursor_ms, within.end_ms))
    return free


def intersection(first: Iterable[Interval], second: Iterable[Interval]) -> list[Interval]:
    """Return the time that both sets cover, as disjoint, ascending intervals, none empty."""
    common: list[Interval] = []
    left, right = union(first), union(second)
    i = j = 0
    while i < len(left) and j < len(right):
        start_ms = max(left[i].start_ms, right[j].start_ms)
        end_ms = min(left[i].end_ms, right[j].end_ms)
        if start_ms < end_ms:
            common.append(Interval(start_ms, end_ms))
        if left[i].end_ms <= right[j].end_ms:
            i += 1
        else:
            j += 1
    return common
