"""Where items wait for a batch: by length, so that likes travel together, and by arrival, so that none is forgotten."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from math import inf
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """An item that waits, and the promise of its result."""

    item: Any
    frames: int
    """Length of the item: what it costs."""
    number: int
    """Counts the items up as they come."""
    arrived_ms: int
    future: Future[Any]


class Pool:
    """
    Tickets that wait. Adding, finding and removing one costs a binary search, whatever waits; not safe for threads.

    Whoever removes a ticket answers for its future.
    """

    def __init__(self) -> None:
        self.frames = 0
        """Of everything that waits."""
        self.latest_ms = 0
        """When the last ticket came, be it still here or not."""
        self._by_length: list[tuple[int, int]] = []
        self._by_arrival: OrderedDict[int, Ticket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_length)

    @property
    def oldest(self) -> Ticket:
        """The ticket that has waited longest; the pool isn't empty."""
        return next(iter(self._by_arrival.values()))

    def add(self, ticket: Ticket) -> None:
        """Take a ticket in."""
        insort(self._by_length, (ticket.frames, ticket.number))
        self._by_arrival[ticket.number] = ticket
        self.frames += ticket.frames
        self.latest_ms = ticket.arrived_ms

    def discard(self, frames: int, number: int) -> bool:
        """Remove the ticket of this length and number; return whether it was still here."""
        if self._by_arrival.pop(number, None) is None:
            return False
        del self._by_length[bisect_left(self._by_length, (frames, number))]
        self.frames -= frames
        return True

    def clear(self) -> list[Ticket]:
        """Remove all tickets and return them."""
        tickets = list(self._by_arrival.values())
        self._by_length.clear()
        self._by_arrival.clear()
        self.frames = 0
        return tickets

    def take(self, *, limit_frames: int, max_padding: float) -> list[Ticket]:
        """
        Remove and return a batch: the oldest ticket and the neighbours in length that fit to it.

        Parameters
        ----------
        limit_frames : int
            Most frames of the batch, each ticket counted as long as the longest. One that is longer goes alone.
        max_padding : float >= 1
            Most frames of the batch, counted so, over its useful ones.

        Returns
        -------
        list of Ticket
            Shortest first, never empty.
        """
        lengths = self._by_length
        oldest = self.oldest
        first = bisect_left(lengths, (oldest.frames, oldest.number))
        end = first + 1
        useful = longest = oldest.frames

        def waste_with(length: int) -> float:
            """Return the padding of a batch with one more of this length; infinite when it doesn't fit."""
            padded = (end - first + 1) * max(longest, length)
            fits = padded <= min(limit_frames, max_padding * (useful + length))
            return padded - useful - length if fits else inf

        while True:
            shorter = waste_with(lengths[first - 1][0]) if first else inf
            longer = waste_with(lengths[end][0]) if end < len(lengths) else inf
            if min(shorter, longer) == inf:
                break
            if longer <= shorter:
                longest = lengths[end][0]
                useful += longest
                end += 1
            else:
                first -= 1
                useful += lengths[first][0]
        batch = [self._by_arrival.pop(number) for _, number in lengths[first:end]]
        del lengths[first:end]
        self.frames -= useful
        return batch
