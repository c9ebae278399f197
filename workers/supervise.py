"""The GPU side of one machine: a process for each device and one for recordings that travel alone, kept alive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from callscope.jobs import ANALYSE_QUEUE, ISOLATE_QUEUE
from callscope.processes import ChildExit, ChildSpec, Supervisor

EXIT_REFUSED = 78
"""A worker won't start as it is configured; starting it again won't help."""

GRACE_MS = 30_000
"""For a recording to come to its next look-up; then it costs an attempt."""

_log = structlog.get_logger(__name__)


def supervise(devices: Sequence[str], *, environment: Mapping[str, str], stopping: Callable[[], bool]) -> bool:
    """
    Run the workers until told to stop; return False when one refused to start, after the others were stopped.

    One that ran before and refuses now has lost its device, or its checkpoint: it is tried again, and its neighbours
    go on.

    Parameters
    ----------
    devices : sequence of str
        One process for each; the first also takes the recordings that travel alone.
    environment : mapping of str to str
        Settings that differ from this process' own.
    stopping : callable
        Whether to come to an end.
    """
    refused: list[str] = []

    def report(ended: ChildExit) -> None:
        _log.warning(
            "worker_ended", worker=ended.name, code=ended.code, restarts=ended.restarts, again_in_ms=ended.restart_in_ms
        )
        if ended.code == EXIT_REFUSED and not ended.restarts:
            refused.append(ended.name)

    with Supervisor() as supervisor:
        for spec in worker_specs(devices, environment):
            supervisor.start(spec)
        supervisor.run(lambda: stopping() or bool(refused), report=report)
    return not refused


def worker_specs(devices: Sequence[str], environment: Mapping[str, str]) -> Iterator[ChildSpec]:
    """Return what is started for these devices."""
    for number, device in enumerate(devices):
        yield _spec(f"{ANALYSE_QUEUE}-{number}", ANALYSE_QUEUE, {**environment, "CALLSCOPE_DEVICE": device})
    yield _spec(ISOLATE_QUEUE, ISOLATE_QUEUE, {**environment, "CALLSCOPE_DEVICE": devices[0]})


def _spec(name: str, queue: str, environment: Mapping[str, str]) -> ChildSpec:
    return ChildSpec(
        name,
        (sys.executable, "-m", "workers.analyse", queue),
        log_file=None,
        env=environment,
        grace_ms=GRACE_MS,
    )
