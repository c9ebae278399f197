"""
The manifest: what people labelled, one row of JSON a recording or clip.

A row with ``turns``, ``silences`` or ``crosstalks`` is a call, one with ``reference`` names a call's reference file,
every other is a clip. A label that isn't there isn't counted; an empty list says that there is nothing to find.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from callscope.calls import Emotion, EventKind, Language, Role
from callscope.errors import CallscopeError, UsageError
from callscope.evaluation.reference import read_reference

_CALL_KEYS: Final = frozenset({"turns", "silences", "crosstalks"})
_OBJECT: Final = TypeAdapter(dict[str, Any])


class _Labels(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Stretch(_Labels):
    start_ms: Annotated[int, Field(ge=0)]
    end_ms: int

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end_ms <= self.start_ms:
            msg = f"it ends at {self.end_ms} ms and begins at {self.start_ms} ms"
            raise ValueError(msg)
        return self


_LabelT = TypeVar("_LabelT", bound=_Stretch)


class TurnLabel(_Stretch):
    """What one party says in one go."""

    channel: Annotated[int, Field(ge=0)]
    role: Role = Role.UNKNOWN
    text: str | None = None
    language: Language | None = None
    """None: the call's."""
    emotion: Emotion | None = None


class SoundLabel(_Stretch):
    """A sound that a listener hears on a channel."""

    channel: Annotated[int, Field(ge=0)]
    kind: EventKind


class SilenceLabel(_Stretch):
    """A stretch in which nobody speaks."""

    owner: Role = Role.UNKNOWN
    """Whose turn it was."""


class CrosstalkLabel(_Stretch):
    """A stretch in which both parties speak."""


class ClipLabels(_Labels):
    """What is known of a clip; None: not labelled."""

    language: Language | None = None
    text: str | None = None
    emotion: Emotion | None = None
    events: tuple[EventKind, ...] | None = None
    """Every kind that is heard in it; speech is one of them."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        _require_language(self.text, self.language)
        return self


class CallLabels(_Labels):
    """What is known of a call; None: not labelled."""

    language: Language | None = None
    """Of turns that tell none."""
    turns: tuple[TurnLabel, ...] | None = None
    events: tuple[SoundLabel, ...] | None = None
    silences: tuple[SilenceLabel, ...] | None = None
    crosstalks: tuple[CrosstalkLabel, ...] | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for turn in self.turns or ():
            _require_language(turn.text, turn.language or self.language)
        return self

    @property
    def channels(self) -> int:
        """How many channels the recording must have at least."""
        named = [turn.channel for turn in self.turns or ()] + [sound.channel for sound in self.events or ()]
        return 1 + max(named, default=0)


class _ClipRow(ClipLabels):
    audio: str


class _CallRow(CallLabels):
    audio: str


class _ReferenceRow(_Labels):
    reference: str
    audio: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A recording and its labels."""

    line: int
    """Of the manifest, from 1."""
    audio: Path
    labels: ClipLabels | CallLabels


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that wasn't evaluated."""

    line: int
    """Of the manifest, from 1."""
    code: str
    """Of the error."""
    what: str
    why: str

    @classmethod
    def of(cls, line: int, error: CallscopeError) -> BadRow:
        """Return what is told of a row that failed."""
        return cls(line, error.code, error.what, error.why)


def read_manifest(path: Path, *, limit: int | None = None) -> tuple[list[Row], list[BadRow]]:
    """
    Read a manifest.

    Parameters
    ----------
    path : Path
        JSON lines; empty ones are passed over.
    limit : int, optional
        Only so many rows, from the first.

    Returns
    -------
    tuple of list of Row and list of BadRow
        In their order.

    Raises
    ------
    UsageError
        The file isn't there, or has no row at all.
    """
    try:
        text = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise UsageError(f"the manifest {path} can't be read", why=str(error)) from error
    lines = [(number, line) for number, line in enumerate(text.split(b"\n"), start=1) if line.strip()]
    if not lines:
        raise UsageError(f"the manifest {path} has no rows", why="a row is a JSON object on a line of its own")
    rows, bad = [], []
    for number, line in lines[:limit]:
        try:
            rows.append(_read_row(number, line, path.parent))
        except UsageError as error:
            bad.append(BadRow.of(number, error))
    return rows, bad


def _read_row(number: int, line: bytes, folder: Path) -> Row:
    try:
        fields = _OBJECT.validate_json(line)
        audio, labels = _read_labels(fields, line, folder)
    except ValidationError as error:
        raise UsageError("it isn't a row of a manifest", why=_first_fault(error)) from error
    if not audio.is_file():
        raise UsageError(f"the audio {audio} isn't there")
    if not labels.model_fields_set - {"audio"}:
        raise UsageError("nothing is labelled", why="a row needs a label to be compared with")
    return Row(number, audio, labels)


def _read_labels(fields: Mapping[str, Any], line: bytes, folder: Path) -> tuple[Path, ClipLabels | CallLabels]:
    if "reference" in fields:
        named = _ReferenceRow.model_validate_json(line)
        reference = read_reference(folder / named.reference)
        labels = CallLabels(
            turns=_labels(TurnLabel, reference.turns),
            events=_labels(SoundLabel, reference.events),
            silences=_labels(SilenceLabel, reference.silences),
            crosstalks=_labels(CrosstalkLabel, reference.crosstalks),
        )
        return folder / (named.audio or reference.file), labels
    if _CALL_KEYS & fields.keys():
        call = _CallRow.model_validate_json(line)
        return folder / call.audio, call
    clip = _ClipRow.model_validate_json(line)
    return folder / clip.audio, clip


def _labels(kind: type[_LabelT], records: Iterable[Any]) -> tuple[_LabelT, ...]:
    return tuple(kind(**asdict(record)) for record in records)


def _require_language(text: str | None, language: Language | None) -> None:
    if text and language in {None, Language.NOSPEECH}:
        msg = "a text needs its language: it says whether words or characters are counted"
        raise ValueError(msg)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else fault["msg"]
