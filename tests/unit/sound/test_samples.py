"""What decoding does to samples, and what it costs: 16 bits and less pass as they are, an hour is in memory once."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from callscope.ports import SAMPLE_RATE_HZ
from callscope.sound.audio import Audio, AudioLimits, decode
from tests.encoding import encode
from tests.poison import wav_bytes
from tests.unit.sound.signals import as_wave, chirp, noise

pytestmark = pytest.mark.unit


def read(path: Path) -> Audio:
    return decode(path, limits=AudioLimits(max_duration_ms=60_000))


def random_pcm(duration_ms: int, *, rate_hz: int, channels: int = 2) -> NDArray[np.int16]:
    """Return every value that int16 can hold, somewhere, shape (channels, n)."""
    random = np.random.default_rng(3)
    return random.integers(-32_768, 32_768, (channels, duration_ms * rate_hz // 1000)).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize(
    ("suffix", "muxer", "encoder"),
    [
        ("wav", "wav", "pcm_s16le"),
        ("flac", "flac", "flac"),
        ("aiff", "aiff", "pcm_s16be"),
        ("mka", "matroska", "pcm_s16le"),
        ("m4a", "ipod", "alac"),
    ],
)
def test_sixteen_bits_arrive_as_they_were(tmp_path: Path, suffix: str, muxer: str, encoder: str, rate_hz: int) -> None:
    pcm = random_pcm(5_000, rate_hz=rate_hz)
    wave = pcm.astype(np.float32) / np.float32(32_768)
    audio = read(encode(tmp_path / f"call.{suffix}", wave, rate_hz=rate_hz, container=muxer, codec=encoder))
    assert [channel.sample_rate_hz for channel in audio.channels] == [rate_hz] * 2
    np.testing.assert_array_equal([channel.samples for channel in audio.channels], pcm)


@pytest.mark.parametrize("streamed", [False, True])
def test_eight_bits_of_g711_are_its_own_table(tmp_path: Path, *, streamed: bool) -> None:
    codes = np.tile(np.arange(256, dtype=np.uint8), 8)
    sign, exponent, mantissa = ~codes & 0x80, (~codes >> 4) & 7, (~codes & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    path = tmp_path / ("call.ulaw" if streamed else "call.wav")
    path.write_bytes(codes.tobytes() if streamed else wav_bytes(codes.tobytes(), tag=7, rate_hz=8_000, bits=8))
    (channel,) = read(path).channels
    np.testing.assert_array_equal(channel.samples, np.where(sign, -magnitude, magnitude))


@pytest.mark.parametrize("muxer", ["wav", "matroska"])
def test_eight_bits_of_pcm_are_the_upper_half(tmp_path: Path, muxer: str) -> None:
    upper = np.tile(np.arange(-128, 128), 8).astype(np.float32)[np.newaxis]
    path = encode(tmp_path / "call", upper / np.float32(128), rate_hz=8_000, container=muxer, codec="pcm_u8")
    (channel,) = read(path).channels
    np.testing.assert_array_equal(channel.samples, upper[0] * 256)


@pytest.mark.parametrize("codec", ["pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"])
@pytest.mark.parametrize("muxer", ["wav", "matroska"])
def test_more_than_sixteen_bits_are_rounded(tmp_path: Path, muxer: str, codec: str) -> None:
    wave = noise(1_000, dbfs=-20)[np.newaxis]
    path = encode(tmp_path / "call", wave, rate_hz=16_000, container=muxer, codec=codec)
    (channel,) = read(path).channels
    # A converter may itself have cut the 24th bit.
    np.testing.assert_allclose(channel.samples, wave[0] * 32_768, atol=0.505)


def test_another_rate_becomes_the_recognisers_own(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, chirp(2_000, rate_hz=44_100), 44_100, "PCM_16")
    (channel,) = read(path).channels
    assert (channel.sample_rate_hz, len(channel.samples)) == (SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ)
    inner = slice(800, -800)
    error = as_wave(channel)[inner] - chirp(2_000, rate_hz=SAMPLE_RATE_HZ)[inner]
    assert np.abs(error).max() < 0.003


@pytest.mark.parametrize(("suffix", "most"), [("wav", 1.05), ("flac", 1.05), ("ulaw", 1.2)])
def test_a_long_call_takes_little_more_memory_than_its_samples(tmp_path: Path, suffix: str, most: float) -> None:
    path = tmp_path / f"call.{suffix}"
    if suffix == "ulaw":  # a length that nothing tells
        path.write_bytes(bytes(8_000 * 900))
    else:
        soundfile.write(path, np.tile(random_pcm(1_000, rate_hz=8_000), 600).T, 8_000, "PCM_16")
    tracemalloc.start()
    try:
        audio = decode(path, limits=AudioLimits(max_duration_ms=3_600_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most * sum(channel.samples.nbytes for channel in audio.channels) + 1e6


def test_a_header_that_promises_hours_takes_no_more_than_the_cap(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(wav_bytes(bytes(16_000), rate_hz=8_000, announced_bytes=0x7000_0000))
    facts = read(path).facts
    assert (facts.duration_ms, facts.truncated) == (1_000, True)
