"""The records of a call, from the object in the store to the rows in Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from callscope.timeline import Interval


class Role(StrEnum):
    """Who speaks on a channel."""

    AGENT = "agent"
    CUSTOMER = "customer"
    UNKNOWN = "unknown"


class Language(StrEnum):
    """The language tags of the recogniser."""

    ZH = "zh"
    EN = "en"
    YUE = "yue"
    JA = "ja"
    KO = "ko"
    NOSPEECH = "nospeech"


class Emotion(StrEnum):
    """The emotion tags of the recogniser; EMO_UNKNOWN is its own word for "can't tell"."""

    HAPPY = "HAPPY"
    SAD = "SAD"
    ANGRY = "ANGRY"
    NEUTRAL = "NEUTRAL"
    FEARFUL = "FEARFUL"
    DISGUSTED = "DISGUSTED"
    SURPRISED = "SURPRISED"
    OTHER = "OTHER"
    EMO_UNKNOWN = "EMO_UNKNOWN"


class EventKind(StrEnum):
    """What else was heard. The last two are never tags of the recogniser: callscope derives them."""

    SPEECH = "SPEECH"
    BGM = "BGM"
    LAUGHTER = "LAUGHTER"
    APPLAUSE = "APPLAUSE"
    CRY = "CRY"
    SNEEZE = "SNEEZE"
    BREATH = "BREATH"
    COUGH = "COUGH"
    SING = "SING"
    SPEECH_NOISE = "SPEECH_NOISE"
    GBG = "GBG"
    EVENT_UNK = "EVENT_UNK"
    SILENCE = "SILENCE"
    CROSSTALK = "CROSSTALK"


class Origin(StrEnum):
    """Whether an event is a tag of the recogniser or was derived from several facts."""

    MODEL = "model"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True)
class RecordingRef:
    """One version of one object in the store; a new ETag is a new version of the recording."""

    bucket: str
    key: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CallMetadata:
    """What the telephony system told about the call; everything may be missing."""

    call_id: str | None = None
    agent_id: str | None = None
    queue: str | None = None
    direction: str | None = None
    """``inbound`` or ``outbound``."""
    started_at: datetime | None = None
    """With a time zone."""
    channel_roles: tuple[Role, ...] = ()
    """Role of channel 0, 1, ...; empty: the configured map."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Every further pair, as it came."""


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What the file turned out to be."""

    container: str
    codec: str
    sample_rate_hz: int
    """Of the file, before resampling."""
    channels: int
    """In the file; a dual-mono file has 2 and is analysed once."""
    duration_ms: int
    truncated: bool
    """The file announces more sound than it holds."""
    dual_mono: bool
    """All channels carry the same signal."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word, or one character of a language written without spaces, in the call's own milliseconds."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the recogniser made of one clip; times count from the clip's first sample."""

    text: str
    language: Language
    emotion_distribution: Mapping[Emotion, float]
    """Sums to 1 over the emotions."""
    event_distribution: Mapping[EventKind, float]
    """Sums to 1 over the recogniser's events."""
    words: tuple[Word, ...]
    token_ids: tuple[int, ...]
    """The collapsed CTC output, tags included: what parity between engines is measured on."""

    @property
    def emotion(self) -> Emotion:
        """The most probable emotion."""
        return max(self.emotion_distribution, key=self.emotion_distribution.__getitem__)

    @property
    def event(self) -> EventKind:
        """The most probable event."""
        return max(self.event_distribution, key=self.event_distribution.__getitem__)


@dataclass(frozen=True, slots=True)
class Segment:
    """One region of one channel with what was said and felt in it."""

    channel: int
    role: Role
    start_ms: int
    end_ms: int
    text: str
    """Empty for a region in which only a sound was heard."""
    language: Language
    emotion: Emotion
    emotion_distribution: Mapping[Emotion, float]
    event: EventKind
    event_probability: float
    words: tuple[Word, ...]
    loudness_dbfs: float
    """Root mean square of the region, relative to full scale; -120 at least."""
    is_speech: bool
    """False for a region that only the gap pass found and that has no text."""

    @property
    def interval(self) -> Interval:
        """The region's bounds, the detector's padding excluded."""
        return Interval(self.start_ms, self.end_ms)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was heard, or not heard, for a while."""

    kind: EventKind
    origin: Origin
    channel: int | None
    """None when it belongs to the whole call (silence, crosstalk)."""
    owner: Role
    """Who laughed; for a silence, whose turn it was to speak; for crosstalk, who came in second."""
    start_ms: int
    end_ms: int
    probability: float
    """In [0, 1]; the recogniser's posterior, or a derivation's confidence."""


@dataclass(frozen=True, slots=True)
class AnalysisVersion:
    """What made a result: two results of one recording are comparable when they differ in one of these."""

    checkpoint: str
    """Name and short hash of the weights, such as ``demo-1f0c22ab``."""
    pipeline: int
    """Counts changes of callscope's own derivations."""
    rules: str
    """Version of the rule set; ``none`` without rules."""


@dataclass(frozen=True, slots=True)
class CallAnalysis:
    """The whole result of one recording, as stored and as printed."""

    version: AnalysisVersion
    engine: str
    """Such as ``torch-fp32``."""
    device: str
    """Such as ``cpu`` or ``cuda:0``."""
    audio: AudioFacts
    speech_coverage: float
    """Share of the recording in which at least one channel speaks, in [0, 1]."""
    segments: tuple[Segment, ...]
    """Ascending by start, then channel."""
    events: tuple[Event, ...]
    """Ascending by start, then kind."""
    timings_ms: Mapping[str, int]
    """Wall time of each stage: ``fetch``, ``decode``, ``detect``, ``transcribe``, ``derive``."""
