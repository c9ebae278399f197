"""Every event of a call: what the recogniser heard, and what is derived from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from callscope.calls import Event, EventKind, Origin, Segment
from callscope.errors import RegionOutsideRecording
from callscope.meaning.conflict import find_conflicts
from callscope.meaning.floor import find_crosstalk, find_interruptions, find_silences, own_silences
from callscope.meaning.music import find_music
from callscope.meaning.sighs import find_sighs
from callscope.settings import Settings


@dataclass(frozen=True, slots=True)
class ConversationOptions:
    """What counts; `docs/derived.md` tells what each is good for."""

    min_silence_ms: int = 1_200
    """A shorter stretch without speech is a pause."""
    min_crosstalk_ms: int = 300
    """A shorter overlap is a quick change."""
    min_interruption_ms: int = 300
    """An interruption's overlap is at least so long."""
    max_interruption_ms: int = 2_000
    """Who talks on for longer was not stopped."""
    min_takeover_ms: int = 500
    """Who comes in goes on for so long after the other stopped."""
    min_stop_ms: int = 1_000
    """Who was stopped is quiet for so long."""
    max_backchannel_ms: int = 1_000
    """Nobody is stopped in a region of this length or less."""
    min_breath_share: float = 0.3
    """A breath is heard from this share of the event distribution on."""
    max_breath_ms: int = 2_500
    """A longer breath is no sigh."""
    min_music_share: float = 0.3
    """Music is heard from this share of the event distribution on."""
    max_music_pause_ms: int = 3_000
    """Music that is away for no longer goes on."""
    min_hold_music_ms: int = 3_000
    """Music while nobody speaks is hold music from this length on."""
    min_conflict_probability: float = 0.8
    """Words and voice disagree only where the voice is so clear."""

    @classmethod
    def of(cls, settings: Settings) -> ConversationOptions:
        """Return what the settings say."""
        return cls(min_silence_ms=settings.min_silence_ms, min_crosstalk_ms=settings.min_crosstalk_ms)


def derive_events(segments: Sequence[Segment], *, duration_ms: int, options: ConversationOptions) -> tuple[Event, ...]:
    """
    Return the recogniser's events and the derived ones, ascending by start, then kind.

    Parameters
    ----------
    segments : sequence of Segment
        Of all channels, ascending by start; those of one channel disjoint.
    duration_ms : int >= 0
        Length of the recording, in milliseconds.
    options : ConversationOptions
        What counts.

    Raises
    ------
    RegionOutsideRecording
        A segment ends after ``duration_ms``.
    """
    last_ms = max((segment.end_ms for segment in segments), default=0)
    if last_ms > duration_ms:
        raise RegionOutsideRecording(f"a region ends at {last_ms} ms in a recording of {duration_ms} ms")
    speech = [segment for segment in segments if segment.is_speech]
    silences = find_silences(speech, duration_ms=duration_ms, min_silence_ms=options.min_silence_ms)
    events = [
        *(_heard(segment) for segment in segments if segment.event is not EventKind.SPEECH),
        *own_silences(speech, silences),
        *find_crosstalk(speech, min_crosstalk_ms=options.min_crosstalk_ms),
        *find_interruptions(
            speech,
            min_overlap_ms=options.min_interruption_ms,
            max_overlap_ms=options.max_interruption_ms,
            min_takeover_ms=options.min_takeover_ms,
            min_pause_ms=options.min_stop_ms,
            max_backchannel_ms=options.max_backchannel_ms,
        ),
        *find_sighs(segments, min_breath_share=options.min_breath_share, max_breath_ms=options.max_breath_ms),
        *find_music(
            segments,
            min_music_share=options.min_music_share,
            max_pause_ms=options.max_music_pause_ms,
            min_hold_ms=options.min_hold_music_ms,
        ),
        *find_conflicts(segments, min_probability=options.min_conflict_probability),
    ]
    return tuple(sorted(events, key=lambda event: (event.start_ms, event.kind, event.end_ms, event.channel or 0)))


def _heard(segment: Segment) -> Event:
    return Event(
        kind=segment.event,
        origin=Origin.MODEL,
        channel=segment.channel,
        owner=segment.role,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        probability=segment.event_probability,
    )
