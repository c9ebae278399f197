"""What people say of calls, beside what the machine heard: corrections of segments, and notes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscope.calls import Emotion, Language, RecordingRef, Role
from models.tables import Analysis, Annotation, Recording, Segment
from models.texts import storable


@dataclass(frozen=True, slots=True)
class Correction:
    """What somebody says of a stretch of one channel; None: it is as it was heard. Something must be said."""

    channel: int
    start_ms: int
    end_ms: int
    text: str | None = None
    emotion: Emotion | None = None
    role: Role | None = None
    language: Language | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """A correction with who made it, and when."""

    annotation_id: int
    recording_id: int
    correction: Correction
    author: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class LabelledStretch:
    """A corrected stretch of a recording, as an evaluation wants it."""

    recording_id: int
    ref: RecordingRef
    correction: Correction
    heard_language: Language | None
    """Of the segment that was corrected, if the current analysis has it still."""


def annotate(session: Session, recording_id: int, correction: Correction, *, author: str) -> StoredAnnotation:
    """Write a correction; one of the very same stretch is replaced, and keeps its number and the time of its making."""
    said = {
        **asdict(correction),
        "text": storable(correction.text) if correction.text is not None else None,
        "note": storable(correction.note) if correction.note is not None else None,
        "author": storable(author),
    }
    place = ("recording_id", "channel", "start_ms", "end_ms")
    written = insert(Annotation).values(recording_id=recording_id, **said)
    row = session.scalars(
        written.on_conflict_do_update(
            index_elements=place,
            set_={name: written.excluded[name] for name in said if name not in place} | {"updated_at": func.now()},
        ).returning(Annotation),
        execution_options={"populate_existing": True},
    ).one()
    return _stored(row)


def remove(session: Session, recording_id: int, annotation_id: int) -> bool:
    """Take a correction back; False: the recording has none of this number."""
    return bool(
        session.scalars(
            delete(Annotation)
            .where(Annotation.id == annotation_id, Annotation.recording_id == recording_id)
            .returning(Annotation.id)
        ).one_or_none()
    )


def read_annotations(session: Session, recording_id: int) -> list[StoredAnnotation]:
    """Return what is said of a recording, ascending by start, then channel."""
    of_recording = select(Annotation).where(Annotation.recording_id == recording_id)
    return [_stored(row) for row in session.scalars(of_recording.order_by(Annotation.start_ms, Annotation.channel))]


def labelled_stretches(session: Session) -> Iterator[LabelledStretch]:
    """Yield every correction of text, emotion or language, recording by recording."""
    same = (
        (Segment.call_date == Analysis.call_date)
        & (Segment.analysis_id == Analysis.heard_id)
        & (Segment.channel == Annotation.channel)
        & (Segment.start_ms == Annotation.start_ms)
        & (Segment.end_ms == Annotation.end_ms)
    )
    rows = session.execute(
        select(Annotation, Recording.bucket, Recording.key, Recording.etag, Recording.size_bytes, Segment.language)
        .join(Recording, Recording.id == Annotation.recording_id)
        .outerjoin(Analysis, (Analysis.recording_id == Recording.id) & Analysis.is_current)
        .outerjoin(Segment, same)
        .where(func.num_nonnulls(Annotation.text, Annotation.emotion, Annotation.language) > 0)
        .order_by(Annotation.recording_id, Annotation.start_ms, Annotation.channel)
        .execution_options(yield_per=500)
    )
    for annotation, bucket, key, etag, size_bytes, language in rows:
        yield LabelledStretch(
            annotation.recording_id,
            RecordingRef(bucket, key, etag, size_bytes),
            _correction(annotation),
            Language(language) if language else None,
        )


def _stored(row: Annotation) -> StoredAnnotation:
    return StoredAnnotation(row.id, row.recording_id, _correction(row), row.author, row.created_at, row.updated_at)


def _correction(row: Annotation) -> Correction:
    return Correction(
        row.channel,
        row.start_ms,
        row.end_ms,
        row.text,
        Emotion(row.emotion) if row.emotion else None,
        Role(row.role) if row.role else None,
        Language(row.language) if row.language else None,
        row.note,
    )
