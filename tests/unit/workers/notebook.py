"""Notes written down instead of sent."""

from __future__ import annotations

from celery import Celery
from typing_extensions import override

from callscope.jobs import FailureNote
from workers.notes import Note, NotePublisher


class Notebook(NotePublisher):
    """What a worker would have told the writers."""

    def __init__(self, *, broker_is_away: bool = False) -> None:
        super().__init__(Celery(set_as_current=False), stopping=lambda: False)
        self.broker_is_away = broker_is_away
        self.notes: list[tuple[str, Note]] = []

    @override
    def _deliver(self, task: str, note: Note, *, patience_ms: int) -> bool:
        self.notes.append((task, note))
        return not self.broker_is_away

    @property
    def given_back(self) -> list[int]:
        return sorted(note.recording_id for _, note in self.notes if isinstance(note, FailureNote))
