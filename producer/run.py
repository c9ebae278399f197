"""The producer's two loops: sweep the bucket, dispatch to the queue. Neither waits for the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date
from itertools import islice

import structlog

from callscope.errors import Outage
from callscope.keys import is_recording
from callscope.ports import Storage
from callscope.processes import monotonic_ms
from callscope.settings import Settings
from callscope.storage import open_storage
from models import audit as models_audit
from models.audit import AuditReport
from models.partitions import ensure_months_around_now
from models.session import Engine, connect, require_schema, transaction
from producer.dispatch import Dispatcher
from producer.jobs import JobQueue
from producer.watch import EMPTY_PATIENCE, Watcher

DISPATCH_MS = 500
"""Between two rounds of dispatch: three short statements when there is nothing to do."""

PARTITIONS_MS = 24 * 3_600_000
"""Months are made three ahead, so a day more or less is nothing."""
LONGEST_BACKOFF_MS = 30_000
_FIRST_BACKOFF_MS = 1_000
_LOOK_UP_MS = 100
"""A stop signal is heeded this soon."""

_DEADLINES_MISSED = 10
"""A job may wait its turn in the queue for long; only after so many deadlines does the audit call it stuck."""

_log = structlog.get_logger(__name__)


def produce(settings: Settings, *, stopping: Callable[[], bool], once: bool = False) -> None:
    """
    Find recordings and keep the queue topped up until told to stop.

    Once running, it outlives outages of store, broker and database: it waits, says so, and goes on.

    Parameters
    ----------
    settings : Settings
        Servers, bucket, periods.
    stopping : callable
        Whether to come to an end.
    once : bool
        Enter what is stable now, send one portion, and return.

    Raises
    ------
    Outage, ConfigurationFault
        At start, or with ``once`` at any time: a server doesn't answer, or there is no such bucket.
    """
    storage, engine, queue = open_storage(settings), connect(settings.require_database_url()), JobQueue(settings)
    try:
        _probe(settings, storage, engine, queue)
        watcher = Watcher(settings, storage, engine)
        dispatcher = Dispatcher(settings, engine, queue)
        if once:
            _sweep_until_settled(watcher, settings, stopping)
            dispatcher.dispatch()
            return
        _run_loops(settings, engine, watcher, dispatcher, stopping)
    finally:
        queue.close()
        engine.dispose()


def audit(settings: Settings, storage: Storage, engine: Engine, *, since: date | None = None) -> AuditReport:
    """
    Compare the bucket with the ledger, and the ledger with the rows; what is too fresh to be there is left out.

    Raises
    ------
    StorageUnavailable, DatabaseUnavailable
        A server doesn't answer.
    """
    recordings = (found for found in storage.list(settings.bucket, settings.prefix) if is_recording(found.ref.key))
    settling_ms = 2 * settings.sweep_ms + EMPTY_PATIENCE * settings.stable_ms
    with transaction(engine) as session:
        return models_audit.audit(
            session,
            listed=recordings,
            settled_before_ms=time.time_ns() // 1_000_000 - settling_ms,
            max_attempts=settings.max_attempts,
            overdue_ms=_DEADLINES_MISSED * settings.sent_deadline_ms + settings.lease_ms,
            since=since,
        )


def _probe(settings: Settings, storage: Storage, engine: Engine, queue: JobQueue) -> None:
    """Ask each server for something small, so that a wrong address is told at start and not in a log."""
    next(islice(storage.list(settings.bucket, settings.prefix), 1), None)
    queue.lengths()
    require_schema(engine)


def _sweep_until_settled(watcher: Watcher, settings: Settings, stopping: Callable[[], bool]) -> None:
    _report_sweep(watcher, stopping)
    _wait(settings.stable_ms, stopping)
    _report_sweep(watcher, stopping)


def _run_loops(
    settings: Settings, engine: Engine, watcher: Watcher, dispatcher: Dispatcher, stopping: Callable[[], bool]
) -> None:
    """Dispatch in this thread; sweep, and look after the partitions, in one of their own each."""
    ended = threading.Event()
    failures: list[BaseException] = []

    def run_beside(name: str, step: Callable[[], None], period_ms: int) -> threading.Thread:
        def loop() -> None:
            try:
                _repeat(name, step, period_ms, ended.is_set)
            except BaseException as error:  # noqa: BLE001 - carried over to the main thread, which raises it
                failures.append(error)

        thread = threading.Thread(target=loop, name=name)
        thread.start()
        return thread

    beside = [
        run_beside("sweep", lambda: _report_sweep(watcher, ended.is_set), settings.sweep_ms),
        run_beside("partitions", lambda: _make_partitions(engine), PARTITIONS_MS),
    ]
    try:
        _repeat("dispatch", lambda: _report_dispatch(dispatcher), DISPATCH_MS, lambda: stopping() or bool(failures))
    finally:
        ended.set()
        for thread in beside:
            thread.join()
    if failures:
        raise failures[0]


def _make_partitions(engine: Engine) -> None:
    with transaction(engine) as session:
        ensure_months_around_now(session)


def _repeat(name: str, step: Callable[[], None], period_ms: int, stopping: Callable[[], bool]) -> None:
    """Run a step again and again, a period after its last begin, later while something it needs is away."""
    backoff_ms = 0
    while not stopping():
        began_ms = monotonic_ms()
        try:
            step()
        except Outage as error:
            backoff_ms = min(backoff_ms * 2 or _FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS)
            _log.warning("waiting", loop=name, code=error.code, what=error.what, why=error.why, again_in_ms=backoff_ms)
        else:
            if backoff_ms:
                _log.info("going_on", loop=name)
            backoff_ms = 0
        _wait(max(backoff_ms, period_ms - (monotonic_ms() - began_ms)), stopping)


def _wait(duration_ms: int, stopping: Callable[[], bool]) -> None:
    deadline_ms = monotonic_ms() + duration_ms
    while not stopping() and (left_ms := deadline_ms - monotonic_ms()) > 0:
        time.sleep(min(left_ms, _LOOK_UP_MS) / 1_000)


def _report_sweep(watcher: Watcher, stopping: Callable[[], bool]) -> None:
    began_ms = monotonic_ms()
    report = watcher.sweep(stopping=stopping)
    write = _log.info if report.discovered else _log.debug
    write(
        "swept",
        listed=report.listed,
        discovered=report.discovered,
        pending=report.pending,
        took_ms=monotonic_ms() - began_ms,
    )


def _report_dispatch(dispatcher: Dispatcher) -> None:
    report = dispatcher.dispatch()
    write = _log.info if report.sent or report.lost else _log.debug
    write("dispatched", sent=report.sent, lost=report.lost, waiting=report.waiting)
