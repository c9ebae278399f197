"""Who speaks in a call of one channel, as far as words and voices tell."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from callscope.calls import Role, Segment
from callscope.meaning.phrases import AGENT_PHRASES, CUSTOMER_PHRASES

PHRASE_CONFIDENCE = 0.7
"""Of a role told by a phrase; a customer may quote an agent."""
PITCH_CONFIDENCE = 0.6
"""Of a role told by the voice, where phrases name both voices."""
EXCLUSION_CONFIDENCE = 0.5
"""Of a role told by the voice, where phrases name only one of the two, or name one otherwise as well."""

_GAP_ST = 3.0
"""No segment's pitch lies within so many semitones between two voices; one voice wanders by less."""
_LEAST_SEGMENTS = 2
"""A voice is heard at least so often; a single segment may be an octave off."""

_AGENT = {language: re.compile(phrases) for language, phrases in AGENT_PHRASES.items()}
_CUSTOMER = {language: re.compile(phrases) for language, phrases in CUSTOMER_PHRASES.items()}
_OTHER_PARTY = {Role.AGENT: Role.CUSTOMER, Role.CUSTOMER: Role.AGENT}


def guess_roles(segments: Sequence[Segment]) -> list[Segment]:
    """
    Return the segments with roles guessed, and a lower confidence, where none is known; others as they are.

    Parameters
    ----------
    segments : sequence of Segment
        Of a call. Only where all speech is on one channel and no role is known is anything guessed: a channel of its
        own needs no guess, and a role that is known is never touched.

    Returns
    -------
    list of Segment
        In the same order. Speech that neither a phrase nor the voice tells of stays `Role.UNKNOWN`, as does what is
        no speech.

    Notes
    -----
    A segment with phrases of one party and none of the other is that party's. Where the pitches fall into two groups
    with a gap between, each group is the party whose phrases prevail in it, and so are its segments without a phrase.
    """
    speech = [segment for segment in segments if segment.is_speech]
    if len({segment.channel for segment in speech}) != 1 or any(s.role is not Role.UNKNOWN for s in segments):
        return list(segments)
    told = [_told(segment) if segment.is_speech else Role.UNKNOWN for segment in segments]
    voices = _voices(segments)
    named = _name(voices, told)
    guessed = []
    for segment, role, voice in zip(segments, told, voices, strict=True):
        if role is not Role.UNKNOWN:
            guessed.append(replace(segment, role=role, role_confidence=PHRASE_CONFIDENCE))
        elif voice in named:
            role_of_voice, confidence = named[voice]
            guessed.append(replace(segment, role=role_of_voice, role_confidence=confidence))
        else:
            guessed.append(segment)
    return guessed


def _told(segment: Segment) -> Role:
    if segment.language not in _AGENT:
        return Role.UNKNOWN
    text = segment.text.lower()
    agent = bool(_AGENT[segment.language].search(text))
    customer = bool(_CUSTOMER[segment.language].search(text))
    if agent == customer:
        return Role.UNKNOWN
    return Role.AGENT if agent else Role.CUSTOMER


def _voices(segments: Sequence[Segment]) -> list[str | None]:
    """Return of each segment whether its voice is the low or the high one; None where there are no two, or no pitch."""
    pitches_hz = [segment.pitch_hz if segment.is_speech else None for segment in segments]
    ascending = sorted(pitch_hz for pitch_hz in pitches_hz if pitch_hz)
    cuts = range(_LEAST_SEGMENTS, len(ascending) - _LEAST_SEGMENTS + 1)
    cut = max(cuts, key=lambda i: ascending[i] / ascending[i - 1], default=None)
    if cut is None or 12 * math.log2(ascending[cut] / ascending[cut - 1]) < _GAP_ST:
        return [None] * len(segments)
    return [None if not hz else "high" if hz >= ascending[cut] else "low" for hz in pitches_hz]


def _name(voices: Sequence[str | None], told: Sequence[Role]) -> Mapping[str | None, tuple[Role, float]]:
    """Return the party of each voice and how surely; none where the phrases don't tell the two apart."""
    votes = dict.fromkeys(("low", "high"), 0)
    for voice, role in zip(voices, told, strict=True):
        if voice is not None and role is not Role.UNKNOWN:
            votes[voice] += 1 if role is Role.AGENT else -1
    if votes["low"] == votes["high"]:
        return {}
    low = Role.AGENT if votes["low"] > votes["high"] else Role.CUSTOMER
    opposed = votes["low"] * votes["high"] < 0
    confidence = PITCH_CONFIDENCE if opposed else EXCLUSION_CONFIDENCE
    return {"low": (low, confidence), "high": (_OTHER_PARTY[low], confidence)}
