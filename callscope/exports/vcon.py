"""
A call as a vCon, the IETF's container for conversations.

By draft-ietf-vcon-vcon-core (syntax 0.4.0), with the parameters of draft-ietf-vcon-cc-extension ("CC": role, skill,
interaction_id). The recording itself is told of, not carried: its dialog has a file name and no URL, since callscope
gives nobody access to the bucket.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from callscope.calls import AnalysedCall, CallMetadata, Role, Segment
from callscope.exports.document import to_document
from callscope.exports.voices import sound_of, voice_of

SYNTAX = "0.4.0"
VENDOR = "callscope"

_MEDIA_TYPES = {
    "wav": "audio/x-wav",
    "mp3": "audio/x-mp3",
    "mp4": "audio/x-mp4",
    "mulaw": "audio/basic",
    "alaw": "audio/PCMA",
    "amr": "audio/AMR",
    "matroska": "audio/x-matroska",
}
"""Those of the draft first; where neither it nor this table knows one, the container's own name."""

_ORIGINATORS = {"inbound": Role.CUSTOMER, "outbound": Role.AGENT}

Party = tuple[str, Role]
"""Name and role."""


def to_vcon(call: AnalysedCall) -> dict[str, Any]:
    """
    Return the call as an unsigned vCon.

    The same analysis gives the same vCon each time, its number included; another analysis of the recording is another
    vCon.
    """
    by_channel = _parties_by_channel(call)
    parties = list(dict.fromkeys(party for channel in by_channel for party in channel))
    return {
        "vcon": SYNTAX,
        "uuid": str(_number(call)),
        "extensions": ["CC"],
        "created_at": _date(call.stored_at),
        "parties": [_party(party, call.metadata) for party in parties],
        "dialog": [_dialog(call, by_channel, parties)],
        "analysis": [
            {
                "type": kind,
                "dialog": 0,
                "mediatype": "application/json",
                "vendor": VENDOR,
                "product": call.analysis.version.name,
                "schema": f"{VENDOR}-{schema}-1",
                # The draft wants a string here, whatever is in it.
                "body": json.dumps(body, ensure_ascii=False),
                "encoding": "json",
            }
            for kind, schema, body in _analyses(call, parties)
        ],
        "attachments": [],
    }


def _parties_by_channel(call: AnalysedCall) -> list[list[Party]]:
    """Return who is heard on each channel of the file, in the order of their first word; silent ones as configured."""
    audio, roles = call.analysis.hearing.audio, call.metadata.channel_roles
    heard: list[list[Party]] = [[] for _ in range(1 if audio.dual_mono else audio.channels)]
    for segment in call.analysis.hearing.segments:
        party, on_channel = _party_of(segment), heard[min(segment.channel, len(heard) - 1)]
        if party not in on_channel:
            on_channel.append(party)
    for channel, parties in enumerate(heard):
        if not parties:
            role = roles[channel] if channel < len(roles) else Role.UNKNOWN
            parties.append((voice_of(role, channel), role))
    return heard * audio.channels if audio.dual_mono else heard


def _party_of(segment: Segment) -> Party:
    return voice_of(segment.role, segment.channel), segment.role


def _party(party: Party, metadata: CallMetadata) -> dict[str, Any]:
    name, role = party
    if role is Role.AGENT and metadata.agent_id:
        return {"name": metadata.agent_id, "validation": "none", "role": role.value}
    return {"name": name, "validation": "none", "role": role.value}


def _dialog(call: AnalysedCall, by_channel: Sequence[Sequence[Party]], parties: Sequence[Party]) -> dict[str, Any]:
    audio, metadata = call.analysis.hearing.audio, call.metadata
    numbers = [[parties.index(party) for party in channel] for channel in by_channel]
    dialog: dict[str, Any] = {
        "type": "recording",
        "start": _date(metadata.started_at or datetime.combine(call.call_date, time(), UTC)),
        "duration": audio.duration_ms / 1000,
        # One channel: who is in the mix. Several: an entry each, a number where only one party is on it.
        "parties": numbers[0] if len(numbers) == 1 else [one[0] if len(one) == 1 else one for one in numbers],
        "mediatype": _MEDIA_TYPES.get(audio.container, f"audio/{audio.container}"),
        "filename": call.ref.key,
    }
    originator = _ORIGINATORS.get(metadata.direction or "")
    callers = [number for number, (_, role) in enumerate(parties) if role is originator]
    # The first party is the originator unless it is said.
    if callers and callers[0] != numbers[0][0]:
        dialog["originator"] = callers[0]
    if metadata.call_id:
        dialog["interaction_id"] = metadata.call_id
    if metadata.queue:
        dialog["skill"] = metadata.queue
    return dialog


def _analyses(call: AnalysedCall, parties: Sequence[Party]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield type, schema and body of each analysis."""
    document = to_document(call)["analysis"]
    segments = call.analysis.hearing.segments
    stretches = [
        {"party": parties.index(_party_of(segment)), "start_ms": segment.start_ms, "end_ms": segment.end_ms}
        for segment in segments
    ]
    yield (
        "transcript",
        "transcript",
        {
            "segments": [
                stretch | {"language": segment.language.value, "text": segment.text, "sound": sound_of(segment)}
                for stretch, segment in zip(stretches, segments, strict=True)
            ]
        },
    )
    yield (
        "sentiment",
        "emotion",
        {
            "segments": [
                stretch | {"emotion": one["emotion"], "distribution": one["emotion_distribution"]}
                for stretch, one in zip(stretches, document["hearing"]["segments"], strict=True)
            ]
        },
    )
    meaning = document["meaning"]
    yield (
        "report",
        "findings",
        {name: meaning[name] for name in ("findings", "scores", "events", "entities", "bursts", "measures")},
    )


def _number(call: AnalysedCall) -> UUID:
    """
    Return a UUID of version 8 as the draft wants it: the time as in version 7, then bits of a SHA-1.

    Where the draft hashes a host's name and draws the rest by lot, this hashes the recording and the analysis version,
    so that a call exported twice is one vCon.
    """
    ref = call.ref
    identity = f"{ref.bucket}\n{ref.key}\n{ref.etag}\n{call.analysis.version.name}"
    bits = int.from_bytes(hashlib.sha1(identity.encode(), usedforsecurity=False).digest()[:10])
    at_ms = int(call.stored_at.timestamp() * 1000) & (1 << 48) - 1
    rand_a, rand_b = bits >> 62 & 0xFFF, bits & (1 << 62) - 1
    return UUID(int=at_ms << 80 | 8 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
