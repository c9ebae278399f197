"""Decoding: every codec that can be written here, each party on its own channel, each sound at its own time."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from callscope.errors import EmptyAudio, TooLong, TooManyChannels, Undecodable
from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ
from callscope.sound.audio import Audio, AudioLimits, decode
from callscope.sound.mpeg import _adts_frame_bytes
from tests.encoding import encode
from tests.poison import wav_bytes
from tests.unit.sound.signals import Wave, as_wave, chirp, conversation, delay_samples, noise, power_dbfs

pytestmark = pytest.mark.unit

LIMITS = AudioLimits(max_duration_ms=60_000)


def read(path: Path) -> Audio:
    return decode(path, limits=LIMITS)


def save(path: Path, wave: Wave, rate_hz: int = SAMPLE_RATE_HZ) -> Path:
    soundfile.write(path, wave.T, rate_hz, subtype="PCM_16")
    return path


# --- codecs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "muxer", "encoder", "rate_hz", "channels", "container", "codec"),
    [
        ("wav", "wav", "pcm_mulaw", 8_000, 2, "wav", "pcm_mulaw"),
        ("wav", "wav", "pcm_alaw", 8_000, 2, "wav", "pcm_alaw"),
        ("wav", "wav", "pcm_u8", 8_000, 2, "wav", "pcm_u8"),
        ("wav", "wav", "pcm_s16le", 8_000, 2, "wav", "pcm_s16le"),
        ("wav", "wav", "pcm_s24le", 16_000, 2, "wav", "pcm_s24le"),
        ("wav", "wav", "pcm_s32le", 44_100, 2, "wav", "pcm_s32le"),
        ("wav", "wav", "pcm_f32le", 48_000, 2, "wav", "pcm_f32le"),
        ("wav", "wav", "pcm_f64le", 22_050, 2, "wav", "pcm_f64le"),
        ("wav", "wav", "adpcm_ima_wav", 8_000, 2, "wav", "adpcm_ima_wav"),
        ("wav", "wav", "adpcm_ms", 8_000, 2, "wav", "adpcm_ms"),
        ("wav", "wav", "g726", 8_000, 1, "wav", "adpcm_g726"),
        ("wav", "wav", "g722", 16_000, 1, "wav", "adpcm_g722"),
        ("g722", "g722", "g722", 16_000, 1, "g722", "adpcm_g722"),
        ("ulaw", "mulaw", "pcm_mulaw", 8_000, 1, "mulaw", "pcm_mulaw"),
        ("alaw", "alaw", "pcm_alaw", 8_000, 1, "alaw", "pcm_alaw"),
        ("sln", "s16le", "pcm_s16le", 8_000, 1, "sln", "pcm_s16le"),
        ("w64", "w64", "pcm_s16le", 8_000, 2, "w64", "pcm_s16le"),
        ("au", "au", "pcm_mulaw", 8_000, 2, "au", "pcm_mulaw"),
        ("mka", "matroska", "pcm_u8", 8_000, 2, "matroska", "pcm_u8"),
        ("aiff", "aiff", "pcm_s16be", 8_000, 2, "aiff", "pcm_s16be"),
        ("caf", "caf", "pcm_s24le", 8_000, 2, "caf", "pcm_s24le"),
        ("flac", "flac", "flac", 16_000, 2, "flac", "flac"),
        ("mp3", "mp3", "libmp3lame", 8_000, 2, "mp3", "mp3"),
        ("mp3", "mp3", "libmp3lame", 44_100, 2, "mp3", "mp3"),
        ("m4a", "ipod", "aac", 16_000, 2, "mp4", "aac"),
        ("mp4", "mp4", "aac", 48_000, 2, "mp4", "aac"),
        ("m4a", "ipod", "alac", 16_000, 2, "mp4", "alac"),
        ("ogg", "ogg", "libopus", 16_000, 2, "ogg", "opus"),
        ("ogg", "ogg", "vorbis", 16_000, 2, "ogg", "vorbis"),
        ("webm", "webm", "libopus", 48_000, 2, "matroska", "opus"),
        ("mka", "matroska", "pcm_f32le", 8_000, 2, "matroska", "pcm_f32le"),
        ("amr", "amr", "libopencore_amrnb", 8_000, 1, "amr", "amr_nb"),
        ("3gp", "3gp", "libopencore_amrnb", 8_000, 1, "mp4", "amr_nb"),
    ],
)
def test_parties_stay_apart_and_on_time(  # noqa: PLR0917 - one row of the table
    tmp_path: Path, suffix: str, muxer: str, encoder: str, rate_hz: int, channels: int, container: str, codec: str
) -> None:
    wave = conversation(rate_hz=rate_hz, channels=channels)
    path = encode(tmp_path / f"call.{suffix}", wave, rate_hz=rate_hz, container=muxer, codec=encoder)
    audio = read(path)

    facts = audio.facts
    assert (facts.container, facts.codec, facts.channels) == (container, codec, channels)
    assert facts.sample_rate_hz == (48_000 if codec == "opus" else rate_hz)
    assert (facts.truncated, facts.dual_mono) == (False, False)
    assert 4_000 <= facts.duration_ms < 4_100  # a codec fills its last frame

    given_hz = NARROWBAND_HZ if rate_hz == NARROWBAND_HZ else SAMPLE_RATE_HZ
    built = conversation(rate_hz=given_hz, channels=channels)
    assert len(audio.channels) == channels
    # Speech codecs carry a delay of their own that no header tells.
    most = given_hz * 5 // 1000 if channels == 1 else given_hz // 1000
    for channel, (heard, said) in enumerate(zip(audio.channels, built, strict=True)):
        assert heard.samples.dtype == np.int16
        assert heard.sample_rate_hz == given_hz
        wave = as_wave(heard)
        assert abs(delay_samples(wave, said)) <= most
        own, other = ((700, 1_400), (2_200, 3_400)) if channel == 0 else ((2_200, 3_400), (700, 1_400))
        levels = power_dbfs(wave, *own, rate_hz=given_hz), power_dbfs(said, *own, rate_hz=given_hz)
        assert levels[0] == pytest.approx(levels[1], abs=1.5)
        assert power_dbfs(wave, *other, rate_hz=given_hz) < -60


def test_gsm_in_wav_is_read(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, conversation(rate_hz=8_000, channels=1)[0], 8_000, "GSM610")
    audio = read(path)
    assert (audio.facts.codec, audio.facts.duration_ms, audio.facts.truncated) == ("gsm_ms", 4_000, False)
    assert abs(delay_samples(as_wave(audio.channels[0]), conversation(rate_hz=NARROWBAND_HZ)[0])) <= 8


def test_both_readers_give_the_same_samples(tmp_path: Path) -> None:
    wave = conversation(rate_hz=8_000)
    path = encode(tmp_path / "call.wav", wave, rate_hz=8_000, container="wav", codec="pcm_mulaw")
    fast = read(path)
    whole = path.read_bytes()
    length = whole.index(b"data") + 4
    path.write_bytes(whole[:length] + b"\xff" * 4 + whole[length + 4 :])  # as streamed, which libsndfile isn't given
    assert read(path).facts == fast.facts
    for first, second in zip(fast.channels, read(path).channels, strict=True):
        np.testing.assert_array_equal(first.samples, second.samples)


def test_samples_beyond_full_scale_are_clipped(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, 3 * chirp(1_000, rate_hz=8_000), 8_000, "FLOAT")
    samples = read(path).channels[0].samples
    assert (samples.min(), samples.max()) == (-32_768, 32_767)


def test_three_channels_are_three_parties(tmp_path: Path) -> None:
    wave = np.stack([noise(1_000, dbfs=-20 - 6 * seed, seed=seed) for seed in range(3)])
    audio = read(save(tmp_path / "call.wav", wave))
    assert [round(power_dbfs(as_wave(channel), 0, 1_000)) for channel in audio.channels] == [-20, -26, -32]


# --- dual-mono ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "muxer", "encoder", "bit_rate"),
    [
        ("wav", "wav", "pcm_mulaw", None),
        ("mp3", "mp3", "libmp3lame", 24_000),
        ("m4a", "ipod", "aac", 24_000),
        ("ogg", "ogg", "libopus", 16_000),
        ("ogg", "ogg", "vorbis", 32_000),
    ],
)
def test_equal_channels_are_one(tmp_path: Path, suffix: str, muxer: str, encoder: str, bit_rate: int | None) -> None:
    mixed = conversation(rate_hz=16_000).sum(axis=0) + noise(4_000, dbfs=-45)
    path = tmp_path / f"call.{suffix}"
    encode(path, np.stack([mixed, mixed]), rate_hz=16_000, container=muxer, codec=encoder, bit_rate=bit_rate)
    audio = read(path)
    assert (audio.facts.dual_mono, audio.facts.channels, len(audio.channels)) == (True, 2, 1)


def test_equal_but_for_a_converters_noise_is_one(tmp_path: Path) -> None:
    mixed = conversation(rate_hz=16_000).sum(axis=0)
    wave = np.stack([mixed + noise(4_000, dbfs=-60, seed=seed) for seed in (1, 2)])
    assert read(save(tmp_path / "call.wav", wave)).facts.dual_mono


def test_two_channels_of_digital_silence_are_one(tmp_path: Path) -> None:
    assert read(save(tmp_path / "call.wav", np.zeros((2, 16_000), np.float32))).facts.dual_mono


@pytest.mark.parametrize("echo_db", [-120, -25, -12])
def test_a_silent_party_with_or_without_echo_is_still_a_party(tmp_path: Path, echo_db: int) -> None:
    speech = chirp(3_000, rate_hz=16_000)
    wave = np.stack([speech, 10 ** (echo_db / 20) * speech])
    audio = read(save(tmp_path / "call.wav", wave))
    assert (audio.facts.dual_mono, len(audio.channels)) == (False, 2)


def test_one_sentence_of_ones_own_makes_two_parties(tmp_path: Path) -> None:
    music = noise(30_000, dbfs=-12)
    wave = np.stack([music, music])
    wave[:, 14 * 16_000 : 15 * 16_000] = 0
    wave[1, 14 * 16_000 : 15 * 16_000] = noise(1_000, dbfs=-35, seed=1)
    assert not read(save(tmp_path / "call.wav", wave)).facts.dual_mono


def test_two_unlike_quiet_channels_are_two(tmp_path: Path) -> None:
    wave = np.stack([noise(1_000, dbfs=-70, seed=seed) for seed in (1, 2)])
    assert not read(save(tmp_path / "call.wav", wave)).facts.dual_mono


# --- cut short ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "muxer", "encoder", "options"),
    [
        ("wav", "wav", "pcm_s16le", {}),
        ("wav", "wav", "adpcm_ms", {}),
        ("flac", "flac", "flac", {}),
        ("mp3", "mp3", "libmp3lame", {}),
        ("mp4", "mp4", "aac", {"movflags": "faststart"}),
        ("mka", "matroska", "pcm_s16le", {}),
        ("aiff", "aiff", "pcm_s16be", {}),
    ],
)
def test_a_file_cut_in_half_is_flagged(
    tmp_path: Path, suffix: str, muxer: str, encoder: str, options: dict[str, str]
) -> None:
    path = tmp_path / f"call.{suffix}"
    wave = noise(8_000, dbfs=-20)[np.newaxis]
    encode(path, wave, rate_hz=16_000, container=muxer, codec=encoder, options=options)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    facts = read(path).facts
    assert facts.truncated
    assert 3_000 <= facts.duration_ms < 4_500


def test_an_mp3_that_announces_nothing_is_never_short(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    options = {"write_xing": "0"}
    encode(path, conversation(rate_hz=16_000), rate_hz=16_000, container="mp3", codec="libmp3lame", options=options)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert not read(path).facts.truncated


def test_a_live_webm_is_not_short(tmp_path: Path) -> None:
    wave = conversation(rate_hz=48_000)
    path = encode(tmp_path / "a.webm", wave, rate_hz=48_000, container="webm", codec="libopus", options={"live": "1"})
    facts = read(path).facts
    assert (facts.truncated, facts.duration_ms) == (False, 4_000)


def test_raw_aac_cut_inside_a_frames_header_is_read_up_to_there(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.aac", conversation(rate_hz=16_000), rate_hz=16_000, container="adts", codec="aac")
    whole = path.read_bytes()
    cut = 0
    while cut < len(whole) * 9 // 10:  # behind what is read ahead
        cut += _adts_frame_bytes(whole[cut : cut + 7])
    path.write_bytes(whole[: cut + 3])
    assert 3_000 < read(path).facts.duration_ms < 4_000


def test_a_cut_m4a_without_its_index_cannot_be_read(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", conversation(rate_hz=16_000), rate_hz=16_000, container="ipod", codec="aac")
    path.write_bytes(path.read_bytes()[:5_000])
    with pytest.raises(Undecodable, match="can't be read as mp4") as caught:
        read(path)
    assert isinstance(caught.value.__cause__, av.FFmpegError)


# --- what else a file may be ------------------------------------------------------------------------------------------


def write_matroska(path: Path, starts_ms: list[int], *, streams: int = 1, rate_hz: int = 8_000) -> Path:
    """Write a second of sound at each of these times, on each stream."""
    with av.open(path, "w", format="matroska") as output:
        tracks = [output.add_stream("pcm_s16le", rate=rate_hz, layout="mono") for _ in range(streams)]
        for start_ms in starts_ms:
            for track in tracks:
                sound = (chirp(1_000, rate_hz=rate_hz) * 32_767).astype(np.int16)[np.newaxis]
                frame = av.AudioFrame.from_ndarray(sound, format="s16", layout="mono")
                frame.sample_rate, frame.pts = rate_hz, start_ms * rate_hz // 1000
                output.mux(track.encode(frame))
    return path


def test_sound_that_was_not_sent_is_silence_of_its_length(tmp_path: Path) -> None:
    audio = read(write_matroska(tmp_path / "call.mka", [0, 6_500]))
    assert audio.facts.duration_ms == 7_500
    (heard,) = audio.channels
    spoken = chirp(1_000, rate_hz=heard.sample_rate_hz)
    assert delay_samples(as_wave(heard)[heard.sample_rate_hz :], spoken) == 5_500 * heard.sample_rate_hz // 1000
    assert not heard.samples[1_050 * heard.sample_rate_hz // 1000 : 6_450 * heard.sample_rate_hz // 1000].any()


def test_two_streams_of_sound_are_refused_not_halved(tmp_path: Path) -> None:
    with pytest.raises(Undecodable, match="2 streams"):
        read(write_matroska(tmp_path / "call.mka", [0], streams=2))


def test_a_film_without_sound_is_empty(tmp_path: Path) -> None:
    with av.open(tmp_path / "a.mkv", "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 16
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        output.mux(stream.encode(None))
    with pytest.raises(EmptyAudio, match="no stream of sound"):
        read(tmp_path / "a.mkv")


def test_two_recordings_glued_together_are_refused(tmp_path: Path) -> None:
    parts = [
        encode(tmp_path / f"{len(wave)}.mp3", wave, rate_hz=16_000, container="mp3", codec="libmp3lame").read_bytes()
        for wave in (conversation(rate_hz=16_000)[:1], conversation(rate_hz=16_000))
    ]
    (tmp_path / "glued.mp3").write_bytes(b"".join(parts))
    with pytest.raises(Undecodable, match="changes from 16000 Hz and 1 channels"):
        read(tmp_path / "glued.mp3")


def test_a_sample_entry_without_a_name_is_no_protection(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", conversation(rate_hz=16_000), rate_hz=16_000, container="ipod", codec="aac")
    whole = path.read_bytes()
    entry = whole.index(b"mp4a", whole.index(b"stsd"))
    path.write_bytes(whole[:entry] + b"\xff\xfe\xfd\xfc" + whole[entry + 4 :])
    assert read(path).facts.codec == "aac"


def test_a_wav_of_no_channels_is_undecodable(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(bytes(16_000), channels=0))
    with pytest.raises(Undecodable, match="none of the sound"):
        read(path)


def test_a_wav_whose_header_is_cut_is_undecodable(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(bytes(16_000))[:20])
    with pytest.raises(Undecodable):
        read(path)


def test_too_many_channels_are_refused_in_every_container(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros((8_000, 4)), 8_000)
    with pytest.raises(TooManyChannels):
        decode(path, limits=AudioLimits(max_duration_ms=60_000, max_channels=2))


def test_the_cap_is_the_longest_that_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", chirp(1_000, rate_hz=8_000)[np.newaxis], 8_000)
    assert decode(path, limits=AudioLimits(max_duration_ms=1_000)).facts.duration_ms == 1_000
    with pytest.raises(TooLong):
        decode(path, limits=AudioLimits(max_duration_ms=999))
