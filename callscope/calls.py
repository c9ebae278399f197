"""The records of a call, from the object in the store to the rows in Postgres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from pydantic import Base64Bytes

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
    """What else was heard. Those from SILENCE on are never tags of the recogniser: callscope derives them."""

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
    INTERRUPTION = "INTERRUPTION"
    """One party begins while the other speaks, and the other stops; owned by who came in."""
    SIGH = "SIGH"
    """Heard as a breath that falls, or said as a word (唉, はぁ)."""
    HOLD_MUSIC = "HOLD_MUSIC"
    """Music while nobody speaks."""
    TEXT_VOICE_CONFLICT = "TEXT_VOICE_CONFLICT"
    """Kind words in an angry voice, or the other way round; a flag for a person to look at, never a verdict."""


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
    event_distribution: Mapping[EventKind, float] = field(default_factory=dict)
    """Of the recogniser's events; shares under a thousandth may be left out."""
    role_confidence: float = 1.0
    """In [0, 1]: 1 when the channel or the call's metadata tells the role, less when a rule guessed it."""
    pitch_hz: float | None = None
    """Median fundamental frequency of the region's end; None where nothing is voiced."""
    pitch_slope_st_s: float | None = None
    """Slope of the fundamental frequency over the region's end, in semitones a second; above 0 it rises."""
    level_slope_db_s: float | None = None
    """Slope of the level over the region, in dB a second; below 0 it fades."""

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
class Hearing:
    """What a worker hears in a recording: everything that needs its sound. All else is derived from this."""

    checkpoint: str
    """Name and short hash of the weights, such as ``demo-1f0c22ab``."""
    engine: str
    """Such as ``torch-fp32``."""
    device: str
    """Such as ``cpu`` or ``cuda:0``."""
    audio: AudioFacts
    segments: tuple[Segment, ...]
    """Ascending by start, then channel."""
    timings_ms: Mapping[str, int]
    """Wall time of each stage: ``fetch``, ``decode``, ``detect``, ``transcribe``."""
    waveform: tuple[Base64Bytes, ...] = ()
    """Peaks of each channel, a byte each, as `callscope.sound.waveform` makes them; base64 on the wire; () for none."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one party says until the other has the floor: one or more speech segments of one channel."""

    channel: int
    role: Role
    start_ms: int
    end_ms: int
    segment_nos: tuple[int, ...]
    """Positions in the call's segments, ascending."""
    response_ms: int | None
    """Since the other party's last word; below 0: came in before it ended; None for the first to speak."""
    units_per_s: float | None
    """Talk speed: characters (zh, yue, ja, ko) or words (en) a second of speech; None without words."""
    pause_ratio: float
    """Share of the turn that passes between its words, in [0, 1]."""
    hesitation_count: int
    """Pauses inside the turn that are longer than a breath takes."""
    loudness_dbfs: float
    """Of all its segments together, weighted by their length."""
    pitch_slope_st_s: float | None
    """At its end, in semitones a second; above 0: it rises, as a question does."""


class EntityKind(StrEnum):
    """What a stretch of text names."""

    ORDER_NUMBER = "ORDER_NUMBER"
    COUPON = "COUPON"
    PHONE = "PHONE"
    ID_NUMBER = "ID_NUMBER"
    CARD_NUMBER = "CARD_NUMBER"
    EMAIL = "EMAIL"


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that a segment's text names."""

    segment_no: int
    kind: EntityKind
    value: str
    """As a program would write it: digits without spaces, in ASCII. Stored only when the settings say so."""
    masked_value: str
    """The same with its private part hidden, such as ``********9012``."""
    start_char: int
    """In the segment's text."""
    end_char: int
    """Exclusive."""
    start_ms: int
    end_ms: int
    probability: float
    """Confidence in [0, 1]: less for digits spoken one by one, for a length that fits several kinds."""


class Soothing(StrEnum):
    """How an agent took a customer's anger or sadness."""

    GOOD = "good"
    POOR = "poor"
    OPEN = "open"
    """Neither can be told."""


@dataclass(frozen=True, slots=True)
class Burst:
    """A customer's stretch of anger or sadness, what came before it, and how the agent took it."""

    emotion: Emotion
    """ANGRY or SAD."""
    probability: float
    """The highest of its segments."""
    start_ms: int
    end_ms: int
    segment_nos: tuple[int, ...]
    silence_before_ms: int
    """Length of the agent's silence that it follows; 0: none."""
    silence_after_ms: int
    """Length of the agent's silence that follows it; 0: none."""
    reply_ms: int | None
    """When the agent's first reply begins."""
    reply_emotion: Emotion | None
    softened_ms: int | None
    """When happiness or laughter follows the reply in time."""
    outcome: Soothing


@dataclass(frozen=True, slots=True)
class WordCount:
    """How often a call says a word that carries meaning."""

    word: str
    language: Language
    mentions: int
    angry_mentions: int
    """Of these, in a customer's angry segments."""


@dataclass(frozen=True, slots=True)
class CallMeasures:
    """Sums over a call."""

    agent_speech_ms: int = 0
    customer_speech_ms: int = 0
    silence_count: int = 0
    silence_ms: int = 0
    longest_silence_ms: int = 0
    agent_silence_ms: int = 0
    """Silences that the agent owns."""
    crosstalk_count: int = 0
    crosstalk_ms: int = 0
    agent_interruptions: int = 0
    customer_interruptions: int = 0
    turn_count: int = 0
    agent_response_ms: int | None = None
    """Mean delay of the agent's replies; None without one."""
    agent_units_per_s: float | None = None
    """Talk speed of the agent over the whole call."""
    customer_units_per_s: float | None = None

    @property
    def agent_talk_share(self) -> float | None:
        """The agent's part of what both say, in [0, 1]; None when neither speaks."""
        both_ms = self.agent_speech_ms + self.customer_speech_ms
        return self.agent_speech_ms / both_ms if both_ms else None


class EvidenceKind(StrEnum):
    """Which of a call's records a piece of evidence is."""

    SEGMENT = "segment"
    EVENT = "event"
    TURN = "turn"
    ENTITY = "entity"
    CALL = "call"
    """A fact of the whole call, such as its length."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A record that a finding rests on, with the second at which to listen."""

    kind: EvidenceKind
    number: int
    """Position among the call's records of this kind; 0 for the call."""
    start_ms: int
    end_ms: int


class Severity(StrEnum):
    """How much a finding matters, ascending."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's hit."""

    rule: str
    severity: Severity
    score: float
    """Points that the rule adds to, or takes from, the call."""
    role: Role
    """Whom it concerns."""
    start_ms: int
    end_ms: int
    probability: float
    """Confidence in [0, 1]: the least of its evidence's."""
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ScoreItem:
    """One point of a scorecard."""

    name: str
    score: float
    max_score: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """A call's result on a scorecard; a card that doesn't apply to the call gives none."""

    scorecard: str
    score: float
    max_score: float
    items: tuple[ScoreItem, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """All that is derived from what was heard; pure, so that it can be derived again without the sound."""

    speech_coverage: float
    """Share of the recording in which at least one channel speaks, in [0, 1]."""
    events: tuple[Event, ...]
    """The recogniser's and the derived ones, ascending by start, then kind."""
    turns: tuple[Turn, ...]
    """Ascending by start."""
    entities: tuple[Entity, ...]
    """Ascending by segment, then character."""
    bursts: tuple[Burst, ...]
    """Ascending by start."""
    words: tuple[WordCount, ...]
    """The most frequent first."""
    measures: CallMeasures
    findings: tuple[Finding, ...]
    """Ascending by start, then rule."""
    scores: tuple[Score, ...]


class NoticeKind(StrEnum):
    """How a notice reaches its receiver."""

    WEBHOOK = "webhook"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to be told to a configured receiver."""

    kind: NoticeKind
    target: str
    """Name of the receiver."""
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AnalysisVersion:
    """What made a result: two results of one recording are comparable when they differ in one of these."""

    checkpoint: str
    """Name and short hash of the weights, such as ``demo-1f0c22ab``."""
    pipeline: int
    """Counts changes of callscope's own derivations."""
    rules: str
    """Version of the rule set, such as ``builtin-5d41402a``."""

    @property
    def name(self) -> str:
        """All three, as people write it: ``demo-1f0c22ab/3/builtin-5d41402a``."""
        return f"{self.checkpoint}/{self.pipeline}/{self.rules}"


@dataclass(frozen=True, slots=True)
class CallAnalysis:
    """The whole result of one recording, as stored and as printed."""

    version: AnalysisVersion
    hearing: Hearing
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class AnalysedCall:
    """A stored call with one of its analyses, whole."""

    recording_id: int
    ref: RecordingRef
    analysis_id: int
    call_date: date
    """UTC date of the call."""
    stored_at: datetime
    metadata: CallMetadata
    analysis: CallAnalysis
    """An entity that wasn't stored in clear has its masked value for a value."""
