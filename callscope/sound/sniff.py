"""Say what a file is by its first bytes, so that exactly one demuxer ever opens it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from callscope.errors import EmptyObject, Undecodable, UnsupportedCodec
from callscope.sound.mpeg import find_mpeg

_HEAD_BYTES = 65_536
_ID3_HEADER_BYTES = 10


@dataclass(frozen=True, slots=True)
class Container:
    """How a file is wrapped."""

    name: str
    """Short name of the demuxer, such as ``wav``, ``ogg`` or ``mp4``."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What a file without a header can't say itself: rate and channels."""


_CONTAINERS: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "wav"),  # RIFF, RF64
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"#!AMR", "amr"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b".snd", "au"),
    (8, b"AIF", "aiff"),
    (0, b"caff", "caf"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
)

_TELEPHONE = {"sample_rate": "8000", "ch_layout": "mono"}
_HEADERLESS: Mapping[str, Container] = {
    ".ulaw": Container("mulaw", _TELEPHONE),
    ".ul": Container("mulaw", _TELEPHONE),
    ".alaw": Container("alaw", _TELEPHONE),
    ".al": Container("alaw", _TELEPHONE),
    ".sln": Container("sln", _TELEPHONE),
    ".gsm": Container("gsm"),
    ".g722": Container("g722"),
}
"""Telephone formats that are nothing but samples; only the file's name can tell."""

_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
)

_TEXTS: tuple[tuple[str, str], ...] = (
    (r"ffconcat version", "a list of other files (ffconcat)"),
    (r"#EXTM3U", "a playlist of other files (M3U, HLS)"),
    (r"\[playlist\]", "a playlist of other files (PLS)"),
    (r"v=0\r?\no=", "a session description (SDP)"),
    (r"(?:<\?xml[^>]*>\s*)?<Error>\s*<Code>(?P<detail>\w+)", "an error page of an object store"),
    (r"<!doctype html|<html", "an HTML page"),
    (r"<\?xml|<[a-z]+[ >]", "an XML document"),
    (r"[\[{]", "JSON text"),
)


def sniff(path: Path) -> Container:
    """
    Say how a file is wrapped, by its bytes; the name counts only where the bytes can't tell.

    Parameters
    ----------
    path : Path
        A file on this machine.

    Raises
    ------
    EmptyObject
        The file has no bytes.
    Undecodable
        The file is something else than a recording; the message says what.
    UnsupportedCodec
        The file is headerless G.729 by its name.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if not head:
            raise EmptyObject(f"{path.name} has no bytes")
        skipped = _id3_bytes(head)
        if skipped:
            file.seek(skipped)
            head = file.read(_HEAD_BYTES)
    for offset, magic, name in _CONTAINERS:
        if head.startswith(magic, offset):
            return Container(name)
    foreign = _foreign(head)
    if foreign:
        raise Undecodable(f"{path.name} is no recording", why=f"its bytes are {foreign}")
    suffix = path.suffix.lower()
    if suffix in _HEADERLESS:
        return _HEADERLESS[suffix]
    if suffix == ".g729":
        raise UnsupportedCodec(f"{path.name} is G.729", why="it has no decoder here")
    mpeg = find_mpeg(head)
    if mpeg:
        return Container(mpeg)
    raise Undecodable(f"{path.name} is no recording", why="its bytes are of no known format")


def id3_bytes(path: Path) -> int:
    """Return how many bytes of ID3 tags stand before the sound."""
    with path.open("rb") as file:
        return _id3_bytes(file.read(_ID3_HEADER_BYTES))


def _id3_bytes(head: bytes) -> int:
    if not head.startswith(b"ID3") or len(head) < _ID3_HEADER_BYTES:
        return 0
    size = 0
    for byte in head[6:_ID3_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    return _ID3_HEADER_BYTES + size


def _foreign(head: bytes) -> str:
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    text = _as_text(head)
    if text is None:
        return ""
    for pattern, name in _TEXTS:
        match = re.match(pattern, text, re.IGNORECASE)
        if match:
            detail = match.groupdict().get("detail")
            return f"{name}: {detail}" if detail else name
    return "plain text"


def _as_text(head: bytes) -> str | None:
    """Return the bytes as text, or None when they aren't text; a character may be cut at their end."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return None
    return text.lstrip() if all(letter.isprintable() or letter.isspace() for letter in text) else None
