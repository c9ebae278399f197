"""Recordings in every container and codec that can be written here."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]
"""Shape (channels, n), in [-1, 1]."""


def encode(
    path: Path,
    wave: Wave,
    *,
    rate_hz: int,
    container: str,
    codec: str,
    bit_rate: int | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """
    Write a recording with FFmpeg.

    Parameters
    ----------
    path : Path
        Where to.
    wave : array of float32, shape (1 or 2, n)
        At ``rate_hz``.
    rate_hz : int
        Which the codec must know.
    container, codec : str
        FFmpeg's names of muxer and encoder.
    bit_rate : int, optional
        Bits a second.
    options : dict, optional
        Of the muxer.
    """
    layout = "mono" if len(wave) == 1 else "stereo"
    with av.open(path, "w", format=container, options=options or {}) as output:
        # Experimental is what FFmpeg calls its own Vorbis encoder.
        stream = output.add_stream(codec, rate=rate_hz, layout=layout, options={"strict": "experimental"})
        assert isinstance(stream, av.AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        convert = av.AudioResampler(format=stream.format, layout=layout, rate=rate_hz)
        for start in range(0, wave.shape[1], rate_hz):
            block = np.ascontiguousarray(wave[:, start : start + rate_hz])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate = rate_hz
            frame.pts = start
            for converted in convert.resample(frame):
                output.mux(stream.encode(converted))
        output.mux(stream.encode(None))
    return path
