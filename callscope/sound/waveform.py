"""What a channel's sound looks like: its peaks, for people to see where something was said."""

from __future__ import annotations

import numpy as np

from callscope.ports import Channel

WAVEFORM_HOP_MS = 50
"""Of a peak. An hour has 72,000: more than a screen has columns, and no more than a small picture weighs."""

_FULL_SCALE = 1 << 15
_LARGEST = 255


def peaks(channel: Channel) -> bytes:
    """
    Return the peak of each `WAVEFORM_HOP_MS` of a channel, linear, a byte each: 255 is full scale.

    What is left at the end is a peak too, so a channel that has sound has one.
    """
    size = channel.sample_rate_hz * WAVEFORM_HOP_MS // 1000
    whole = len(channel.samples) // size * size
    windows, rest = channel.samples[:whole].reshape(-1, size), channel.samples[whole:]
    # The largest and the least apart: the absolute of -32,768 is none in 16 bits, and a copy of an hour is large.
    highest = np.maximum(
        windows.max(axis=1, initial=0).astype(np.int32), -windows.min(axis=1, initial=0).astype(np.int32)
    )
    if len(rest):
        highest = np.append(highest, max(int(rest.max()), -int(rest.min()), 0))
    scaled = np.minimum((highest * _LARGEST + _FULL_SCALE - 1) // _FULL_SCALE, _LARGEST)
    return bytes(scaled.astype(np.uint8))
