"""The list of calls: filters, saved views, and what can be done with many calls at once."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import PurePosixPath
from typing import IO, Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse

from api.browsing import MAX_CHOSEN, Asked, AskedFilter, Filtered, chosen_ids, list_page
from api.context import Db
from api.pages.render import render, templates
from api.pages.words import language_of, translator
from api.paging import Cursor
from api.security import Reader
from callscope.calls import Emotion, EventKind, Language, Severity, Soothing
from callscope.errors import UsageError
from models import browse, extracts, saved_views
from models.base import MAX_ID
from models.browse import COUNTED, Anger, Choices, ListedCall, Sort
from models.call_index import LETTERS, NOTHING, SHARE_STEPS
from models.extracts import Selection
from models.session import Session
from models.tables import State
from reports.export.files import WRITERS

router = APIRouter()

ROWS = 50
MAX_SOUNDS = 3

_CHUNK_BYTES = 1 << 16
_IN_MEMORY_BYTES = 16_000_000

_HEARD = (
    *(EventKind.SILENCE, EventKind.CROSSTALK, EventKind.INTERRUPTION, EventKind.LAUGHTER, EventKind.SIGH),
    *(EventKind.HOLD_MUSIC, EventKind.BGM, EventKind.CRY, EventKind.COUGH, EventKind.SNEEZE, EventKind.BREATH),
    *(EventKind.APPLAUSE, EventKind.SING, EventKind.TEXT_VOICE_CONFLICT),
)
"""Events that a menu offers, those that tell most first."""

_USUAL = frozenset([EventKind.SILENCE, EventKind.CROSSTALK])
"""Nearly every call has them: a mark would tell nothing."""

_EMOTIONS = (
    *(Emotion.ANGRY, Emotion.SAD, Emotion.HAPPY, Emotion.FEARFUL, Emotion.DISGUSTED, Emotion.SURPRISED),
    *(Emotion.NEUTRAL,),
)
_DAYS = (1, 7, 30, 90)

_PRESETS = (
    ("all", ""),
    ("angry", "emotion=ANGRY&share=10"),
    ("grave", "severity=high"),
    ("after-silence", "anger=after-silence"),
    ("on-its-way", "state=discovered"),
)
"""Views that are always there."""


class ExportForm(StrEnum):
    """What many calls are exported as."""

    ZIP = "zip"
    """Every table as CSV."""
    CALLS = "calls"
    SEGMENTS = "segments"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of a strip in which one emotion is felt."""

    emotion: str
    first: int
    length: int


_EMOTIONS_BY_LETTER = {letter: emotion.value for emotion, letter in LETTERS.items()}


def strip_runs(strip: str) -> list[Run]:
    """Return the stretches of a strip, without those in which nothing is felt."""
    runs, first = list[Run](), 0
    for letter, group in groupby(strip):
        length = len(list(group))
        if letter != NOTHING:
            runs.append(Run(_EMOTIONS_BY_LETTER[letter], first, length))
        first += length
    return runs


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the list without it."""

    label: str
    value: str
    href: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What the list shows."""

    calls: tuple[ListedCall, ...]
    more: str | None
    """Where the list goes on."""
    asked: Asked
    chips: tuple[Chip, ...]

    @staticmethod
    def runs(call: ListedCall) -> list[Run]:
        """Return the stretches of a call in which something is felt."""
        return strip_runs(call.strip)

    @staticmethod
    def name(call: ListedCall) -> str:
        """Return what people call it: its number, else its file as it was uploaded, else as it lies in the bucket."""
        return call.call_id or call.file_name or PurePosixPath(call.key).name

    @staticmethod
    def feelings(call: ListedCall) -> list[tuple[str, float]]:
        """Return the emotions that colour a call, the greatest first; a call that is neutral throughout has none."""
        plain = {Emotion.NEUTRAL, Emotion.OTHER, Emotion.EMO_UNKNOWN}
        return [(tag, share) for tag, share in call.emotion_shares.items() if tag not in plain][:2]

    @staticmethod
    def sounds(call: ListedCall) -> list[EventKind]:
        """Return the events that are worth a mark, those that tell most first."""
        told = {*call.events} - _USUAL
        if EventKind.HOLD_MUSIC in told:
            told.discard(EventKind.BGM)  # the same music
        return [kind for kind in _HEARD if kind in told][:MAX_SOUNDS]


@router.get("/calls")
def calls(request: Request, session: Db, _: Reader, asked: AskedFilter, cursor: Cursor = None) -> HTMLResponse:
    """Show the list; asked for by a script, only its rows."""
    page = list_page(session, asked.filter, limit=ROWS, cursor=cursor)
    more = f"/calls?{asked.query(cursor=page.next_cursor)}" if page.next_cursor else None
    shown = Shown(tuple(page.items), more, asked, tuple(_chips(request, asked)))
    part = request.headers.get("x-part")
    if part in {"rows", "results"}:
        return render(request, f"calls/{part}.html", page="calls", shown=shown)
    offered = browse.choices(session)
    return render(
        request,
        "calls.html",
        shown=shown,
        views=saved_views.list_views(session),
        presets=_PRESETS,
        agents=offered.agents,
        shares=SHARE_STEPS[1:],
        options=_options(request, offered),
    )


def _options(request: Request, offered: Choices) -> dict[str, list[tuple[str, str]]]:
    """Return what each menu offers: the value in the address, and its words."""
    t = translator(language_of(request), "calls")

    def named(kind: str, values: Iterable[str]) -> list[tuple[str, str]]:
        return [(str(value), t(f"{kind}.{value}")) for value in values]

    return {
        "days": [("", t("days.any")), *((str(days), t("days", days=days)) for days in _DAYS)],
        "emotion": [("", t("emotion.any")), *named("emotion", _EMOTIONS)],
        "queue": [("", t("queue.any")), *((queue, queue) for queue in offered.queues)],
        "event": named("event", _HEARD),
        "rule": [(rule, rule) for rule in offered.rules],
        "severity": named("severity", reversed(Severity)),
        "anger": named("anger", Anger),
        "outcome": named("soothing", Soothing),
        "language": named("language", (language for language in Language if language is not Language.NOSPEECH)),
        "state": named("state", State),
        "sort": named("sort", Sort),
    }


@router.get("/calls/count")
def count(request: Request, session: Db, _: Reader, wanted: Filtered) -> HTMLResponse:
    """Tell how many calls the filter fits, in words."""
    number = browse.count_calls(session, wanted)
    t = translator(language_of(request), "calls")
    if number > COUNTED:
        told = t("count.more", count=f"{COUNTED:,}")
    else:
        told = t("count.one") if number == 1 else t("count", count=f"{number:,}")
    return HTMLResponse(templates().from_string("{{ told }}").render(told=told))


@router.post("/calls/export")
def export(
    *,
    session: Db,
    principal: Reader,
    wanted: Filtered,
    form: Annotated[ExportForm, Query(alias="form")] = ExportForm.ZIP,
    ids: Annotated[str, Form()] = "",
) -> StreamingResponse:
    """Download the chosen calls, or those that the filter fits."""
    selection = Selection(recording_ids=tuple(_ids(ids) or chosen_ids(session, wanted)))
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 - closed when it is sent
    clear = principal.sees_clear
    if form is ExportForm.ZIP:
        _write_zip(file, session, selection, clear=clear)
        name, kind = "calls.zip", "application/zip"
    else:
        _write_table(file, session, form.value, selection, clear=clear)
        name, kind = f"{form.value}.csv", "text/csv; charset=utf-8"
    file.seek(0)
    return StreamingResponse(
        _sent(file), media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _write_table(file: IO[bytes], session: Session, name: str, selection: Selection, *, clear: bool) -> None:
    WRITERS["csv"](file, extracts.extract(name), extracts.stream(session, name, selection, clear=clear))


def _write_zip(file: IO[bytes], session: Session, selection: Selection, *, clear: bool) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in extracts.NAMES:
            with archive.open(f"{name}.csv", "w", force_zip64=True) as entry:
                _write_table(entry, session, name, selection, clear=clear)


def _sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _ids(told: str) -> list[int]:
    try:
        chosen = [int(one) for one in told.split(",") if one.strip()]
    except ValueError:
        raise UsageError("the chosen calls aren't numbers", why="they look like 17,23") from None
    if len(chosen) > MAX_CHOSEN or not all(0 < one <= MAX_ID for one in chosen):
        raise UsageError(f"the chosen calls aren't numbers of calls, at most {MAX_CHOSEN:,} of them")
    return chosen


def _chips(request: Request, asked: Asked) -> list[Chip]:
    t = translator(language_of(request), "calls")
    told = {
        "language": "language.",
        "emotion": "emotion.",
        "event": "event.",
        "severity": "severity.",
        "state": "state.",
        "outcome": "soothing.",
        "anger": "anger.",
    }
    chips: list[Chip] = []
    for name, value in asked.params.items():
        if name in {"sort", "share"}:
            continue
        shown = t(f"{told[name]}{value}") if name in told else value
        if name == "days":
            shown = t("days", days=value)
        if name == "emotion" and (share := asked.params.get("share")):
            shown = f"{shown} ≥ {share} %"
        left = ("emotion", "share") if name == "emotion" else (name,)
        chips.append(Chip(t(f"filter.{name}"), shown, f"/calls?{asked.query(*left)}"))
    return chips
