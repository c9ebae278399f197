"""What a file is, by its first bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from callscope.errors import EmptyObject, Undecodable, UnsupportedCodec
from callscope.sound.sniff import id3_bytes, sniff
from tests.encoding import encode
from tests.unit.sound.signals import conversation

pytestmark = pytest.mark.unit

ID3 = b"ID3\x04\x00\x00" + bytes((0, 0, 2, 0x2C)) + bytes(2 * 128 + 0x2C)
RANDOM = np.random.default_rng(5).bytes(70_000)


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav"),
        (b"RF64\xff\xff\xff\xffWAVEds64", "wav"),
        (b"fLaC\x00\x00\x00\x22", "flac"),
        (b"OggS\x00\x02", "ogg"),
        (b"#!AMR\n", "amr"),
        (b"\x00\x00\x00\x20ftypM4A ", "mp4"),
        (b"\x1a\x45\xdf\xa3\x9f", "matroska"),
        (b".snd\x00\x00\x00\x18", "au"),
        (b"FORM\x00\x00\x00\x00AIFF", "aiff"),
        (ID3 + b"fLaC\x00\x00\x00\x22", "flac"),
    ],
)
def test_magic_bytes_decide_whatever_the_name_says(tmp_path: Path, head: bytes, container: str) -> None:
    assert sniff(write(tmp_path, "call.ulaw", head)).name == container


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "ZIP"),
        (b"%PDF-1.7", "PDF"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "list of other files"),
        (b"#EXTM3U\nhttp://example.org/a.ts\n", "playlist"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "SDP"),
        (b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>', "NoSuchKey"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "HTML"),
        (b"<feed xmlns='x'>", "XML"),
        (b'{"error": "not found"}', "JSON"),
        ("客户电话录音".encode() * 8_000, "plain text"),
        (RANDOM, "no known format"),
    ],
)
def test_foreign_bytes_are_named(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(Undecodable) as caught:
        sniff(write(tmp_path, "call.wav", content))
    assert what in caught.value.why


def test_no_bytes_are_an_empty_object(tmp_path: Path) -> None:
    with pytest.raises(EmptyObject):
        sniff(write(tmp_path, "call.wav", b""))


@pytest.mark.parametrize(
    ("name", "container"),
    [("a.ulaw", "mulaw"), ("a.UL", "mulaw"), ("a.al", "alaw"), ("a.gsm", "gsm"), ("a.g722", "g722"), ("a.sln", "sln")],
)
def test_a_name_decides_where_bytes_cannot(tmp_path: Path, name: str, container: str) -> None:
    assert sniff(write(tmp_path, name, RANDOM)).name == container


def test_headerless_g729_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCodec, match=r"G\.729"):
        sniff(write(tmp_path, "a.g729", RANDOM))


def test_a_telephone_name_does_not_make_a_web_page_sound(tmp_path: Path) -> None:
    with pytest.raises(Undecodable, match="no recording"):
        sniff(write(tmp_path, "a.ulaw", b"<html>"))


@pytest.mark.parametrize(("rate_hz", "codec"), [(8_000, "libmp3lame"), (16_000, "libmp3lame"), (44_100, "libmp3lame")])
def test_mp3_is_found_behind_tags_and_rubbish(tmp_path: Path, rate_hz: int, codec: str) -> None:
    path = encode(tmp_path / "a.mp3", conversation(rate_hz=rate_hz), rate_hz=rate_hz, container="mp3", codec=codec)
    sound = path.read_bytes()
    sound = sound[id3_bytes(path) :]
    for content in (sound, ID3 + sound, RANDOM[:5_000] + sound):
        assert sniff(write(tmp_path, "b.wav", content)).name == "mp3"


def test_layer_2_and_raw_aac_are_found(tmp_path: Path) -> None:
    wave = conversation(rate_hz=44_100)
    mp2 = encode(tmp_path / "a", wave, rate_hz=44_100, container="mp2", codec="mp2")
    aac = encode(tmp_path / "b", wave, rate_hz=44_100, container="adts", codec="aac")
    assert (sniff(mp2).name, sniff(aac).name) == ("mp3", "aac")


def test_a_file_of_two_frames_is_mp3(tmp_path: Path) -> None:
    # MPEG 2, layer III, 8 kbit/s, 16 kHz: 36 bytes a frame.
    frame = b"\xff\xf3\x18\xc4" + bytes(32)
    assert sniff(write(tmp_path, "a.mp3", 2 * frame)).name == "mp3"


@pytest.mark.parametrize(
    "header",
    [
        b"\xff\xf3\xf8\xc4",  # forbidden bit rate
        b"\xff\xf3\x08\xc4",  # free bit rate
        b"\xff\xf3\x1c\xc4",  # reserved sample rate
        b"\xff\xeb\x18\xc4",  # reserved version
        b"\xff\xf1\x50\x80\x00\x00\x00",  # AAC shorter than its own header
    ],
)
def test_headers_that_no_frame_has_are_passed_over(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(Undecodable):
        sniff(write(tmp_path, "a.mp3", 5 * (header + bytes(33))))
