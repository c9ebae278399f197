"""
Recordings in a form that every browser plays: WAV, 16 bits, at the call's own rate or 16 kHz.

Made when first asked for, kept under the state folder, and the ones that nobody asked for longest go first.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from callscope.calls import RecordingRef
from callscope.ports import Storage
from callscope.sound.audio import Audio, AudioLimits, decode

FOLDER = "renditions"
KEPT_BYTES = 4_000_000_000
"""Some hundred hours of telephony; a folder that grew without end would fill the disk."""

_SAMPLE_BYTES = 2


class Renditions:
    """
    Makes renditions and keeps them. Safe to call from several threads.

    Parameters
    ----------
    folder : Path
        Where they are kept; made when it isn't there.
    storage : Storage
        Where the recordings lie.
    scratch : Path
        Where they are made; of the same file system.
    max_duration_ms : int > 0
        Longer recordings are refused.
    kept_bytes : int > 0
        All together take no more than this, but for the one asked for last.
    """

    def __init__(
        self, folder: Path, storage: Storage, *, scratch: Path, max_duration_ms: int, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self._folder = folder
        self._storage = storage
        self._scratch = scratch
        self._limits = AudioLimits(max_duration_ms=max_duration_ms)
        self._kept_bytes = kept_bytes
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, ref: RecordingRef) -> Path:
        """
        Return the rendition of a recording.

        Raises
        ------
        ObjectGone
            The recording isn't in the store any more.
        PermanentFailure
            It can't be decoded.
        StorageUnavailable
            The store doesn't answer.
        """
        name = hashlib.sha256(f"{ref.bucket}\n{ref.key}\n{ref.etag}".encode()).hexdigest() + ".wav"
        file = self._folder / name
        with self._alone(name):
            if not file.exists():
                self._make(ref, file)
                self._make_room(file)
            os.utime(file)
        return file

    def _make(self, ref: RecordingRef, file: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._scratch) as aside:
            # The suffix tells the decoder about formats without a header.
            original = Path(aside) / f"recording{PurePosixPath(ref.key).suffix[:9]}"
            self._storage.fetch(ref, original)
            made = Path(aside) / "made.wav"
            _write_wave(decode(original, limits=self._limits), made)
            made.replace(file)

    def _make_room(self, newest: Path) -> None:
        kept = sorted(
            ((facts.st_mtime, facts.st_size, file) for file, facts in _listed(self._folder) if file != newest),
            reverse=True,
        )
        room = self._kept_bytes - newest.stat().st_size
        for _, size_bytes, file in kept:
            room -= size_bytes
            if room < 0:
                file.unlink(missing_ok=True)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with self._lock:
            lock = self._making.setdefault(name, threading.Lock())
        with lock:
            yield
        with self._lock:
            self._making.pop(name, None)


def _listed(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for file in folder.glob("*.wav"):
        try:
            yield file, file.stat()
        except FileNotFoundError:
            continue


def _write_wave(audio: Audio, file: Path) -> None:
    """Write the channels side by side, each sample as it was decoded."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(len(audio.channels))
        out.setsampwidth(_SAMPLE_BYTES)
        out.setframerate(audio.channels[0].sample_rate_hz)
        out.writeframes(np.stack([channel.samples for channel in audio.channels], axis=1).astype("<i2").tobytes())
