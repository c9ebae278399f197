"""
The queue contract between producer, GPU workers and writers.

A message is only a hint: the ledger in Postgres is the truth, so any message may be lost, doubled or late. An attempt
has a number that dispatch gives it; every note a worker sends carries that number, which makes each note idempotent.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from callscope.calls import Hearing, Language, RecordingRef, Role
from callscope.errors import UnknownSchemaVersion

ANALYSE_QUEUE = "analyse"
URGENT_QUEUE = "urgent"
"""Recordings that somebody waits for: they never stand behind the backlog."""
ISOLATE_QUEUE = "isolate"
"""Recordings whose last attempt was lost travel here, alone, so that a poison one takes no neighbour down."""
RESULTS_QUEUE = "results"

ANALYSE_TASK = "callscope.analyse"
STARTED_TASK = "callscope.results.started"
HEARTBEAT_TASK = "callscope.results.heartbeat"
STORE_TASK = "callscope.results.store"
FAILED_TASK = "callscope.results.failed"

SCHEMA_VERSION = 2
"""
Of the messages below. Raise it with any change that an older reader can't take.

A new field with a default is none: a reader ignores fields that it doesn't know, and fills in those that are missing.
"""


@dataclass(frozen=True, slots=True)
class AnalyseJob:
    """Ask for one attempt at one recording."""

    recording_id: int
    attempt: int
    """1 for the first; the same in every copy of this message."""
    ref: RecordingRef
    channel_roles: tuple[Role, ...] = ()
    """From the call's metadata; empty: the configured map."""
    urgent: bool = False
    """Somebody waits for it: the device takes it before the backlog."""
    language: Language | None = None
    """That is spoken, as the uploader says; None: the recogniser decides."""


@dataclass(frozen=True, slots=True)
class AttemptNote:
    """An attempt has begun, or is still alive."""

    recording_id: int
    attempt: int
    worker: str
    """Host, process and device, such as ``gpu-3:4711:cuda:0``."""
    stage: str = ""
    """What the attempt is at, such as ``transcribe``; empty: it isn't told."""


class FailureKind(StrEnum):
    """What the ledger does about a failure; decided by the error's type where it is raised."""

    PERMANENT = "permanent"
    ATTEMPT = "attempt"
    OUTAGE = "outage"
    GONE = "gone"
    RELEASED = "released"
    """The worker was told to stop before it got to the end; costs no attempt."""


@dataclass(frozen=True, slots=True)
class FailureNote:
    """An attempt ended without a result."""

    recording_id: int
    attempt: int
    kind: FailureKind
    code: str
    stage: str
    """``fetch``, ``decode``, ``detect``, ``transcribe``, ``measure`` or ``publish``."""
    message: str
    worker: str


@dataclass(frozen=True, slots=True)
class ResultNote:
    """An attempt ended with a result; what it means, the writers derive."""

    recording_id: int
    attempt: int
    worker: str
    hearing: Hearing


Message = AnalyseJob | AttemptNote | FailureNote | ResultNote
M = TypeVar("M", AnalyseJob, AttemptNote, FailureNote, ResultNote)


_QUICK = 1
"""Of zlib's levels: an eighth more bytes than the default makes, in less than half the time."""


def pack(message: Message) -> str:
    """
    Return the message as text: base64 of compressed JSON with the schema version inside.

    One form for all of them; a result of a ten-minute call shrinks to about a third.
    """
    envelope = {
        "schema_version": SCHEMA_VERSION,
        "message": _adapter(type(message)).dump_python(message, mode="json"),
    }
    return base64.b64encode(zlib.compress(to_json(envelope), _QUICK)).decode("ascii")


def unpack(kind: type[M], packed: str) -> M:
    """
    Return the message that `pack` wrote.

    Raises
    ------
    UnknownSchemaVersion
        The message is of another version, or isn't such a message at all.
    """
    try:
        envelope = from_json(zlib.decompress(base64.b64decode(packed, validate=True)))
        if envelope["schema_version"] != SCHEMA_VERSION:
            raise UnknownSchemaVersion(
                f"a message of schema version {envelope['schema_version']} arrived", why=f"this is {SCHEMA_VERSION}"
            )
        message: M = _adapter(kind).validate_python(envelope["message"])
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise UnknownSchemaVersion(f"a message that is no {kind.__name__} arrived", why=str(error)) from error
    return message


def _adapter(kind: type[Message]) -> TypeAdapter[Any]:
    """Return the adapter of a kind of message; to build one takes longer than to pack the result of a long call."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


_adapters: dict[type[Message], TypeAdapter[Any]] = {}
