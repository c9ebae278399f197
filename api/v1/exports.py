"""``/v1/exports/{table}``: a table of many calls, streamed as it is read."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from enum import StrEnum
from typing import IO, Annotated

import structlog
from fastapi import APIRouter, Path, Query
from starlette.responses import StreamingResponse

from api.context import Context, Ctx
from api.security import Reader
from api.v1.rows import Selected
from models import extracts
from models.extracts import Selection
from models.session import transaction
from reports.export.files import WRITERS

router = APIRouter(tags=["exports"])

log = structlog.get_logger()

_CHUNK_BYTES = 1 << 16

TableName = StrEnum("TableName", [(name.upper(), name) for name in extracts.NAMES])  # type: ignore[misc]


class TableFormat(StrEnum):
    """A form that a table is written in."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"


_MEDIA_TYPES = {
    TableFormat.CSV: "text/csv; charset=utf-8",
    TableFormat.PARQUET: "application/vnd.apache.parquet",
    TableFormat.JSONL: "application/jsonl",
}


@router.get(
    "/exports/{table}",
    summary="Download a table",
    response_class=StreamingResponse,
    responses={200: {"content": {kind.split(";")[0]: {} for kind in _MEDIA_TYPES.values()}}},
)
def download(
    context: Ctx,
    principal: Reader,
    table: Annotated[TableName, Path(description="as `callscope export` names it")],
    selection: Selected,
    form: Annotated[TableFormat, Query(alias="format")] = TableFormat.CSV,
) -> StreamingResponse:
    """Return a table's rows of the current analyses; nothing of it is held in memory whole."""
    name = table.value
    chunks = _stream(context, name, selection, form, clear=principal.sees_clear)
    return StreamingResponse(
        chunks,
        media_type=_MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


class _CutOff(Exception):
    """The table could not be written to its end: the download must not look whole."""


def _stream(context: Context, name: str, selection: Selection, form: TableFormat, *, clear: bool) -> Iterator[bytes]:
    """Let a thread write into a pipe, as writers want a file, and hand on what comes out of it."""
    reading, writing = os.pipe()
    faults: list[BaseException] = []

    def write() -> None:
        try:
            with os.fdopen(writing, "wb") as file, transaction(context.engine) as session:
                _write(file, name, form, extracts.stream(session, name, selection, clear=clear))
        except BaseException as error:  # noqa: BLE001 - told to whoever reads the pipe
            faults.append(error)

    writer = threading.Thread(target=write, name=f"export-{name}", daemon=True)
    writer.start()
    try:
        with os.fdopen(reading, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    finally:
        # The reading end is closed: a writer that isn't at its end finds the pipe broken.
        writer.join()
    if faults:
        log.error("export_cut_off", table=name, exc_info=faults[0])
        raise _CutOff from faults[0]


def _write(file: IO[bytes], name: str, form: TableFormat, portions: Iterator[list[extracts.Row]]) -> None:
    WRITERS[form.value](file, extracts.extract(name), portions)
