"""Who speaks, and what else is heard, as people read it."""

from __future__ import annotations

from callscope.calls import EventKind, Role, Segment

_PARTIES = {Role.AGENT: "Agent", Role.CUSTOMER: "Customer"}
_NO_SOUND = frozenset({EventKind.SPEECH, EventKind.EVENT_UNK})
_SOUNDS = {EventKind.BGM: "music", EventKind.SPEECH_NOISE: "noise", EventKind.GBG: "noise"}


def voice_of(role: Role, channel: int) -> str:
    """Return the name of a party; one whose role isn't known is called by its channel, from 1."""
    return _PARTIES.get(role, f"Speaker {channel + 1}")


def sound_of(segment: Segment) -> str | None:
    """Return what is heard in a segment beside speech, such as ``laughter``; None: nothing that has a name."""
    if segment.event in _NO_SOUND:
        return None
    return _SOUNDS.get(segment.event, segment.event.value.lower().replace("_", " "))
