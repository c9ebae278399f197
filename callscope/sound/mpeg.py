"""Find MPEG audio by its frame headers: MP3 and raw AAC have no header of the file."""
# ruff: noqa: PLR2004 - the figures are the standards' own bit fields

from __future__ import annotations

from collections.abc import Callable

_FRAMES = 3
"""So many frame headers in a row are no accident: random bytes pass once in ten million files."""

# kbit/s by the index in the header, from ISO/IEC 11172-3 and 13818-3; index 0 is "free" and 15 is forbidden.
_KBPS_MPEG1_LAYER2 = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0)
_KBPS_MPEG1_LAYER3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_KBPS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
_RATES_HZ = (44_100, 48_000, 32_000)


def find_mpeg(head: bytes) -> str:
    """Return ``mp3`` or ``aac`` when frame headers follow each other somewhere in the bytes, else nothing."""
    start = head.find(0xFF)
    while start >= 0:
        if _is_chain(head, start, _mp3_frame_bytes):
            return "mp3"
        if _is_chain(head, start, _adts_frame_bytes):
            return "aac"
        start = head.find(0xFF, start + 1)
    return ""


def _is_chain(head: bytes, start: int, frame_bytes: Callable[[bytes], int]) -> bool:
    position = start
    for _ in range(_FRAMES):
        size = frame_bytes(head[position : position + 7])
        if size == 0:
            return False
        position += size
        if start == 0 and position == len(head):
            return True  # the whole file is fewer frames
    return True


def _mp3_frame_bytes(header: bytes) -> int:
    """Return the length of the MPEG audio layer II or III frame that begins here; 0 when none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3  # version 3, 2, 0: MPEG 1, 2, 2.5; layer 2, 1: II, III
    rate_index = header[2] >> 2 & 3
    if version == 1 or layer not in {1, 2} or rate_index == 3:
        return 0
    mpeg1 = version == 3
    table = (_KBPS_MPEG1_LAYER2 if layer == 2 else _KBPS_MPEG1_LAYER3) if mpeg1 else _KBPS_MPEG2
    rate_hz = _RATES_HZ[rate_index] >> (0 if mpeg1 else 1 if version == 2 else 2)
    samples = 576 if layer == 1 and not mpeg1 else 1152
    padding = header[2] >> 1 & 1
    kbps = table[header[2] >> 4]
    return samples * kbps * 125 // rate_hz + padding if kbps else 0


def _adts_frame_bytes(header: bytes) -> int:
    """Return the length of the AAC frame that begins here; 0 when none does."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size > 7 else 0
