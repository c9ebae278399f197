"""
Child processes that end with their launcher, and a supervisor that keeps them running.

Every child gets `PR_SET_PDEATHSIG`: the kernel signals it when the thread that started it ends, so nothing is left
behind when the launcher is killed with -9. That is per thread, so children are started from the main thread only.
Each child leads a session of its own: Ctrl-C reaches the launcher alone, which then stops its children in order, and
a child that has ended takes what is left of its group with it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

LOOPBACK = "127.0.0.1"

# Runs in the child between fork and the program. `preexec_fn` would run Python in a forked copy of a process that
# has threads, where any lock may be held for ever; `setpriv --pdeathsig` is not on every machine; a fresh interpreter
# without site-packages is, costs 20 ms, and becomes the program by exec, so that pid and parent stay what they were.
# A change of user clears the death signal, hence the order; a launcher that died before prctl is seen by getppid.
# `warnings` is what execvp imports when it is called: too late, the new user may not read the interpreter's folder.
_LAUNCH = """
import ctypes, os, sys, warnings
parent, death_signal, uid, gid, *argv = sys.argv[1:]
if uid != "-":
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
if ctypes.CDLL(None, use_errno=True).prctl(1, int(death_signal), 0, 0, 0) != 0:
    sys.exit("prctl(PR_SET_PDEATHSIG) failed: " + os.strerror(ctypes.get_errno()))
if os.getppid() != int(parent):
    sys.exit("the launcher ended before its child began")
try:
    os.execvp(argv[0], argv)
except OSError as error:
    sys.exit(f"{argv[0]} can't be run: {error.strerror}")
"""

_POLL_MS = 10


@dataclass(frozen=True, slots=True)
class User:
    """A system user by its numbers."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How a child is started and stopped."""

    name: str
    argv: tuple[str, ...]
    """The program first; found on PATH when it has no slash."""
    log_file: Path | None
    """Gets stdout and stderr, appended; its folder is made. None: both go to the launcher's stderr."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the launcher's environment."""
    folder: Path | None = None
    """Working folder; None: the launcher's."""
    user: User | None = None
    """Only root may name one; None: the launcher's."""
    stop_signal: signal.Signals = signal.SIGTERM
    """Asks the program to end by itself."""
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the launcher is gone."""
    grace_ms: int = 10_000
    """From the stop signal to SIGKILL."""


class ChildProcess:
    """
    A running child; leave the `with` block, or call `stop`, to end it.

    Parameters
    ----------
    spec : ChildSpec
        What to start.

    Raises
    ------
    RuntimeError
        Not called from the main thread: the child would end with the calling thread.
    """

    def __init__(self, spec: ChildSpec) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError(f"{spec.name} must be started from the main thread, or it ends with this one")
        self.spec = spec
        user = (str(spec.user.uid), str(spec.user.gid)) if spec.user else ("-", "-")
        launch = (sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), str(int(spec.death_signal)), *user)
        with _log_of(spec) as log:
            self._log_start_bytes = os.fstat(log).st_size
            self._process = subprocess.Popen(  # noqa: S603 - an argument list of ours, no shell
                [*launch, *spec.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=spec.folder,
                env={**os.environ, **spec.env},  # noqa: TID251 - handed on whole; nothing is read here
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process number; also of its group and session."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        if self._process.returncode is not None:
            return self._process.returncode
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        # Not yet reaped, so its number is still its own and the group is still the one we made.
        self._kill_group()
        return self._process.wait()

    def wait(self, timeout_ms: int) -> int | None:
        """Return the exit code as soon as it ends, or None when it still runs after ``timeout_ms``."""
        deadline_ms = monotonic_ms() + timeout_ms
        while (code := self.poll()) is None and monotonic_ms() < deadline_ms:
            time.sleep(_POLL_MS / 1_000)
        return code

    def send(self, number: signal.Signals) -> None:
        """Signal the child itself, not its group; no error when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def stop(self, grace_ms: int | None = None) -> int:
        """
        End the child and what is left of its group; return its exit code.

        Parameters
        ----------
        grace_ms : int >= 0, optional
            From the stop signal to SIGKILL; None: the spec's.
        """
        self.send(self.spec.stop_signal)
        return self.finish(self.spec.grace_ms if grace_ms is None else grace_ms)

    def finish(self, grace_ms: int) -> int:
        """Wait for a child that was told to stop; SIGKILL to its group after ``grace_ms``."""
        code = self.wait(grace_ms)
        if code is None:
            self._kill_group()
            code = self._process.wait()
        return code

    def log_tail(self, lines: int = 10) -> str:
        """Return the last lines that this process, not one before it, wrote to the log file; empty without one."""
        if self.spec.log_file is None:
            return ""
        with self.spec.log_file.open("rb") as log:
            log.seek(self._log_start_bytes)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # the shim had not made its session yet, or nobody is left in it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def _log_of(spec: ChildSpec) -> Iterator[int]:
    if spec.log_file is None:
        yield sys.stderr.fileno()
        return
    spec.log_file.parent.mkdir(parents=True, exist_ok=True)
    with spec.log_file.open("ab") as log:
        yield log.fileno()


@dataclass(frozen=True, slots=True)
class ChildExit:
    """A supervised child ended and will be started again."""

    name: str
    code: int
    """Exit code; negative for a signal."""
    restarts: int
    """How often it was started again so far."""
    restart_in_ms: int


@dataclass(slots=True)
class _Kept:
    spec: ChildSpec
    process: ChildProcess
    started_at_ms: int
    restarts: int = 0
    delay_ms: int = 0
    restart_at_ms: int | None = None
    """None while it runs."""


def monotonic_ms() -> int:
    """Return a clock that only goes forward, in milliseconds."""
    return time.monotonic_ns() // 1_000_000


class Supervisor:
    """
    Keeps children alive: one that ends is started again, later each time it ends soon after its start.

    It has no thread of its own, since a child ends with the thread that started it: the main thread calls `run`,
    or `check` every now and then.

    Parameters
    ----------
    first_delay_ms : int > 0
        Wait before the first restart; doubles with each further one.
    longest_delay_ms : int > 0
        The wait doubles no further.
    steady_ms : int > 0
        A child that has run for this long starts again at the first delay.
    now_ms : callable
        A monotonic clock in milliseconds.
    """

    def __init__(
        self,
        *,
        first_delay_ms: int = 500,
        longest_delay_ms: int = 30_000,
        steady_ms: int = 60_000,
        now_ms: Callable[[], int] = monotonic_ms,
    ) -> None:
        self._first_delay_ms = first_delay_ms
        self._longest_delay_ms = longest_delay_ms
        self._steady_ms = steady_ms
        self._now_ms = now_ms
        self._kept: dict[str, _Kept] = {}

    def start(self, spec: ChildSpec) -> ChildProcess:
        """
        Start a child and keep it alive from now on.

        Raises
        ------
        ValueError
            A child of this name is kept already.
        """
        if spec.name in self._kept:
            raise ValueError(f"a child named {spec.name} is kept already")
        process = ChildProcess(spec)
        self._kept[spec.name] = _Kept(spec, process, started_at_ms=self._now_ms())
        return process

    @property
    def restarts(self) -> Mapping[str, int]:
        """How often each child was started again."""
        return {name: kept.restarts for name, kept in self._kept.items()}

    def process(self, name: str) -> ChildProcess:
        """Return the child's present process; it may have ended and wait for its restart."""
        return self._kept[name].process

    def check(self) -> list[ChildExit]:
        """Start again what is due; return the children that were found ended since the last call."""
        exits = []
        for kept in self._kept.values():
            now_ms = self._now_ms()
            if kept.restart_at_ms is not None:
                if kept.restart_at_ms <= now_ms:
                    kept.process, kept.started_at_ms, kept.restart_at_ms = ChildProcess(kept.spec), now_ms, None
                    kept.restarts += 1
            elif (code := kept.process.poll()) is not None:
                steady = now_ms - kept.started_at_ms >= self._steady_ms
                kept.delay_ms = min(kept.delay_ms * 2, self._longest_delay_ms) if kept.delay_ms and not steady else 0
                kept.delay_ms = kept.delay_ms or self._first_delay_ms
                kept.restart_at_ms = now_ms + kept.delay_ms
                exits.append(ChildExit(kept.spec.name, code, kept.restarts, kept.delay_ms))
        return exits

    def run(self, stopping: Callable[[], bool], *, report: Callable[[ChildExit], None], interval_ms: int = 200) -> None:
        """Keep the children alive until ``stopping`` says so; they still run when this returns."""
        while not stopping():
            for ended in self.check():
                report(ended)
            time.sleep(interval_ms / 1_000)

    def stop(self, names: Iterable[str] | None = None) -> None:
        """
        End the named children for good, told all at once and waited for together; None: all that are left.

        For an order among them, call it once for each group.
        """
        chosen = [self._kept.pop(name).process for name in (list(self._kept) if names is None else names)]
        told_at_ms = monotonic_ms()
        for process in chosen:
            process.send(process.spec.stop_signal)
        for process in chosen:
            process.finish(max(process.spec.grace_ms - (monotonic_ms() - told_at_ms), 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def stop_signals(numbers: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT)) -> Iterator[Callable[[], bool]]:
    """
    Yield a function that says whether one of the signals has come; the old handlers are put back at the end.

    A handler that sets a `threading.Event` can deadlock with a main thread that waits on it, so this is a plain flag.
    """
    seen: list[int] = []
    previous = {number: signal.signal(number, lambda received, _frame: seen.append(received)) for number in numbers}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def free_ports(count: int) -> list[int]:
    """Return so many different loopback TCP ports that nobody listens on now."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
