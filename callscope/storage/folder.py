"""A folder as object store: one subfolder a bucket, one file an object."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from typing_extensions import override

from callscope.calls import RecordingRef
from callscope.errors import (
    ConfigurationFault,
    IncompleteDownload,
    ObjectGone,
    ObjectTooLarge,
    StorageUnavailable,
    UsageError,
)
from callscope.ports import Storage, StoredObject
from callscope.storage.landing import landing

RESERVED = ".callscope"
"""In each bucket, for metadata and unfinished files; no key may begin with it and no listing shows it."""

_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}
"""What the system says when no file of this name can be reached without following a link."""

_READ = os.O_RDONLY | os.O_NOFOLLOW

_log = structlog.get_logger()


class FolderStorage(Storage):
    """
    Drop a file into a bucket's folder, and it is an object.

    No key leads out of its bucket: each step of the way is opened relative to the step before and a symbolic link is
    never followed, not even one that was put there a moment ago. Metadata given to `put` lies in `.callscope/` under
    the digest of the key, so that a user's own ``<key>.json`` is an object like any other.

    The ETag is the size and the time of the last change: a checksum would have every byte read at every listing.

    Parameters
    ----------
    root : Path
        Holds the buckets; made with the first of them.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @override
    def list(self, bucket: str, prefix: str = "") -> Iterator[StoredObject]:
        with _faults(f"the bucket {bucket}"), self._bucket(bucket) as top:
            yield from _walk(top, bucket, "", prefix)

    @override
    def head(self, bucket: str, key: str) -> StoredObject:
        with self._object(bucket, key) as (_, file):
            return _stored(bucket, key, os.fstat(file))

    @override
    def metadata(self, bucket: str, key: str) -> Mapping[str, str]:
        with self._object(bucket, key) as (top, file):
            try:
                with _opened(RESERVED, top, os.O_DIRECTORY) as aside, _opened(_sidecar(key), aside) as sidecar:
                    told = json.loads(_read(sidecar))
            except OSError as error:
                if error.errno in _ABSENT:
                    return {}
                raise
            # What was told of a former object has nothing to do with the file dropped over it since.
            return dict(told["metadata"]) if told["etag"] == _etag(os.fstat(file)) else {}

    @override
    def read(self, bucket: str, key: str, *, max_bytes: int) -> bytes:
        with self._object(bucket, key) as (_, file):
            if (size_bytes := os.fstat(file).st_size) > max_bytes:
                raise ObjectTooLarge(f"{bucket}/{key} has {size_bytes} bytes, more than {max_bytes}")
            return _read(file)

    @override
    def fetch(self, ref: RecordingRef, target: Path) -> None:
        with self._object(ref.bucket, ref.key) as (_, file), landing(target) as copy:
            _expect_version(ref, file)
            with os.fdopen(file, "rb", closefd=False) as source:
                shutil.copyfileobj(source, copy)
            _expect_version(ref, file)  # or it was written over in place meanwhile
            if copy.tell() != ref.size_bytes:
                raise IncompleteDownload(f"{copy.tell()} of {ref.size_bytes} bytes of {ref.key} arrived")

    @override
    def put(self, bucket: str, key: str, source: Path, *, metadata: Mapping[str, str] | None = None) -> StoredObject:
        if (parts := _parts(key)) is None:
            raise UsageError(f"{key!r} can't be the name of a file in the bucket {bucket}")
        lowered = {name.lower(): value for name, value in (metadata or {}).items()}
        with _faults(f"{bucket}/{key}"), self._bucket(bucket) as top, source.open("rb") as original:
            _make_folder(RESERVED, top)
            with (
                _opened(RESERVED, top, os.O_DIRECTORY) as aside,
                _incoming(aside) as (name, file),
                _incoming(aside) as (sidecar_name, sidecar),
            ):
                with os.fdopen(file, "wb", closefd=False) as copy:
                    shutil.copyfileobj(original, copy)
                # The system's own time stamp ticks every 4 ms: too coarse to tell two versions apart.
                os.utime(file, ns=(now_ns := time.time_ns(), now_ns))
                os.fsync(file)
                facts = os.fstat(file)
                told = {"key": key, "etag": _etag(facts), "metadata": lowered}
                os.write(sidecar, json.dumps(told, ensure_ascii=False).encode())
                os.fsync(sidecar)
                # Told before the object is seen, so that nobody finds it without its metadata.
                os.rename(sidecar_name, _sidecar(key), src_dir_fd=aside, dst_dir_fd=aside)
                try:
                    with _descend(parts[:-1], top, create=True) as folder:
                        os.rename(name, parts[-1], src_dir_fd=aside, dst_dir_fd=folder)
                        os.fsync(folder)
                except OSError as error:
                    if error.errno in {*_ABSENT, errno.EISDIR}:
                        raise UsageError(f"no file can be named {key!r} here", why=str(error)) from error
                    raise
        return _stored(bucket, key, facts)

    @override
    def delete(self, bucket: str, key: str) -> None:
        if (parts := _parts(key)) is None:
            return
        with _faults(f"{bucket}/{key}"), self._bucket(bucket) as top:
            for names in (parts, [RESERVED, _sidecar(key)]):
                try:
                    with _descend(names[:-1], top) as folder:
                        os.unlink(names[-1], dir_fd=folder)
                except OSError as error:
                    if error.errno not in {*_ABSENT, errno.EISDIR}:
                        raise

    @override
    def ensure_bucket(self, bucket: str) -> None:
        with _faults(f"the bucket {bucket}"):
            self._folder(bucket).mkdir(parents=True, exist_ok=True)

    def _folder(self, bucket: str) -> Path:
        if _parts(bucket) != [bucket]:
            raise ConfigurationFault(f"{bucket!r} can't be the name of a bucket's folder")
        return self._root / bucket

    @contextmanager
    def _bucket(self, bucket: str) -> Iterator[int]:
        """Yield the bucket's open folder."""
        folder = self._folder(bucket)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            if error.errno in _ABSENT:
                raise ConfigurationFault(f"there is no bucket {bucket}", why=f"{folder} is no folder") from error
            raise
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _object(self, bucket: str, key: str) -> Iterator[tuple[int, int]]:
        """Yield the bucket's open folder and the open file."""
        gone = f"{bucket}/{key} isn't there"
        if (parts := _parts(key)) is None:
            raise ObjectGone(gone, why="no file can have this name")
        with _faults(f"{bucket}/{key}"), self._bucket(bucket) as top:
            try:
                with _descend(parts[:-1], top) as folder:
                    file = os.open(parts[-1], _READ | os.O_NONBLOCK, dir_fd=folder)  # a pipe would block for ever
            except OSError as error:
                if error.errno in _ABSENT:
                    raise ObjectGone(gone) from error
                raise
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise ObjectGone(gone, why="it is no file")
                yield top, file
            finally:
                os.close(file)


@contextmanager
def _faults(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(f"the folder store fails on {what}", why=str(error)) from error


@contextmanager
def _opened(name: str, folder: int, flags: int = 0) -> Iterator[int]:
    descriptor = os.open(name, _READ | flags, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _incoming(aside: int) -> Iterator[tuple[str, int]]:
    """Yield the name and the descriptor of a new file, which is gone at the end unless it was moved to its place."""
    name = uuid.uuid4().hex
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=aside)
    try:
        yield name, descriptor
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=aside)


@contextmanager
def _descend(parts: list[str], top: int, *, create: bool = False) -> Iterator[int]:
    """Yield the open folder at the end of the way, each step relative to the one before."""
    descriptor = os.dup(top)
    try:
        for part in parts:
            if create:
                _make_folder(part, descriptor)
            above, descriptor = descriptor, os.open(part, _READ | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


def _make_folder(name: str, above: int) -> None:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=above)


def _parts(key: str) -> list[str] | None:
    """Return the names that lead to the key's file, or None when no file below the bucket can have this key."""
    parts = key.split("/")
    if {"", ".", ".."} & set(parts) or parts[0] == RESERVED or "\0" in key or not _is_utf8(key):
        return None
    return parts


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(folder: int, bucket: str, above: str, prefix: str) -> Iterator[StoredObject]:
    # One folder's names at a time. A folder sorts as its name with the slash, as its keys do: a.wav before a/b.wav.
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in entries
            if above or entry.name != RESERVED
        )
    for name in names:
        key = above + name
        inside = name.endswith("/")
        if not key.startswith(prefix) and not (inside and prefix.startswith(key)):
            continue
        if not _is_utf8(name):
            _log.warning("file_name_not_utf8", bucket=bucket, key=ascii(key))  # no database takes such a key
            continue
        try:
            if inside:
                with _opened(name[:-1], folder, os.O_DIRECTORY) as inner:
                    yield from _walk(inner, bucket, key, prefix)
            elif stat.S_ISREG((facts := os.stat(name, dir_fd=folder, follow_symlinks=False)).st_mode):
                yield _stored(bucket, key, facts)
        except FileNotFoundError:
            continue  # deleted since its folder was read


def _etag(facts: os.stat_result) -> str:
    return f"{facts.st_size:x}-{facts.st_mtime_ns:x}"


def _stored(bucket: str, key: str, facts: os.stat_result) -> StoredObject:
    return StoredObject(RecordingRef(bucket, key, _etag(facts), facts.st_size), facts.st_mtime_ns // 1_000_000)


def _expect_version(ref: RecordingRef, file: int) -> None:
    if (etag := _etag(os.fstat(file))) != ref.etag:
        raise ObjectGone(f"{ref.bucket}/{ref.key} was replaced", why=f"its ETag is {etag}, no longer {ref.etag}")


def _sidecar(key: str) -> str:
    # A digest, because a key's own name may be as long as the file system allows.
    return f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def _read(file: int) -> bytes:
    with os.fdopen(file, "rb", closefd=False) as source:
        return source.read()
