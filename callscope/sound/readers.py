"""Two ways from a file to blocks of samples: libsndfile, the faster one, and FFmpeg, which knows the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import DTypeLike, NDArray

from callscope.errors import EmptyAudio, Undecodable, UnsupportedCodec
from callscope.sound.sniff import Container, id3_bytes
from callscope.sound.wav import WavHeader, read_wav_header

Block = NDArray[np.int16] | NDArray[np.float32]
"""Samples at the file's own rate, shape (channels, n): int16 where that loses nothing, else float32, full scale 1."""

FULL_SCALE = 1 << 15

BLOCK_MS = 2_000
_MAX_JITTER_MS = 40
"""Timestamps that run further ahead of the sound than this mean that sound is missing, not that clocks are coarse."""

_DEMUXERS = {"mp4": "mov", "matroska": "matroska"}
_SNDFILE_TAGS = {1, 3, 6, 7}
_SNDFILE_CODECS = {
    "PCM_U8": "pcm_u8",
    "PCM_16": "pcm_s16le",
    "PCM_24": "pcm_s24le",
    "PCM_32": "pcm_s32le",
    "FLOAT": "pcm_f32le",
    "DOUBLE": "pcm_f64le",
    "ULAW": "pcm_mulaw",
    "ALAW": "pcm_alaw",
}
_SIXTEEN_BITS = {"PCM_S8", "PCM_U8", "PCM_16", "ULAW", "ALAW"}
"""libsndfile's names of what int16 holds without loss."""
_DECODERS = frozenset({
    "aac", "adpcm_g726", "adpcm_g726le", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amrnb", "amrwb", "flac",
    "g722", "g726", "g726le", "gsm", "gsm_ms", "libopencore_amrnb", "libopencore_amrwb", "libopus", "libspeex", "mp2",
    "mp2float", "mp3", "mp3float", "opus", "pcm_alaw", "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_mulaw",
    "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s8", "pcm_u8", "speex",
    "vorbis", "wmav1", "wmav2",
})  # fmt: skip
"""FFmpeg's names. Everything else that FFmpeg could decode is no recording of a call, but a surface to attack."""


_PROTECTED_ENTRIES = {"drms", "enca"}
"""Sample entries of encrypted sound in MP4: FFmpeg decodes it all the same, to noise."""

Piece = list[NDArray[Any]]
"""Some of the sound in one of FFmpeg's types: an array for each channel, or a single one of interleaved samples."""

_DTYPES: Mapping[str, DTypeLike] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "flt": np.float32,
    "dbl": np.float64,
}
_U8_ZERO = 128
"""Silence in FFmpeg's unsigned format; 0 in all others."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An opened recording."""

    codec: str
    """FFmpeg's name, such as ``pcm_mulaw``."""
    sample_rate_hz: int
    channels: int
    announced_ms: int | None
    """Length by the header; None where the format has none."""
    blocks: Iterator[Block]
    """The sound, about `BLOCK_MS` at a time, all of one type."""


def fits_sndfile(container: Container, path: Path) -> bool:
    """Tell whether libsndfile reads the file, and reads all of it: it takes a streamed WAV for an empty one."""
    if container.name == "flac":
        return True
    header = read_wav_header(path) if container.name == "wav" else None
    return header is not None and header.format_tag in _SNDFILE_TAGS and header.announced_bytes is not None


@contextmanager
def open_sndfile(container: Container, path: Path) -> Iterator[Stream]:
    """
    Open a WAV or FLAC file with libsndfile.

    Raises
    ------
    soundfile.SoundFileError
        The library gave up, here or later in ``blocks``; FFmpeg may still get the sound out.
    """
    with soundfile.SoundFile(path) as file:
        if container.name == "wav":
            header = read_wav_header(path)
            codec, announced_ms = _SNDFILE_CODECS[file.subtype], header.announced_ms if header else None
        else:
            codec, announced_ms = "flac", file.frames * 1000 // file.samplerate
        yield Stream(codec, file.samplerate, file.channels, announced_ms, _sndfile_blocks(file))


def _sndfile_blocks(file: soundfile.SoundFile) -> Iterator[Block]:
    frames = max(1, file.samplerate * BLOCK_MS // 1000)
    kind = "int16" if file.subtype in _SIXTEEN_BITS else "float32"
    while True:
        block: Block = file.read(frames, dtype=kind, always_2d=True).T
        if block.shape[1] == 0:
            return
        yield block


@contextmanager
def open_ffmpeg(container: Container, path: Path) -> Iterator[Stream]:
    """
    Open a recording with FFmpeg: with one demuxer, a list of decoders, and no other file or address.

    Raises
    ------
    Undecodable
        The demuxer can't read it, here or later in ``blocks``, or it holds several streams of sound.
    UnsupportedCodec
        The container was read, but no decoder that callscope allows fits the sound.
    EmptyAudio
        There is no stream of sound in it.
    """
    demuxer = _DEMUXERS.get(container.name, container.name)
    options = {
        **container.options,
        "protocol_whitelist": "file",
        "format_whitelist": demuxer,
        "codec_whitelist": ",".join(sorted(_DECODERS)),
    }
    try:
        opened = av.open(f"file:{path}", format=demuxer, options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise Undecodable(f"{path.name} can't be read as {container.name}", why=str(error)) from error
    with opened:
        streams = opened.streams.audio
        if not streams:
            raise EmptyAudio(f"{path.name} holds no stream of sound")
        if len(streams) > 1:
            raise Undecodable(
                f"{path.name} holds {len(streams)} streams of sound", why="a call's parties are the channels of one"
            )
        context: AudioCodecContext | None = streams[0].codec_context
        header = read_wav_header(path) if container.name == "wav" else None
        what = f"the {container.name} file {path.name} holds {_codec_name(context, header)}"
        if context is None or context.codec.name not in _DECODERS:
            raise UnsupportedCodec(what, why="it has no decoder here")
        if container.name == "mp4" and _sample_entry(context) in _PROTECTED_ENTRIES:
            raise UnsupportedCodec(what, why="it is encrypted (DRM)")
        announced_ms = header.announced_ms if header else _announced_ms(container, path, opened)
        yield Stream(
            context.codec.canonical_name,
            context.sample_rate,
            context.channels,
            announced_ms,
            _ffmpeg_blocks(path.name, opened),
        )


def _codec_name(context: AudioCodecContext | None, header: WavHeader | None) -> str:
    if context is not None:
        return context.codec.canonical_name
    return f"format tag 0x{header.format_tag:04x}" if header else "sound of an unknown or protected codec"


def _sample_entry(context: AudioCodecContext) -> str:
    try:
        return context.codec_tag
    except UnicodeDecodeError:  # no name at all, but a number
        return ""


_ANNOUNCING = {"aiff", "asf", "au", "caf", "flac", "matroska", "mp4", "w64"}


def _announced_ms(container: Container, path: Path, opened: av.container.InputContainer) -> int | None:
    """Return the length by the header; FFmpeg's own guess from the file's size is none."""
    if container.name == "mp3":
        with path.open("rb") as file:
            file.seek(id3_bytes(path))
            first_frame = file.read(512)
        if not any(tag in first_frame for tag in (b"Xing", b"Info", b"VBRI")):
            return None
    elif container.name not in _ANNOUNCING:
        return None
    return None if opened.duration is None else opened.duration * 1000 // av.time_base


def _ffmpeg_blocks(name: str, opened: av.container.InputContainer) -> Iterator[Block]:
    """Yield the sound in blocks that are worth the calls made on each; a frame may be as short as 2.5 ms."""
    stream = opened.streams.audio[0]
    channels, least = stream.channels, stream.sample_rate * BLOCK_MS // 1000
    pending: list[Piece] = []
    held = 0
    for piece in _timed_pieces(name, opened):
        pending.append(piece)
        held += len(piece[0]) * len(piece) // channels
        if held >= least:
            yield _as_block(pending, channels)
            pending, held = [], 0
    if pending:
        yield _as_block(pending, channels)


def _as_block(pieces: list[Piece], channels: int) -> Block:
    """Join pieces of any of FFmpeg's types: to int16 where that loses nothing, else to float32 in full scale 1."""
    planes = [np.concatenate(plane) for plane in zip(*pieces, strict=True)]
    samples = np.stack(planes) if len(planes) == channels else planes[0].reshape(-1, channels).T
    if samples.dtype == np.uint8:
        widened: NDArray[np.int16] = (samples.astype(np.int16) - _U8_ZERO) << 8
        return widened
    if samples.dtype == np.int32:
        scaled: NDArray[np.float32] = np.multiply(samples, 2.0**-31, dtype=np.float32)
        return scaled
    if samples.dtype == np.int16:
        return samples.astype(np.int16, copy=False)
    return samples.astype(np.float32, copy=False)


def _timed_pieces(name: str, opened: av.container.InputContainer) -> Iterator[Piece]:
    """Yield the sound at the times that its frames claim: what is missing in between is silence, not a cut."""
    stream = opened.streams.audio[0]
    rate_hz, channels, base = stream.sample_rate, stream.channels, stream.time_base
    longest_silence = rate_hz * BLOCK_MS // 1000
    jitter = rate_hz * _MAX_JITTER_MS // 1000
    position = strange = 0
    origin: int | None = None
    for frame in _frames(name, opened):
        if (frame.sample_rate, frame.layout.nb_channels) != (rate_hz, channels):
            strange += frame.samples
            if strange > frame.sample_rate:
                raise Undecodable(
                    f"{name} changes from {rate_hz} Hz and {channels} channels to {frame.sample_rate} Hz and "
                    f"{frame.layout.nb_channels} after {position * 1000 // rate_hz} ms"
                )
            continue  # damage that looks like a frame's header; the next good frame's time tells what it cost
        strange = 0
        sound = _planes(frame)
        if frame.pts is not None and base is not None:
            origin = frame.pts if origin is None else origin
            missing = (frame.pts - origin) * base.numerator * rate_hz // base.denominator - position
            while missing > jitter:
                length = min(missing, longest_silence)
                silence = _U8_ZERO if sound[0].dtype == np.uint8 else 0
                yield [np.full(length * channels // len(sound), silence, plane.dtype) for plane in sound]
                position += length
                missing -= length
        yield sound
        position += frame.samples


def _planes(frame: av.AudioFrame) -> Piece:
    """Return a frame's sound where it lies; `AudioFrame.to_ndarray` costs five times as much on 20 ms."""
    dtype = _DTYPES[frame.format.packed.name]
    count = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)
    return [np.frombuffer(memoryview(plane), dtype, count) for plane in frame.planes]


def _frames(name: str, opened: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    """Yield every frame that can be decoded; a damaged packet costs its own sound, nothing behind it."""
    decoded, fault = 0, None
    for packet in _packets(opened):
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            fault = error
            continue
        decoded += len(frames)
        yield from frames
    if fault is not None and decoded == 0:
        raise Undecodable(f"none of the sound in {name} can be decoded", why=str(fault)) from fault


def _packets(opened: av.container.InputContainer) -> Iterator[Any]:
    """Yield the packets up to where the file can be read; its announced length tells that it was cut."""
    try:
        yield from opened.demux(opened.streams.audio[0])
    except av.FFmpegError:
        return
