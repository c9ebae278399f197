"""What a WAV header announces."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from callscope.sound.wav import WavHeader, read_wav_header
from tests.poison import STREAMED, wav_bytes

pytestmark = pytest.mark.unit

FMT = struct.pack("<HHIIHH", 7, 2, 8_000, 16_000, 2, 8)


def read(folder: Path, content: bytes) -> WavHeader | None:
    (folder / "a.wav").write_bytes(content)
    return read_wav_header(folder / "a.wav")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + bytes(len(body) & 1)


def riff(*chunks: bytes, name: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body)) + body


def test_what_is_announced_counts_not_what_is_there(tmp_path: Path) -> None:
    header = read(tmp_path, riff(chunk(b"fmt ", FMT), chunk(b"data", bytes(100), size=160_000)))
    assert header == WavHeader(7, 2, 8_000, 16_000, 160_000)
    assert header.announced_ms == 10_000


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0x8000_0000, STREAMED - 36, STREAMED])
def test_a_streaming_writer_announces_nothing(tmp_path: Path, size: int) -> None:
    header = read(tmp_path, wav_bytes(bytes(100), announced_bytes=size))
    assert header is not None
    assert header.announced_ms is None


def test_chunks_of_odd_length_are_stepped_over(tmp_path: Path) -> None:
    header = read(tmp_path, riff(chunk(b"LIST", b"odd"), chunk(b"fmt ", FMT), chunk(b"data", bytes(16))))
    assert header is not None
    assert header.announced_ms == 1


def test_an_extensible_format_tells_the_inner_one(tmp_path: Path) -> None:
    fmt = struct.pack("<HHIIHHHHIH", 0xFFFE, 2, 8_000, 32_000, 4, 16, 22, 16, 3, 1) + bytes(14)
    header = read(tmp_path, riff(chunk(b"fmt ", fmt), chunk(b"data", bytes(16))))
    assert header is not None
    assert header.format_tag == 1


def test_rf64_tells_its_length_in_a_chunk_of_its_own(tmp_path: Path) -> None:
    long = chunk(b"ds64", struct.pack("<QQQI", 0, 48_000, 0, 0))
    header = read(tmp_path, riff(long, chunk(b"fmt ", FMT), chunk(b"data", bytes(16), size=STREAMED), name=b"RF64"))
    assert header is not None
    assert header.announced_ms == 3_000


def test_a_rate_of_no_bytes_a_second_tells_no_length(tmp_path: Path) -> None:
    header = read(tmp_path, riff(chunk(b"fmt ", FMT[:8] + bytes(4) + FMT[12:]), chunk(b"data", bytes(16))))
    assert header is not None
    assert header.announced_ms is None


@pytest.mark.parametrize(
    "content",
    [
        riff(),
        riff(chunk(b"fmt ", FMT)),
        riff(chunk(b"data", bytes(16)), chunk(b"fmt ", FMT)),
        riff(chunk(b"fmt ", FMT[:10]), chunk(b"data", bytes(16))),
        riff(*[chunk(b"junk", b"")] * 100, chunk(b"fmt ", FMT), chunk(b"data", bytes(16))),
    ],
)
def test_a_header_without_its_chunks_is_none(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) is None
