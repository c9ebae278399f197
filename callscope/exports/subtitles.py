"""
A call as subtitles: SubRip, and WebVTT with voices and emotions.

Cues are the segments; those of two channels may overlap, as the speakers did. A sound stands in brackets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from callscope.calls import AnalysedCall, Emotion, Segment
from callscope.exports.voices import sound_of, voice_of

_MS_A_SECOND, _MS_A_MINUTE, _MS_AN_HOUR = 1_000, 60_000, 3_600_000

# The file shows what it says on any player that reads styles, without a page around it.
_STYLE = """STYLE
::cue(.angry) { color: #ff6b6b }
::cue(.sad) { color: #74a9ff }
::cue(.happy) { color: #7bd88f }
::cue(.fearful), ::cue(.disgusted), ::cue(.surprised) { color: #ffd166 }"""

# SubRip has no escapes: a player takes `<` for a tag, and a line with `-->` for a time.
_NO_TAGS = str.maketrans("<>", "‹›")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class _Cue:
    start_ms: int
    end_ms: int
    voice: str
    text: str
    """On one line: a blank one would end the cue."""
    emotion: Emotion | None
    """None for a sound alone."""


def to_srt(call: AnalysedCall) -> str:
    """Return the call as SubRip; each cue begins with who speaks."""
    blocks = (
        f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n"
        f"{cue.voice}: {cue.text.translate(_NO_TAGS)}\n"
        for number, cue in enumerate(_cues(call.analysis.hearing.segments), start=1)
    )
    return "\n".join(blocks)


def to_webvtt(call: AnalysedCall) -> str:
    """
    Return the call as WebVTT: `<v Agent>` says who speaks, `<c.angry>` how.

    The class is the segment's emotion in lower case; one that the recogniser can't tell has none.
    """
    about = {
        "call": call.metadata.call_id,
        "recording": str(call.recording_id),
        "agent": call.metadata.agent_id,
        "key": call.ref.key,
        "analysis": call.analysis.version.name,
    }
    note = "\n".join(f"{name}: {_line(value).translate(_ENTITIES)}" for name, value in about.items() if value)
    blocks = (
        f"{number}\n{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n<v {cue.voice}>{_spoken(cue)}</v>\n"
        for number, cue in enumerate(_cues(call.analysis.hearing.segments), start=1)
    )
    return "\n".join([f"WEBVTT\n\nNOTE\n{note}\n\n{_STYLE}\n", *blocks])


def _cues(segments: tuple[Segment, ...]) -> Iterator[_Cue]:
    for segment in sorted(segments, key=lambda segment: (segment.start_ms, segment.channel)):
        sound = sound_of(segment)
        parts = ([f"[{sound}]"] if sound else []) + ([_line(segment.text)] if segment.text else [])
        if parts:
            yield _Cue(
                start_ms=segment.start_ms,
                # A cue that ends where it starts is none.
                end_ms=max(segment.end_ms, segment.start_ms + 1),
                voice=voice_of(segment.role, segment.channel),
                text=" ".join(parts),
                emotion=segment.emotion if segment.text else None,
            )


def _spoken(cue: _Cue) -> str:
    text = cue.text.translate(_ENTITIES)
    if cue.emotion is None or cue.emotion is Emotion.EMO_UNKNOWN:
        return text
    return f"<c.{cue.emotion.value.lower()}>{text}</c>"


def _line(text: str) -> str:
    return " ".join(text.split())


def _clock(at_ms: int, point: str) -> str:
    hours, minutes = divmod(at_ms // _MS_A_MINUTE, _MS_AN_HOUR // _MS_A_MINUTE)
    seconds, ms = divmod(at_ms % _MS_A_MINUTE, _MS_A_SECOND)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{ms:03d}"
