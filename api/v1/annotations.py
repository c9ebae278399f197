"""What people say of a call: corrections of what was heard, and notes."""

from __future__ import annotations

from dataclasses import asdict, replace
from http import HTTPStatus
from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from api.context import Db
from api.security import Principal, Reader, Writer
from callscope.calls import Emotion, Language, Role
from callscope.errors import NotStored
from callscope.exports.masking import masked_sentence
from models.annotations import Correction, StoredAnnotation, annotate, read_annotations, remove
from models.progress import read_ref

router = APIRouter(tags=["annotations"])

_MAX_CHARS = 10_000
_MAX_MS = (1 << 31) - 1

Milliseconds = Annotated[int, Field(ge=0, le=_MAX_MS)]
Text = Annotated[str, Field(max_length=_MAX_CHARS)]


class AnnotationBody(BaseModel):
    """A correction of one stretch of one channel; what is left out is as it was heard."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"channel": 1, "start_ms": 28_560, "end_ms": 32_060, "emotion": "ANGRY", "note": "loud"}]
        },
    )

    channel: Annotated[int, Field(ge=0, le=15)]
    start_ms: Milliseconds
    end_ms: Milliseconds
    text: Text | None = None
    emotion: Emotion | None = None
    role: Role | None = None
    language: Language | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.end_ms <= self.start_ms:
            msg = "it ends before it begins"
            raise ValueError(msg)
        if all(said is None for said in (self.text, self.emotion, self.role, self.language, self.note)):
            msg = "it says nothing: give text, emotion, role, language or note"
            raise ValueError(msg)
        return self


class Annotation(BaseModel):
    """A correction with who made it, and when."""

    annotation_id: int
    recording_id: int
    channel: int
    start_ms: int
    end_ms: int
    text: str | None
    emotion: Emotion | None
    role: Role | None
    language: Language | None
    note: str | None
    author: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Annotations(BaseModel):
    """What is said of a call, ascending by start."""

    items: list[Annotation]


@router.get("/calls/{recording_id}/annotations")
def list_annotations(recording_id: int, session: Db, reader: Reader) -> Annotations:
    """Return what people say of a call."""
    _require(session, recording_id)
    return Annotations(items=[_told(one, reader) for one in read_annotations(session, recording_id)])


@router.put("/calls/{recording_id}/annotations")
def put_annotation(recording_id: int, body: AnnotationBody, session: Db, writer: Writer) -> Annotation:
    """Say something of a stretch of a call; what was said of the very same stretch before is replaced."""
    _require(session, recording_id)
    return _told(annotate(session, recording_id, Correction(**dict(body)), author=writer.name), writer)


@router.delete("/calls/{recording_id}/annotations/{annotation_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_annotation(recording_id: int, annotation_id: int, session: Db, _: Writer) -> Response:
    """Take back what was said."""
    if not remove(session, recording_id, annotation_id):
        raise NotStored(f"recording {recording_id} has no annotation {annotation_id}")
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _require(session: Db, recording_id: int) -> None:
    if read_ref(session, recording_id) is None:
        raise NotStored(f"there is no recording {recording_id}")


def _told(stored: StoredAnnotation, reader: Principal) -> Annotation:
    said = stored.correction
    if not reader.sees_clear:
        said = replace(said, text=_masked(said.text), note=_masked(said.note))
    return Annotation(
        annotation_id=stored.annotation_id,
        recording_id=stored.recording_id,
        author=stored.author,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        **asdict(said),
    )


def _masked(text: str | None) -> str | None:
    return None if text is None else masked_sentence(text)
