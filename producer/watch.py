"""
Find recordings by listing the bucket, and enter them into the ledger once they are stable.

A recording is stable when two listings, at least ``stable_ms`` apart on our own clock, show the same version of it.
The store's modification time would save the second look, but it is another machine's clock, and copying tools set it
back to the original's (``cp -p``, ``rsync -t``) while bytes still arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

import structlog

from callscope.calls import CallMetadata, RecordingRef
from callscope.errors import ObjectGone
from callscope.keys import is_recording
from callscope.metadata import KeyPattern, read_metadata
from callscope.ports import Storage
from callscope.processes import monotonic_ms
from callscope.settings import Settings
from models import ledger
from models.session import Engine, transaction

EMPTY_PATIENCE = 5
"""An object without bytes is given so many times `Settings.stable_ms`: some uploaders fill it later."""

BATCH = 1_000
"""Recordings asked about in one statement, and keys in one page of an S3 listing."""

METADATA_READERS = 16
"""Two small requests a new recording, most of it waiting: an import of a year's calls must not take days."""

MAX_PENDING = 100_000
"""New recordings watched for stability at a time, about 30 MB; those beyond come in a later sweep."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sighting:
    etag: str
    first_seen_ms: int
    sweep: int


@dataclass(slots=True)
class StabilityTracker:
    """
    Says which versions have been seen unchanged for long enough.

    It holds what the ledger doesn't know yet, and forgets what a whole listing no longer shows.
    """

    stable_ms: int
    max_pending: int = MAX_PENDING
    _sightings: dict[str, _Sighting] = field(default_factory=dict)
    _sweep: int = 0

    def begin_sweep(self) -> None:
        """Tell that a new listing begins."""
        self._sweep += 1

    def see(self, ref: RecordingRef, *, now_ms: int) -> bool:
        """Note that the listing shows this version now; True when it is stable, and is watched no more."""
        sighting = self._sightings.get(ref.key)
        if sighting is None and len(self._sightings) >= self.max_pending:
            return False
        if sighting is None or sighting.etag != ref.etag:
            sighting = self._sightings[ref.key] = _Sighting(ref.etag, now_ms, self._sweep)
        sighting.sweep = self._sweep
        if now_ms - sighting.first_seen_ms < self.stable_ms * (1 if ref.size_bytes else EMPTY_PATIENCE):
            return False
        del self._sightings[ref.key]
        return True

    def end_sweep(self) -> int:
        """Forget what this whole listing didn't show; return how many are still watched."""
        self._sightings = {key: seen for key, seen in self._sightings.items() if seen.sweep == self._sweep}
        return len(self._sightings)


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one listing found."""

    listed: int
    discovered: int
    pending: int
    """New, and not stable yet."""


class Watcher:
    """
    Sweeps one bucket.

    Parameters
    ----------
    settings : Settings
        Bucket, prefix, key pattern, stability.
    storage : Storage
        Where the bucket is.
    engine : Engine
        The ledger's database.
    now_ms : callable
        A monotonic clock in milliseconds.
    """

    def __init__(
        self, settings: Settings, storage: Storage, engine: Engine, *, now_ms: Callable[[], int] = monotonic_ms
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._engine = engine
        self._now_ms = now_ms
        self._pattern = KeyPattern.compile(settings.key_pattern)
        self._tracker = StabilityTracker(settings.stable_ms)

    def sweep(self, *, stopping: Callable[[], bool] = lambda: False) -> SweepReport:
        """
        List the bucket once and enter what is new and stable; a sweep told to stop leaves the rest to the next.

        Raises
        ------
        StorageUnavailable, DatabaseUnavailable
            What was entered before stays entered.
        """
        listed = discovered = 0
        self._tracker.begin_sweep()
        recordings = self._recordings()
        while refs := list(islice(recordings, BATCH)):
            if stopping():
                return SweepReport(listed, discovered, pending=0)
            listed += len(refs)
            discovered += self._enter(refs)
        return SweepReport(listed, discovered, pending=self._tracker.end_sweep())

    def _recordings(self) -> Iterator[RecordingRef]:
        for found in self._storage.list(self._settings.bucket, self._settings.prefix):
            if is_recording(found.ref.key):
                yield found.ref

    def _enter(self, refs: Sequence[RecordingRef]) -> int:
        with transaction(self._engine) as session:
            new = ledger.find_new(session, self._settings.bucket, refs)
        now_ms = self._now_ms()
        stable = [ref for ref in new if self._tracker.see(ref, now_ms=now_ms)]
        if not stable:
            return 0
        found = list(self._describe(stable))
        with transaction(self._engine) as session:
            return ledger.discover(session, found)

    def _describe(self, refs: Iterable[RecordingRef]) -> Iterator[ledger.Discovered]:
        with ThreadPoolExecutor(METADATA_READERS, thread_name_prefix="metadata") as readers:
            for ref, metadata in readers.map(lambda ref: (ref, self._metadata(ref)), refs):
                if metadata is None:
                    _log.info("recording_gone", key=ref.key)
                else:
                    yield ledger.Discovered(ref, metadata)

    def _metadata(self, ref: RecordingRef) -> CallMetadata | None:
        try:
            return read_metadata(self._storage, ref, self._pattern)
        except ObjectGone:
            return None
