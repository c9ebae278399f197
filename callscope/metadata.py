"""
What telephony tells about a call: in the key, in the object's metadata and tags, and in a sidecar ``<key>.json``.

The sidecar wins over the object's metadata, which wins over the key. Nothing here can lose a recording: whatever
can't be read is left out, and named under ``warnings`` in the call's further metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from callscope.calls import CallMetadata, RecordingRef, Role
from callscope.errors import InvalidSetting, ObjectGone, ObjectTooLarge
from callscope.keys import SIDECAR_SUFFIX
from callscope.moments import read_moment
from callscope.ports import Storage

MAX_SIDECAR_BYTES = 64 * 1024
MAX_VALUE_CHARACTERS = 1_000

WARNINGS = "warnings"
"""Key in `CallMetadata.extra` under which stands what could not be read; absent when all could."""

_TEXT_FIELDS = ("call_id", "agent_id", "queue", "direction")
_DIRECTIONS = ("inbound", "outbound")
_EXTENSION = "ext"


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """How a key names its call's metadata, compiled."""

    expression: re.Pattern[str]

    @classmethod
    def compile(cls, pattern: str) -> KeyPattern:
        """
        Compile a pattern such as ``{queue}/{date}/{agent_id}/{call_id}.{ext}``; a field never spans a slash.

        Raises
        ------
        InvalidSetting
            A field's name is no identifier or stands twice, or a brace is left open.
        """
        parts = re.split(r"\{([A-Za-z_]\w*)\}", pattern)
        literals, names = parts[::2], parts[1::2]
        if any(brace in literal for literal in literals for brace in "{}"):
            raise InvalidSetting(f"CALLSCOPE_KEY_PATTERN {pattern!r} can't be read", why="a field looks like {name}")
        if len(set(names)) != len(names):
            raise InvalidSetting(f"CALLSCOPE_KEY_PATTERN {pattern!r} can't be read", why="a field stands twice")
        fields = [f"(?P<{name}>{'[^/.]+' if name == _EXTENSION else '[^/]+'})" for name in names]
        woven = [piece for pair in zip(map(re.escape, literals), [*fields, ""], strict=True) for piece in pair]
        return cls(re.compile("".join(woven)))

    def match(self, key: str) -> dict[str, str]:
        """Return the fields of a key; none when it is built otherwise."""
        found = self.expression.fullmatch(key)
        return {name: value for name, value in found.groupdict().items() if name != _EXTENSION} if found else {}


def read_metadata(storage: Storage, ref: RecordingRef, pattern: KeyPattern) -> CallMetadata:
    """
    Return what is told about a recording.

    Raises
    ------
    ObjectGone
        The recording was deleted meanwhile.
    StorageUnavailable
        The store doesn't answer.
    """
    told = storage.metadata(ref.bucket, ref.key)
    sidecar, fault = _read_sidecar(storage, ref)
    return merge([("key", pattern.match(ref.key)), ("object", told), ("sidecar", sidecar)], faults=[fault])


def merge(sources: list[tuple[str, Mapping[str, object]]], *, faults: list[str]) -> CallMetadata:
    """
    Make one record of what several sources tell.

    Parameters
    ----------
    sources : list of (name, pairs)
        Weakest first. Names of pairs are taken in lower case with ``_`` for ``-``.
    faults : list of str
        What went wrong before; empty ones don't count.

    Returns
    -------
    CallMetadata
        Of each field the strongest readable value; pairs that are no field of it under ``extra``.
    """
    warnings = [fault for fault in faults if fault]
    texts: dict[str, str] = {}
    extra: dict[str, str] = {}
    started_at: datetime | None = None
    roles: tuple[Role, ...] = ()
    for source, pairs in sources:
        # A day first, so that a time beside it is the one that holds.
        for given_name, value in sorted(pairs.items(), key=lambda pair: pair[0].lower() != "date"):
            name = given_name.lower().replace("-", "_")
            try:
                match name:
                    case "started_at":
                        started_at = read_moment(str(value))
                    case "date":
                        # Nothing but the day: its first moment, so that an import of old calls lands in its month.
                        started_at = _read_day(value)
                        extra[name] = _read_text(value)
                    case "channel_roles":
                        roles = _read_roles(value)
                    case "direction":
                        texts[name] = _read_direction(value)
                    case _ if name in _TEXT_FIELDS:
                        texts[name] = _read_text(value)
                    case _:
                        extra[name] = _read_text(value)
            except ValueError as error:
                warnings.append(f"{source}: {name} {error}")
    if warnings:
        extra[WARNINGS] = "; ".join(warnings)[:MAX_VALUE_CHARACTERS]
    return CallMetadata(
        call_id=texts.get("call_id"),
        agent_id=texts.get("agent_id"),
        queue=texts.get("queue"),
        direction=texts.get("direction"),
        started_at=started_at,
        channel_roles=roles,
        extra=extra,
    )


def _read_sidecar(storage: Storage, ref: RecordingRef) -> tuple[Mapping[str, object], str]:
    """Return the sidecar's pairs, and what is wrong with it."""
    try:
        content = storage.read(ref.bucket, ref.key + SIDECAR_SUFFIX, max_bytes=MAX_SIDECAR_BYTES)
    except ObjectGone:
        return {}, ""
    except ObjectTooLarge:
        return {}, f"sidecar_too_large: more than {MAX_SIDECAR_BYTES} bytes"
    try:
        pairs = json.loads(content)
    except (ValueError, RecursionError):
        return {}, "sidecar_not_json: it can't be parsed"
    if not isinstance(pairs, dict):
        return {}, f"sidecar_not_object: it holds a {type(pairs).__name__}"
    return {name: value for name, value in pairs.items() if value is not None}, ""


def _read_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            # Postgres stores no NUL.
            return str(value).replace("\0", "")[:MAX_VALUE_CHARACTERS]
        case _:
            return json.dumps(value, ensure_ascii=False)[:MAX_VALUE_CHARACTERS]


def _read_direction(value: object) -> str:
    direction = _read_text(value).lower()
    if direction not in _DIRECTIONS:
        raise ValueError("is neither inbound nor outbound")
    return direction


def _read_day(value: object) -> datetime:
    try:
        day = date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError("is no ISO 8601 date") from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _read_roles(value: object) -> tuple[Role, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ValueError("is no list of roles")  # noqa: TRY004 - a fault of what was told, not of our code
    try:
        return tuple(Role(str(name).strip().lower()) for name in names)
    except ValueError as error:
        raise ValueError(f"must name {', '.join(Role)}") from error
