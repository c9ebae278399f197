"""The files that lie: each is a few bytes or a well-formed trap, and has one right answer."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from callscope.errors import (
    EmptyAudio,
    EmptyObject,
    InvalidSamples,
    SampleRateOutOfRange,
    TooLong,
    TooManyChannels,
    Undecodable,
    UnsupportedCodec,
)
from tests.encoding import encode

ANALYSED: Final = ""
"""Stands in place of an error's code where the file is odd but is analysed all the same."""

RATE_HZ: Final = 8_000
STREAMED: Final = 0xFFFF_FFFF
"""The data length that a writer to a pipe leaves."""

PCM, FLOAT, G729, NOBODYS = 0x0001, 0x0003, 0x0083, 0x1234


def build_poison_files(folder: Path) -> dict[str, str]:
    """
    Write every lying file into a folder.

    Parameters
    ----------
    folder : Path
        Is made when it isn't there.

    Returns
    -------
    dict of str to str
        The expected error code of each file name; `ANALYSED` for one that is merely odd.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, build) in _FILES.items():
        built = build(folder / name)
        if built is not None:
            (folder / name).write_bytes(built)
    return dict(EXPECTED_CODES)


def wav_bytes(
    data: bytes,
    *,
    tag: int = PCM,
    channels: int = 1,
    rate_hz: int = RATE_HZ,
    bits: int = 16,
    announced_bytes: int | None = None,
) -> bytes:
    """Return a WAV file whose header says what it is told to."""
    align = max(1, channels * bits // 8)
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * align, align, bits)
    size = len(data) if announced_bytes is None else announced_bytes
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tone(duration_ms: int = 3_000, *, channels: int = 1) -> NDArray[np.float32]:
    """Return a wavering tone, the same in all channels, shape (channels, n)."""
    time_s = np.arange(RATE_HZ * duration_ms // 1000) / RATE_HZ
    wave = 0.3 * np.sin(2 * np.pi * 440 * time_s) * np.sin(2 * np.pi * 3 * time_s)
    return np.tile(wave.astype(np.float32), (channels, 1))


def _pcm(*, channels: int = 1, duration_ms: int = 3_000) -> bytes:
    return (_tone(duration_ms, channels=channels).T * 32_767).astype("<i2").tobytes()


def _spoilt(value: float) -> bytes:
    wave = _tone()[0]
    wave[len(wave) // 2] = value
    return wav_bytes(wave.astype("<f4").tobytes(), tag=FLOAT, bits=32)


def _archive(_: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("call.wav", wav_bytes(_pcm()))
    return packed.getvalue()


def _noise_bytes(_: Path) -> bytes:
    return np.random.default_rng(7).bytes(20_000)


def _day_of_silence(path: Path) -> None:
    """Write 24 h in blocks: a few megabytes that unpack to gigabytes."""
    minute = np.zeros(60 * 4_000, np.int16)
    with soundfile.SoundFile(path, "w", 4_000, 1, "PCM_16", format="FLAC") as file:
        for _ in range(24 * 60):
            file.write(minute)


def _protected(path: Path) -> bytes:
    """Return an M4A whose sample entry says that it is encrypted."""
    whole = encode(path, _tone(), rate_hz=RATE_HZ, container="ipod", codec="aac").read_bytes()
    entry = whole.index(b"mp4a", whole.index(b"stsd"))
    return whole[:entry] + b"drms" + whole[entry + 4 :]


def _damaged_mp3(path: Path) -> bytes:
    """Return an MP3 with a hole in the middle and without its last third."""
    whole = bytearray(encode(path, _tone(20_000), rate_hz=RATE_HZ, container="mp3", codec="libmp3lame").read_bytes())
    hole = len(whole) // 3
    whole[hole : hole + 300] = b"\xa5" * 300
    return bytes(whole[: len(whole) * 2 // 3])


_S3_ERROR = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)

_Builder = Callable[[Path], bytes | None]
_FILES: Final[dict[str, tuple[str, _Builder]]] = {
    "zero-bytes.wav": (EmptyObject.code, lambda _: b""),
    "text.wav": (Undecodable.code, lambda _: "昨天的录音请见附件。\n".encode()),
    "html.mp3": (Undecodable.code, lambda _: b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>"),
    "s3-error.wav": (Undecodable.code, lambda _: _S3_ERROR),
    "archive.wav": (Undecodable.code, _archive),
    "random.wav": (Undecodable.code, _noise_bytes),
    "header-only.wav": (EmptyAudio.code, lambda _: wav_bytes(b"")),
    "one-sample.wav": (EmptyAudio.code, lambda _: wav_bytes(b"\x00\x10")),
    "under-a-frame.wav": (EmptyAudio.code, lambda _: wav_bytes(_pcm(duration_ms=24))),
    "truncated.wav": (ANALYSED, lambda _: wav_bytes(_pcm(), announced_bytes=10 * len(_pcm()))),
    "streamed.wav": (ANALYSED, lambda _: wav_bytes(_pcm(), announced_bytes=STREAMED)),
    "streamed-zero.wav": (ANALYSED, lambda _: wav_bytes(_pcm(), announced_bytes=0)),
    "damaged.mp3": (ANALYSED, _damaged_mp3),
    "one-hertz.wav": (SampleRateOutOfRange.code, lambda _: wav_bytes(_pcm(), rate_hz=1)),
    "no-hertz.wav": (SampleRateOutOfRange.code, lambda _: wav_bytes(_pcm(), rate_hz=0)),
    "channels-255.wav": (TooManyChannels.code, lambda _: wav_bytes(_pcm(channels=255), channels=255)),
    "nan.wav": (InvalidSamples.code, lambda _: _spoilt(float("nan"))),
    "infinite.wav": (InvalidSamples.code, lambda _: _spoilt(float("inf"))),
    # A decoder that follows one of these reads somebody else's recording.
    "ffconcat.wav": (Undecodable.code, lambda _: b"ffconcat version 1.0\nfile streamed.wav\n"),
    "playlist.wav": (Undecodable.code, lambda _: b"#EXTM3U\n#EXTINF:3,\nstreamed.wav\n#EXT-X-ENDLIST\n"),
    "day-of-silence.flac": (TooLong.code, _day_of_silence),
    "g729.wav": (UnsupportedCodec.code, lambda path: wav_bytes(_noise_bytes(path), tag=G729, bits=8)),
    "vendor-codec.wav": (UnsupportedCodec.code, lambda path: wav_bytes(_noise_bytes(path), tag=NOBODYS, bits=8)),
    "protected.m4a": (UnsupportedCodec.code, _protected),
}

EXPECTED_CODES: Final = {name: code for name, (code, _) in _FILES.items()}
