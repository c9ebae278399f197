"""What the executor asks of an engine: pieces of work that can share a batch, and the functions that do them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from callscope.calls import Emotion, EventKind, Language, Transcript
from callscope.ports import Channel, Clip, Scores
from workers.recogniser.waves import Excerpt


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Part of a channel on its way to the speech detector."""

    excerpt: Excerpt
    """The part, with the sound before and after it that its scores depend on."""
    frames: int
    """Filter-bank frames (10 ms) of the excerpt: what it costs."""
    before: int
    """Frames at the excerpt's beginning that are context alone."""
    own: int
    """Frames that scores are wanted of."""


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A clip on its way to the recogniser."""

    excerpt: Excerpt
    """One frame of sound at least; a shorter clip is filled up with silence."""
    frames: int
    """Frames that the network sees (60 ms), its prefix included: what it costs."""
    duration_ms: int
    """Of the clip, without what was filled up."""
    language: Language | None = None
    """Spoken language when it is known."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network said of one passage."""

    frame_ids: Sequence[int]
    """The most probable token of each output frame, the prefix included."""
    languages: Mapping[Language, float]
    emotions: Mapping[Emotion, float]
    events: Mapping[EventKind, float]
    text: str | None = None
    """With its tags, where the engine spells by itself."""


class Engine(Protocol):
    """
    A loaded checkpoint on a device. `detect` and `read` are called from the executor's lanes alone, inside `lane`.

    Both take a batch and return one result for each item, in order. They raise `OutOfDeviceMemory` when the batch is
    too large for the device, `DeviceLost` when the device can't be used any more in this process, and
    `RecogniserFailed` when they can't work on the batch; which item is at fault is the executor's to find out.
    """

    @property
    def checkpoint(self) -> str:
        """Name and short hash of the weights, such as ``demo-1f0c22ab``."""

    @property
    def name(self) -> str:
        """Engine and number format, such as ``torch-bf16``."""

    @property
    def device(self) -> str:
        """Such as ``cpu`` or ``cuda:0``."""

    @property
    def lanes(self) -> int:
        """How many batches run beside each other at best on this device: streams of a GPU, cores of a CPU."""

    @property
    def batch_frames(self) -> int:
        """Most padded frames of a batch of passages that this device gains from."""

    @property
    def stretch_frames(self) -> int:
        """The same of a batch of stretches."""

    def lane(self) -> AbstractContextManager[None]:
        """Enter a lane: called once by each of the executor's threads, around everything it runs."""

    def stretches(self, channel: Channel) -> list[Stretch]:
        """Return what `detect` takes; the scores of all of them, joined, are the channel's."""

    def detect(self, stretches: Sequence[Stretch]) -> list[Scores]:
        """Return the speech scores of each stretch's own frames."""

    def passage(self, clip: Clip, language: Language | None) -> Passage:
        """Return what `read` takes."""

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """Return what is said in each passage."""

    def spell(self, reading: Reading, passage: Passage) -> Transcript:
        """Return the transcript of a reading; called from any thread."""
