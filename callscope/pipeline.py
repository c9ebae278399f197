"""
Two pure calls from samples to everything that is stored of a recording; every way in shares them.

`listen` needs the sound and a recogniser, and runs where the device is. `callscope.meaning.interpret` needs only what
was heard, so it runs where the rules are, and again over old calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from callscope.calls import (
    AudioFacts,
    CallAnalysis,
    CallMetadata,
    EventKind,
    Hearing,
    Language,
    Role,
    Segment,
    Transcript,
    Word,
)
from callscope.meaning.interpret import Interpreter
from callscope.meaning.roles import guess_roles
from callscope.ports import Clip, Recogniser, Scores
from callscope.settings import Settings
from callscope.sound.audio import Audio
from callscope.sound.frames import Powers, frame_powers, to_levels
from callscope.sound.leaks import compare_channels, remove_leaks
from callscope.sound.pitch import PitchSlope, end_pitches
from callscope.sound.speech import SpeechOptions, find_gap_sounds, find_speech, level_slope_db_s, loudness_dbfs
from callscope.sound.waveform import peaks
from callscope.timeline import Interval

_LEAST_SHARE = 0.001
"""Of an event's distribution; smaller ones are noise, and rows are many."""


class Stage(StrEnum):
    """Where a recording is on its way; the name under which a failure is stored."""

    FETCH = "fetch"
    DECODE = "decode"
    DETECT = "detect"
    TRANSCRIBE = "transcribe"
    MEASURE = "measure"
    PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """What may differ from call to call, or from centre to centre."""

    channel_roles: tuple[Role, ...] = (Role.AGENT, Role.CUSTOMER)
    """Role of channel 0, 1, ...; a channel beyond it is `Role.UNKNOWN`."""
    language: Language | None = None
    """Spoken language when it is known; None lets the recogniser decide."""
    speech: SpeechOptions = field(default_factory=SpeechOptions)
    clip_padding_ms: int = 120
    """Context given to the recogniser on both sides of a region, never into its neighbour."""
    pitch: bool = True
    """Whether the pitch at the end of each region is measured."""

    @classmethod
    def for_call(
        cls,
        settings: Settings,
        facts: AudioFacts,
        *,
        told_roles: tuple[Role, ...] = (),
        language: Language | None = None,
    ) -> AnalysisOptions:
        """
        Return the options of one call.

        Roles that the call's metadata tells win. Else the configured map holds for a call with a channel for each
        party; in a mono or dual-mono call nothing tells who speaks.
        """
        separate = facts.channels > 1 and not facts.dual_mono
        return cls(
            channel_roles=told_roles or (settings.channel_roles if separate else ()),
            language=language,
            pitch=settings.pitch,
        )


@dataclass(frozen=True, slots=True)
class _Region:
    channel: int
    interval: Interval
    from_detector: bool


def analyse_recording(
    audio: Audio,
    recogniser: Recogniser,
    options: AnalysisOptions,
    interpreter: Interpreter,
    *,
    metadata: CallMetadata | None = None,
) -> CallAnalysis:
    """
    Hear a recording and derive what it means, in one place: what a worker and a writer do together.

    Raises
    ------
    RecogniserFailed
        The recogniser raised on this recording.
    """
    return interpreter.interpret(listen(audio, recogniser, options), metadata or CallMetadata())


def listen(
    audio: Audio,
    recogniser: Recogniser,
    options: AnalysisOptions,
    *,
    on_stage: Callable[[Stage], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Hearing:
    """
    Transcribe every channel, and measure what needs its sound.

    Parameters
    ----------
    audio : Audio
        Channels of equal length and rate.
    recogniser : Recogniser
        A loaded checkpoint.
    options : AnalysisOptions
        Of this call.
    on_stage : callable
        Called as each stage begins; what it raises ends the analysis.
    clock : callable
        Seconds of a monotonic clock, for the timings.

    Returns
    -------
    Hearing
        Segments inside ``[0, duration_ms)``.

    Raises
    ------
    RecogniserFailed
        The recogniser raised on this recording.
    """
    on_stage(Stage.DETECT)
    began = clock()
    powers = [frame_powers(channel) for channel in audio.channels]
    regions = _find_regions(recogniser.speech_scores(audio.channels), powers, options.speech)

    on_stage(Stage.TRANSCRIBE)
    detected = clock()
    clips = _clips(audio, regions, options)
    transcripts = recogniser.transcribe(clips, language=options.language)

    on_stage(Stage.MEASURE)
    transcribed = clock()
    segments = _segments(regions, clips, transcripts, powers, options=options)
    return Hearing(
        checkpoint=recogniser.checkpoint,
        engine=recogniser.engine,
        device=recogniser.device,
        audio=audio.facts,
        segments=tuple(guess_roles(segments)),
        waveform=tuple(map(peaks, audio.channels)),
        timings_ms={
            Stage.DETECT: round((detected - began) * 1000),
            Stage.TRANSCRIBE: round((transcribed - detected) * 1000),
            Stage.MEASURE: round((clock() - transcribed) * 1000),
        },
    )


def find_clips(audio: Audio, recogniser: Recogniser, options: AnalysisOptions) -> list[Clip]:
    """
    Return what `analyse_recording` asks the recogniser to read, without reading it.

    Raises
    ------
    RecogniserFailed
        The speech detector raised on this recording.
    """
    powers = [frame_powers(channel) for channel in audio.channels]
    return _clips(audio, _find_regions(recogniser.speech_scores(audio.channels), powers, options.speech), options)


def _clips(audio: Audio, regions: Sequence[_Region], options: AnalysisOptions) -> list[Clip]:
    padded = _pad(regions, padding_ms=options.clip_padding_ms, duration_ms=audio.facts.duration_ms)
    return [Clip(audio.channels[region.channel], wide) for region, wide in zip(regions, padded, strict=True)]


def _find_regions(scores: Sequence[Scores], powers: Sequence[Powers], options: SpeechOptions) -> list[_Region]:
    """Return what goes to the recogniser: the detector's speech without echo, and the sounds in its gaps."""
    levels = [to_levels(power) for power in powers]
    speech = [find_speech(score, level, options=options) for score, level in zip(scores, levels, strict=True)]
    sounds = [find_gap_sounds(level, spoken, options=options) for level, spoken in zip(levels, speech, strict=True)]
    lines = compare_channels(powers, options=options)
    regions = [
        _Region(channel, interval, from_detector)
        for from_detector, found in ((True, speech), (False, sounds))
        for channel, (line, intervals) in enumerate(zip(lines, found, strict=True))
        for interval in remove_leaks(line, intervals, options=options)
    ]
    return sorted(regions, key=lambda region: (region.interval, region.channel))


def _pad(regions: Sequence[_Region], *, padding_ms: int, duration_ms: int) -> list[Interval]:
    """Return each region widened on both sides, at most to the middle of the gap to its neighbour on the channel."""
    starts_ms = [max(0, region.interval.start_ms - padding_ms) for region in regions]
    ends_ms = [min(duration_ms, region.interval.end_ms + padding_ms) for region in regions]
    last: dict[int, int] = {}
    for i, region in enumerate(regions):
        if region.channel in last:
            before = last[region.channel]
            left_ms, right_ms = regions[before].interval.end_ms, region.interval.start_ms
            middle_ms = (left_ms + right_ms) // 2
            ends_ms[before] = min(ends_ms[before], middle_ms)
            starts_ms[i] = max(starts_ms[i], middle_ms)
        last[region.channel] = i
    return [Interval(start_ms, end_ms) for start_ms, end_ms in zip(starts_ms, ends_ms, strict=True)]


def _segments(
    regions: Sequence[_Region],
    clips: Sequence[Clip],
    transcripts: Sequence[Transcript],
    powers: Sequence[Powers],
    *,
    options: AnalysisOptions,
) -> list[Segment]:
    spoken = list(map(_is_speech, regions, transcripts))
    voices = [
        (clip.channel, r.interval) for r, clip, is_speech in zip(regions, clips, spoken, strict=True) if is_speech
    ]
    pitches = iter(end_pitches(voices) if options.pitch else ())
    return [
        _segment(
            region,
            clip,
            transcript,
            powers[region.channel],
            roles=options.channel_roles,
            pitch=next(pitches, PitchSlope()) if is_speech else PitchSlope(),
            is_speech=is_speech,
        )
        for region, clip, transcript, is_speech in zip(regions, clips, transcripts, spoken, strict=True)
    ]


def _segment(
    region: _Region,
    clip: Clip,
    transcript: Transcript,
    powers: Powers,
    *,
    roles: Sequence[Role],
    pitch: PitchSlope,
    is_speech: bool,
) -> Segment:
    return Segment(
        channel=region.channel,
        role=roles[region.channel] if region.channel < len(roles) else Role.UNKNOWN,
        start_ms=region.interval.start_ms,
        end_ms=region.interval.end_ms,
        text=transcript.text,
        language=transcript.language,
        emotion=transcript.emotion,
        emotion_distribution=transcript.emotion_distribution,
        event=transcript.event,
        event_probability=transcript.event_distribution[transcript.event],
        words=_words_in_call(transcript.words, clip.interval, region.interval),
        loudness_dbfs=loudness_dbfs(powers, region.interval),
        is_speech=is_speech,
        event_distribution=_noticeable(transcript.event_distribution),
        pitch_hz=pitch.median_hz,
        pitch_slope_st_s=pitch.slope_st_s,
        level_slope_db_s=level_slope_db_s(powers, region.interval),
    )


def _noticeable(distribution: Mapping[EventKind, float]) -> dict[EventKind, float]:
    return {kind: round(share, 4) for kind, share in distribution.items() if share >= _LEAST_SHARE}


def _words_in_call(words: Sequence[Word], clip: Interval, region: Interval) -> tuple[Word, ...]:
    """Shift the clip's word times into the call and keep them inside the region, whose padding holds no word."""
    shift_ms, first_ms, last_ms = clip.start_ms, region.start_ms, region.end_ms
    return tuple(
        Word(
            word.text,
            min(max(shift_ms + word.start_ms, first_ms), last_ms),
            min(max(shift_ms + word.end_ms, first_ms), last_ms),
        )
        for word in words
    )


def _is_speech(region: _Region, transcript: Transcript) -> bool:
    """
    Tell speech from other sounds.

    The detector may take a laugh for speech, and the gap pass may find a whisper: a region counts as speech when it
    has words, and one that the gap pass found must also sound like speech, lest music that reads as a word does.
    """
    if region.from_detector:
        return bool(transcript.text) or transcript.event is EventKind.SPEECH
    return bool(transcript.text) and transcript.event is EventKind.SPEECH
