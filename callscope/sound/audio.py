"""Decode a recording into its channels, and say plainly what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from callscope.calls import AudioFacts
from callscope.errors import EmptyAudio, InvalidSamples, SampleRateOutOfRange, TooLong, TooManyChannels
from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel, Samples
from callscope.sound.readers import FULL_SCALE, Block, Stream, fits_sndfile, open_ffmpeg, open_sndfile
from callscope.sound.resample import Resampler, Wave
from callscope.sound.sniff import Container, sniff
from callscope.sound.wav import read_wav_header

MIN_DURATION_MS = 25
"""One frame of the recogniser; less can't be analysed."""

_TRUNCATED_MS = 100
"""Headers are off by an encoder's delay or a frame; more than this was cut off."""

_UNTOLD_MS = 600_000
"""Room for a recording whose header tells no length: most are shorter, and what isn't touched takes no memory."""
_OVERRUN_MS = 1_000
"""A codec fills its last frame, beyond the length in the header."""
_SPARE = 8
"""A channel that turns out longer grows by a part of so many."""

_TWIN_WINDOW_MS = 500
_TWIN_AUDIBLE_DBFS = -50.0
_TWIN_RESIDUAL_DB = -20.0
"""Above a lossy codec's difference between two equal channels, below that of a loud leg and its echo."""


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What a recording of a call may be; everything beyond is refused while it is being read."""

    max_duration_ms: int
    min_rate_hz: int = 4_000
    max_rate_hz: int = 192_000
    max_channels: int = 8


@dataclass(frozen=True, slots=True)
class Audio:
    """A decoded recording."""

    facts: AudioFacts
    channels: tuple[Channel, ...]
    """All of one length and rate; a single one when the file is dual-mono."""


def decode(path: Path, *, limits: AudioLimits) -> Audio:
    """
    Decode a recording, block by block, so that no file can fill the memory beyond the duration cap.

    Parameters
    ----------
    path : Path
        A file on this machine. Its bytes say what it is; its suffix counts for headerless formats alone
        (``.ulaw``, ``.alaw``, ``.sln``, ``.gsm``, ``.g722``).
    limits : AudioLimits
        What is refused.

    Returns
    -------
    Audio
        Facts of the file and its channels, int16 at 8 kHz where that is the file's rate, else at 16 kHz. 16 bits and
        less arrive as they were. Times are those of the file: a sample stays where it was to the millisecond, and
        sound that is missing inside is silence.

    Raises
    ------
    EmptyObject, EmptyAudio
        No bytes; no sound, or less than `MIN_DURATION_MS` of it.
    Undecodable, UnsupportedCodec
        No recording; a recording without a decoder.
    SampleRateOutOfRange, TooManyChannels, TooLong
        Beyond the limits.
    InvalidSamples
        Samples that are not numbers, or infinite.
    """
    container = sniff(path)
    if container.name == "wav" and (header := read_wav_header(path)):
        # The header alone can be refused: decoders raise errors of their own on a rate of 0.
        _check_shape(path, header.sample_rate_hz, header.channels, limits)
    if fits_sndfile(container, path):
        try:
            with open_sndfile(container, path) as stream:
                return _collect(path, container, stream, limits)
        except soundfile.SoundFileError:
            pass  # FFmpeg decodes packet by packet and gets more out of a damaged file, or names the fault
    with open_ffmpeg(container, path) as stream:
        return _collect(path, container, stream, limits)


def _collect(path: Path, container: Container, stream: Stream, limits: AudioLimits) -> Audio:
    rate_hz = stream.sample_rate_hz
    _check_shape(path, rate_hz, stream.channels, limits)
    announced_ms = stream.announced_ms if stream.announced_ms is not None else _UNTOLD_MS
    expected_ms = min(max(0, announced_ms), limits.max_duration_ms)
    tracks = [_Track(rate_hz, expected_ms=expected_ms) for _ in range(stream.channels)]
    taken = 0
    for block in stream.blocks:
        taken += block.shape[1]
        if taken * 1000 > limits.max_duration_ms * rate_hz:
            raise TooLong(f"{path.name} is longer than {limits.max_duration_ms / 60_000:g} minutes")
        if block.dtype == np.float32 and not np.isfinite(block).all():
            raise InvalidSamples(
                f"{path.name} holds samples that are no numbers",
                why=f"infinite or NaN, within {(taken - block.shape[1]) * 1000 // rate_hz} ms "
                f"to {taken * 1000 // rate_hz} ms",
            )
        for track, samples in zip(tracks, block, strict=True):
            track.push(samples)
    if taken * 1000 < MIN_DURATION_MS * rate_hz:
        raise EmptyAudio(
            f"{path.name} holds {taken * 1000 / rate_hz:g} ms of sound", why=f"at least {MIN_DURATION_MS} ms are needed"
        )
    channels = tuple(track.finish() for track in tracks)
    duration_ms = channels[0].duration_ms
    dual_mono = len(channels) > 1 and all(_are_twins(channels[0], other) for other in channels[1:])
    facts = AudioFacts(
        container=container.name,
        codec=stream.codec,
        sample_rate_hz=rate_hz,
        channels=stream.channels,
        duration_ms=duration_ms,
        truncated=stream.announced_ms is not None and stream.announced_ms - duration_ms > _TRUNCATED_MS,
        dual_mono=dual_mono,
    )
    return Audio(facts, channels[:1] if dual_mono else channels)


class _Track:
    """
    One channel while it is read.

    Its int16 samples gather in one array, laid out at once by the length in the header: a list of blocks would have
    to be joined, and an hour is then in memory twice. What the file lacks of that length is never touched, so that it
    takes no memory.
    """

    def __init__(self, sample_rate_hz: int, *, expected_ms: int) -> None:
        keeps_rate = sample_rate_hz in {NARROWBAND_HZ, SAMPLE_RATE_HZ}
        self._resampler = None if keeps_rate else Resampler(sample_rate_hz)
        self._rate_hz = sample_rate_hz if keeps_rate else SAMPLE_RATE_HZ
        self._samples: Samples = np.empty((expected_ms + _OVERRUN_MS) * self._rate_hz // 1000, np.int16)
        self._filled = 0

    def push(self, samples: Block) -> None:
        self._append(samples if self._resampler is None else self._resampler.push(_as_wave(samples)))

    def finish(self) -> Channel:
        if self._resampler is not None:
            self._append(self._resampler.finish())
        return Channel(self._samples[: self._filled], self._rate_hz)

    def _append(self, samples: Block) -> None:
        end = self._filled + len(samples)
        if end > len(self._samples):
            self._samples.resize(end + end // _SPARE, refcheck=False)  # nobody has a view of it yet
        self._samples[self._filled : end] = _as_pcm(samples)
        self._filled = end


def _as_wave(samples: Block) -> Wave:
    """Return samples as float32 of full scale 1."""
    wave: Wave = samples.astype(np.float32, copy=False)
    return wave * np.float32(1 / FULL_SCALE) if samples.dtype == np.int16 else wave


def _as_pcm(samples: Block) -> Samples:
    """Return samples as int16; floats are rounded, and clipped at full scale."""
    if samples.dtype != np.int16:
        samples = samples * np.float32(FULL_SCALE)
        np.rint(samples, out=samples)
        np.clip(samples, -FULL_SCALE, FULL_SCALE - 1, out=samples)
    return samples.astype(np.int16, copy=False)


def _check_shape(path: Path, sample_rate_hz: int, channels: int, limits: AudioLimits) -> None:
    if not limits.min_rate_hz <= sample_rate_hz <= limits.max_rate_hz:
        raise SampleRateOutOfRange(
            f"{path.name} says that it has {sample_rate_hz} samples a second",
            why=f"{limits.min_rate_hz} to {limits.max_rate_hz} Hz are read",
        )
    if channels > limits.max_channels:
        raise TooManyChannels(f"{path.name} has {channels} channels", why=f"at most {limits.max_channels} are read")


def _are_twins(first: Channel, second: Channel) -> bool:
    """
    Tell whether two channels carry the same signal, give or take a lossy codec's noise.

    The difference is held against the louder channel in every audible window, not over the whole call: a single
    sentence that only one channel has makes them two parties, however long the music that both share.
    """
    window = first.sample_rate_hz * _TWIN_WINDOW_MS // 1000
    audible = 10 ** (_TWIN_AUDIBLE_DBFS / 10)
    heard = False
    for start in range(0, len(first.samples), window):
        left = _as_wave(first.samples[start : start + window])
        right = _as_wave(second.samples[start : start + window])
        power = max(float(np.dot(left, left)), float(np.dot(right, right))) / len(left)
        if power < audible:
            continue
        heard = True
        residual = left - right
        if float(np.dot(residual, residual)) / len(left) > power * 10 ** (_TWIN_RESIDUAL_DB / 10):
            return False
    return heard or np.array_equal(first.samples, second.samples)
