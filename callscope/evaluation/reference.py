"""The truth about a recording, as the sample calls' reference files hold it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from callscope.calls import Emotion, EventKind, Language, Role
from callscope.errors import UsageError


@dataclass(frozen=True, slots=True)
class ReferenceTurn:
    """What one party said in one go."""

    channel: int
    role: Role
    start_ms: int
    end_ms: int
    text: str
    language: Language
    emotion: Emotion


@dataclass(frozen=True, slots=True)
class ReferenceSound:
    """A sound that a listener hears on a channel."""

    kind: EventKind
    channel: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class ReferenceSilence:
    """A stretch without speech, and whose turn it was."""

    owner: Role
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class ReferenceCrosstalk:
    """A stretch in which both parties speak."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Reference:
    """The truth about one recording."""

    name: str
    file: str
    key: str
    """Where the telephony system would put it in the bucket."""
    duration_ms: int
    turns: tuple[ReferenceTurn, ...]
    events: tuple[ReferenceSound, ...]
    silences: tuple[ReferenceSilence, ...]
    crosstalks: tuple[ReferenceCrosstalk, ...]


def read_reference(path: Path) -> Reference:
    """
    Read a reference file.

    Raises
    ------
    UsageError
        It isn't there, or isn't a reference; the message names the first fault.
    """
    try:
        return TypeAdapter(Reference).validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"the reference {path} can't be read", why=str(error)) from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise UsageError(f"{path} is no reference", why=f"{where}: {fault['msg']}") from error
