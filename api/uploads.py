"""Recordings that are handed over: received, looked at, put into the bucket, entered into the ledger."""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from api.context import Context
from api.security import Principal
from callscope.calls import CallMetadata, Language, RecordingRef
from callscope.errors import BodyTooLarge, DatabaseUnavailable, UnknownLanguage, UsageError
from callscope.metadata import WARNINGS, KeyPattern, merge, read_metadata
from callscope.settings import Settings
from callscope.sound.sniff import sniff
from models.ledger import Discovered
from models.session import transaction
from models.submissions import (
    INTERACTIVE_PRIORITY,
    AlreadySubmitted,
    Asked,
    RequestKey,
    enter,
    find_submission,
)

UPLOADS = "uploads"
"""Folder of the bucket."""

AUTO = "auto"
LANGUAGES = tuple(language.value for language in Language if language is not Language.NOSPEECH)

MAX_FIELDS = 50
MAX_FIELD_BYTES = 10_000
MAX_KEY_CHARS = 200
MAX_URL_CHARS = 2_000

_COPY_BYTES = 1 << 20
_MAX_SUFFIX_CHARS = 8
_KEPT_CHARS = 255


@dataclass(frozen=True, slots=True)
class Submitted:
    """A recording that was taken."""

    recording_id: int
    is_repeated: bool
    """The request came before, and this is the recording that it made then."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is said beside the recording itself."""

    asked: Asked
    metadata: CallMetadata

    @classmethod
    def read(cls, fields: Mapping[str, object], settings: Settings) -> Wishes:
        """
        Read the fields of a request; those that nobody knows stay with the call as further metadata.

        Raises
        ------
        UnknownLanguage, UsageError
            A field says what can't be.
        """
        told = dict(fields)
        if told.get("callback_url") and settings.callback_secret is None:
            raise UsageError("callbacks aren't configured here", why="CALLSCOPE_CALLBACK_SECRET isn't set")
        language = read_language(told.pop("language", None))
        callback_url = _read_url(told.pop("callback_url", None))
        metadata = merge([("form", told)], faults=[])
        if fault := metadata.extra.get(WARNINGS):
            raise UsageError("a field can't be read", why=fault.replace("form: ", ""))
        return cls(Asked(language=language, callback_url=callback_url), metadata)


def read_language(value: object) -> Language | None:
    """
    Return the language that a request names; None: it is recognised.

    Raises
    ------
    UnknownLanguage
        It is none of ours.
    """
    if value in {None, "", AUTO}:
        return None
    if value not in LANGUAGES:
        raise UnknownLanguage(f"the language {str(value)[:40]!r} isn't known", why=f"there are {', '.join(LANGUAGES)}")
    return Language(str(value))


def _read_url(value: object) -> str | None:
    if value in {None, ""}:
        return None
    try:
        parts = urlsplit(str(value))
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and len(str(value)) <= MAX_URL_CHARS
    except ValueError:
        fits = False
    if not fits:
        raise UsageError("callback_url can't be called", why="it looks like https://crm.example/callscope")
    return str(value)


async def submit_file(
    request: Request, context: Context, principal: Principal, *, idempotency_key: str | None = None
) -> Submitted:
    """
    Take the recording that a multipart form carries as ``file``.

    Raises
    ------
    RequestRefused, UsageError
        The form can't be served.
    PermanentFailure
        The file is no recording.
    StorageUnavailable, DatabaseUnavailable
        Try again: with an idempotency key, nothing is made twice.
    """
    async with read_form(request) as form:
        return await submit_form(form, context, principal, idempotency_key=idempotency_key)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormData]:
    """Read a form with at most one file, which lies on the disk until the block ends."""
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES) as form:
        yield form


async def submit_form(
    form: FormData,
    context: Context,
    principal: Principal,
    *,
    idempotency_key: str | None,
    without: Collection[str] = (),
) -> Submitted:
    """
    Take the recording of a form that was read; as `submit_file`.

    Parameters
    ----------
    form : FormData
        With a ``file``.
    context, principal
        Of the request.
    idempotency_key : str, optional
        What the client named its request.
    without : collection of str
        Fields that say nothing about the call.
    """
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise UsageError("there is no `file` in the form", why="a recording is sent as multipart/form-data")
    fields = {name: value for name, value in form.items() if isinstance(value, str) and name not in without}
    return await run_in_threadpool(_submit_file, context, principal, file, fields, idempotency_key=idempotency_key)


def submit_reference(
    context: Context, principal: Principal, document: Mapping[str, object], *, idempotency_key: str | None = None
) -> Submitted:
    """
    Take a recording that lies in the bucket already.

    Raises
    ------
    ObjectGone
        It isn't there.
    UsageError
        The document doesn't name one, or one outside the watched bucket.
    """
    settings = context.settings
    fields = dict(document)
    key, bucket = fields.pop("key", None), fields.pop("bucket", settings.bucket)
    if not isinstance(key, str) or not key:
        raise UsageError("`key` must name the recording's object", why="the body is a JSON object with a text `key`")
    if bucket != settings.bucket or not key.startswith(settings.prefix):
        raise UsageError(
            "only recordings of the watched bucket are taken", why=f"that is {settings.bucket}/{settings.prefix}"
        )
    wishes = Wishes.read(fields, settings)
    fingerprint = _fingerprint(b"", {**fields, "key": key})
    request_key = _request_key(principal, idempotency_key, fingerprint)
    if known := _repetition(context, request_key):
        return known
    found = context.storage.head(settings.bucket, key)
    told = read_metadata(context.storage, found.ref, KeyPattern.compile(settings.key_pattern))
    try:
        return _enter(context, found.ref, _joined(told, wishes.metadata), wishes.asked, request_key)
    except AlreadySubmitted as first:
        return Submitted(first.recording_id, is_repeated=True)


def _submit_file(
    context: Context,
    principal: Principal,
    file: UploadFile,
    fields: Mapping[str, str],
    *,
    idempotency_key: str | None,
) -> Submitted:
    limit_bytes = context.settings.max_upload_bytes
    if (file.size or 0) > limit_bytes:
        raise BodyTooLarge(f"the file has {file.size} bytes", why=f"{limit_bytes} are taken")
    wishes = Wishes.read(fields, context.settings)
    suffix = _safe_suffix(file.filename or "")
    with tempfile.TemporaryDirectory(dir=context.scratch) as aside:
        copy = Path(aside) / f"upload{suffix}"
        digest = _copy(file.file, copy)
        sniff(copy)
        request_key = _request_key(principal, idempotency_key, _fingerprint(digest, fields))
        if known := _repetition(context, request_key):
            return known
        return _store(context, copy, file.filename or "", wishes, request_key)


def _store(context: Context, copy: Path, name: str, wishes: Wishes, request_key: RequestKey | None) -> Submitted:
    settings, storage = context.settings, context.storage
    key = f"{settings.prefix}{UPLOADS}/{datetime.now(UTC):%Y-%m-%d}/{uuid.uuid4().hex}{copy.suffix}"
    call = wishes.metadata
    told = {
        "file_name": PurePosixPath(name.replace("\\", "/")).name[:_KEPT_CHARS],
        "call_id": call.call_id,
        "agent_id": call.agent_id,
        "queue": call.queue,
        "direction": call.direction,
        "started_at": call.started_at.isoformat() if call.started_at else None,
    }
    stored = storage.put(
        settings.bucket, key, copy, metadata={name: value[:_KEPT_CHARS] for name, value in told.items() if value}
    )
    named = CallMetadata(extra={"file_name": told["file_name"] or ""})
    try:
        return _enter(context, stored.ref, _joined(named, call), wishes.asked, request_key)
    except DatabaseUnavailable:
        # Nobody knows whether it was entered; if it wasn't, the bucket's watcher does it.
        raise
    except AlreadySubmitted as first:
        storage.delete(settings.bucket, key)
        return Submitted(first.recording_id, is_repeated=True)
    except BaseException:
        storage.delete(settings.bucket, key)
        raise


def _enter(
    context: Context, ref: RecordingRef, metadata: CallMetadata, asked: Asked, request_key: RequestKey | None
) -> Submitted:
    with transaction(context.engine) as session:
        found = Discovered(ref, metadata, priority=INTERACTIVE_PRIORITY)
        return Submitted(enter(session, found, asked, request=request_key), is_repeated=False)


def _repetition(context: Context, request_key: RequestKey | None) -> Submitted | None:
    if request_key is None:
        return None
    with transaction(context.engine) as session:
        known = find_submission(session, request_key)
    return Submitted(known, is_repeated=True) if known is not None else None


def _request_key(principal: Principal, idempotency_key: str | None, fingerprint: bytes) -> RequestKey | None:
    if idempotency_key is None:
        return None
    if not 0 < len(idempotency_key) <= MAX_KEY_CHARS or not idempotency_key.isprintable():
        raise UsageError("the Idempotency-Key can't be used", why=f"it has 1 to {MAX_KEY_CHARS} printable characters")
    return RequestKey(principal.name, idempotency_key, fingerprint)


def _fingerprint(digest: bytes, fields: Mapping[str, Any]) -> bytes:
    said = json.dumps(fields, sort_keys=True, default=str)
    return hashlib.sha256(digest + said.encode("utf-8", "surrogatepass")).digest()


def _joined(weaker: CallMetadata, stronger: CallMetadata) -> CallMetadata:
    """Return what both tell; where they differ, what the request says holds."""
    return CallMetadata(
        call_id=stronger.call_id or weaker.call_id,
        agent_id=stronger.agent_id or weaker.agent_id,
        queue=stronger.queue or weaker.queue,
        direction=stronger.direction or weaker.direction,
        started_at=stronger.started_at or weaker.started_at,
        channel_roles=stronger.channel_roles or weaker.channel_roles,
        extra={**weaker.extra, **stronger.extra},
    )


def _copy(source: IO[bytes], target: Path) -> bytes:
    """Copy a file and return its SHA-256."""
    source.seek(0)
    digest = hashlib.sha256()
    with target.open("wb") as copy:
        while block := source.read(_COPY_BYTES):
            digest.update(block)
            copy.write(block)
    return digest.digest()


def _safe_suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= _MAX_SUFFIX_CHARS else ""
