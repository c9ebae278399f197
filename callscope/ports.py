"""The two things that the pure core asks of the outside, as Protocols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from callscope.calls import Language, RecordingRef, Transcript
from callscope.timeline import Interval

SAMPLE_RATE_HZ = 16_000
"""The recogniser's rate."""

NARROWBAND_HZ = 8_000
"""Telephony's rate; the recogniser doubles it on its device, everything else is brought to `SAMPLE_RATE_HZ` before."""

SCORE_FRAME_MS = 10
"""Hop of the speech detector's scores."""

Samples = NDArray[np.int16]
"""Sound of one channel, int16, full scale 32,768, shape (n,)."""

Scores = NDArray[np.float32]
"""Probability of speech in [0, 1] for each frame of `SCORE_FRAME_MS`, shape (frames,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One channel of a recording."""

    samples: Samples
    sample_rate_hz: int
    """`NARROWBAND_HZ` or `SAMPLE_RATE_HZ`."""

    @property
    def duration_ms(self) -> int:
        """Whole milliseconds of sound."""
        return len(self.samples) * 1000 // self.sample_rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A stretch of a channel that the recogniser is asked to read; at most 30 s."""

    channel: Channel
    interval: Interval


class Recogniser(Protocol):
    """A loaded checkpoint on a device. Safe to call from several threads."""

    @property
    def checkpoint(self) -> str:
        """Name and short hash of the weights, such as ``demo-1f0c22ab``."""

    @property
    def engine(self) -> str:
        """Engine and number format, such as ``torch-fp32``."""

    @property
    def device(self) -> str:
        """Such as ``cpu`` or ``cuda:0``."""

    def speech_scores(self, channels: Sequence[Channel]) -> list[Scores]:
        """
        Return the speech scores of each channel, in order; a channel under one frame gives none.

        Raises
        ------
        RecogniserFailed
            The engine raised; the message says on what.
        """

    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        """
        Read each clip; results are in the order of the clips.

        Parameters
        ----------
        clips : sequence of Clip
            Of any channels; batched inside as the engine likes.
        language : Language, optional
            Spoken language when it is known; None lets the model decide.

        Raises
        ------
        RecogniserFailed
            The engine raised; the message says on what.
        """


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing, or a HEAD, tells of an object."""

    ref: RecordingRef
    modified_at_ms: int
    """Unix time in milliseconds, by the store's clock."""


class Storage(Protocol):
    """A place where recordings lie: an S3-compatible bucket, or a folder."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        """Yield every object under the prefix in key order; sidecars, partial uploads and folders' marks included."""

    def head(self, bucket: str, key: str) -> StoredObject:
        """Return what is known of the object now; `ObjectGone` when it isn't there."""

    def metadata(self, bucket: str, key: str) -> Mapping[str, str]:
        """Return the object's user metadata and tags, keys in lower case; `ObjectGone` when it isn't there."""

    def read(self, bucket: str, key: str, *, max_bytes: int) -> bytes:
        """Return a small object's bytes (a sidecar); `ObjectGone` when it isn't there."""

    def fetch(self, ref: RecordingRef, target: Path) -> None:
        """
        Copy exactly this version of the object into the file ``target``.

        Raises
        ------
        ObjectGone
            The object was deleted, or its ETag isn't the ref's any more.
        IncompleteDownload
            Size or checksum of what arrived isn't what the store announces.
        StorageUnavailable
            The store doesn't answer in time.
        """

    def put(self, bucket: str, key: str, source: Path, *, metadata: Mapping[str, str] | None = None) -> StoredObject:
        """Copy the file ``source`` into the store, so that no reader ever sees a part of it."""

    def delete(self, bucket: str, key: str) -> None:
        """Remove the object; absent ones are no error."""

    def ensure_bucket(self, bucket: str) -> None:
        """Make the bucket when it isn't there."""
