"""What the header of a WAV file announces; read here, because no decoder tells when the file holds less."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_RIFF_BYTES = 12
_CHUNK_BYTES = 8
_FMT_BYTES = 16
_MAX_CHUNKS = 64
_PLACEHOLDER_BYTES = 0x7FFF_0000
"""Writers to a pipe can't know the length: they leave 0, 0xFFFFFFFF or a number a little under 2 or 4 GiB."""

EXTENSIBLE = 0xFFFE
_INNER_TAG = slice(24, 26)
_BLOCK_SAMPLES = slice(18, 20)


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The ``fmt`` and ``data`` chunks."""

    format_tag: int
    """1 PCM, 3 float, 6 A-law, 7 mu-law, 0x31 GSM, 0x83 G.729, ...; of an extensible format, the inner one."""
    channels: int
    sample_rate_hz: int
    bytes_per_second: int
    announced_bytes: int | None
    """Length of the sound by the header; None where the writer streamed and couldn't know."""

    @property
    def announced_ms(self) -> int | None:
        """Length of the sound by the header, in milliseconds; None where it can't be known."""
        if self.announced_bytes is None or self.bytes_per_second == 0:
            return None
        return self.announced_bytes * 1000 // self.bytes_per_second


def read_wav_header(path: Path) -> WavHeader | None:
    """Return what a RIFF or RF64 file announces; None when there is no ``fmt`` chunk before the ``data`` chunk."""
    with path.open("rb") as file:
        file.seek(_RIFF_BYTES)
        fmt = b""
        long_bytes: int | None = None  # RF64 says it in a chunk of its own, and 0xFFFFFFFF in its place
        for _ in range(_MAX_CHUNKS):
            chunk = file.read(_CHUNK_BYTES)
            if len(chunk) < _CHUNK_BYTES:
                return None
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data":
                known = 0 < size < _PLACEHOLDER_BYTES
                return _header(fmt, size if known else long_bytes)
            if name == b"ds64":
                body = file.read(size)
                long_bytes = int.from_bytes(body[8:16], "little")
            elif name == b"fmt ":
                fmt = file.read(size)
            else:
                file.seek(size, 1)
            file.seek(size & 1, 1)
    return None


def _header(fmt: bytes, announced_bytes: int | None) -> WavHeader | None:
    if len(fmt) < _FMT_BYTES:
        return None
    tag, channels, rate_hz, bytes_per_second, block_bytes = struct.unpack_from("<HHIIH", fmt)
    samples_per_block = int.from_bytes(fmt[_BLOCK_SAMPLES], "little")
    if bytes_per_second == 0 and samples_per_block:  # FFmpeg leaves it out for ADPCM
        bytes_per_second = rate_hz * block_bytes // samples_per_block
    if tag == EXTENSIBLE:
        tag = int.from_bytes(fmt[_INNER_TAG], "little")
    return WavHeader(tag, channels, rate_hz, bytes_per_second, announced_bytes)
