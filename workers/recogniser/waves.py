"""From int16 at a channel's own rate to float32 at the recogniser's, batched and on any device."""

from __future__ import annotations

from dataclasses import dataclass

from callscope.ports import Channel, Samples


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """A stretch of a channel, in samples of the recogniser's rate, with what resampling needs around it."""

    samples: Samples
    """At ``sample_rate_hz``, context included; zeros beyond the channel's ends. May be a view of the channel."""
    sample_rate_hz: int
    length: int
    """Samples at the recogniser's rate, without the context."""


def excerpt(channel: Channel, start: int, end: int, *, least: int = 0) -> Excerpt:
    """Return the stretch [start, end) of a channel, in samples of `SAMPLE_RATE_HZ`."""
    raise NotImplementedError
