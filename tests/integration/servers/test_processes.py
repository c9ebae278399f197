"""Children that end with their launcher, and a supervisor that keeps them running: with real processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from callscope.processes import LOOPBACK, ChildExit, ChildProcess, ChildSpec, Supervisor, free_ports, stop_signals
from tests.integration.servers.processes import has_ended, wait_for

pytestmark = pytest.mark.integration

Spec = Callable[..., ChildSpec]


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    def make(*argv: str, name: str = "child", **fields: object) -> ChildSpec:
        return ChildSpec(name, argv, tmp_path / f"{name}.log", **fields)  # type: ignore[arg-type]

    return make


def test_a_child_runs_where_and_with_what_it_is_told(spec: Spec, tmp_path: Path) -> None:
    child = ChildProcess(spec("sh", "-c", "echo $WORD; pwd; exit 3", env={"WORD": "heard"}, folder=tmp_path))
    assert child.wait(10_000) == 3
    assert child.log_tail() == f"heard\n{tmp_path}"
    assert child.poll() == child.stop() == 3


def test_the_log_tail_is_this_childs_own(spec: Spec, tmp_path: Path) -> None:
    ChildProcess(spec("echo", "former")).wait(10_000)
    child = ChildProcess(spec("echo", "present"))
    child.wait(10_000)
    assert child.log_tail() == "present"
    assert (tmp_path / "child.log").read_text() == "former\npresent\n"


def test_a_child_without_a_log_file_writes_to_the_launchers_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    child = ChildProcess(ChildSpec("child", ("sh", "-c", "echo out; echo err >&2"), None))
    assert child.wait(10_000) == 0
    assert child.log_tail() == ""
    assert capfd.readouterr() == ("", "out\nerr\n")


def test_a_program_that_is_not_there_is_told_in_the_log(spec: Spec) -> None:
    child = ChildProcess(spec("no-such-program"))
    assert child.wait(10_000) == 1
    assert "no-such-program can't be run" in child.log_tail()


def test_a_child_that_ignores_its_signal_is_killed_after_the_grace(spec: Spec) -> None:
    child = ChildProcess(spec("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"))
    wait_for(lambda: child.log_tail() == "ready")
    assert child.wait(50) is None
    assert child.stop(grace_ms=100) == -signal.SIGKILL


def test_what_a_child_leaves_behind_ends_with_it(spec: Spec) -> None:
    child = ChildProcess(spec("sh", "-c", "sleep 1000 & echo $!"))
    assert child.wait(10_000) == 0
    left = int(child.log_tail())
    wait_for(lambda: has_ended(left))


def test_a_child_is_not_reached_by_the_terminals_signals(spec: Spec) -> None:
    with ChildProcess(spec("sleep", "1000")) as child:
        assert os.getpgid(child.pid) != os.getpgrp()
        assert os.getsid(child.pid) == child.pid


def test_children_are_started_from_the_main_thread_only(spec: Spec) -> None:
    raised: list[BaseException] = []

    def start() -> None:
        try:
            ChildProcess(spec("true"))
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(raised[0])


@pytest.mark.parametrize("death_signal", [signal.SIGKILL, signal.SIGTERM])
def test_children_end_with_a_launcher_that_is_killed(tmp_path: Path, death_signal: signal.Signals) -> None:
    program = f"""
import signal, time
from pathlib import Path
from callscope.processes import ChildProcess, ChildSpec
spec = ChildSpec("child", ("sleep", "1000"), Path({str(tmp_path / "log")!r}), death_signal=signal.{death_signal.name})
child = ChildProcess(spec)
while Path(f"/proc/{{child.pid}}/comm").read_text().strip() != "sleep":
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        child = int(launcher.stdout.readline())
        assert not has_ended(child)
        launcher.kill()
    wait_for(lambda: has_ended(child))


def test_a_kept_child_starts_again_later_each_time_it_ends_soon(spec: Spec) -> None:
    now_ms = 0
    delays = []
    with Supervisor(first_delay_ms=100, longest_delay_ms=300, steady_ms=1_000, now_ms=lambda: now_ms) as supervisor:
        supervisor.start(spec("sh", "-c", "exit 7"))
        for restarts in range(4):
            ended = _next_exit(supervisor)
            assert (ended.name, ended.code, ended.restarts) == ("child", 7, restarts)
            delays.append(ended.restart_in_ms)
            now_ms += ended.restart_in_ms - 1
            assert supervisor.check() == []
            assert supervisor.restarts == {"child": restarts}
            now_ms += 1
            assert supervisor.check() == []
            assert supervisor.restarts == {"child": restarts + 1}
    assert delays == [100, 200, 300, 300]


def test_a_child_that_ran_for_long_starts_again_at_the_first_delay(spec: Spec) -> None:
    now_ms = 0
    with Supervisor(first_delay_ms=100, steady_ms=1_000, now_ms=lambda: now_ms) as supervisor:
        supervisor.start(spec("true"))
        for _ in range(3):
            now_ms += _next_exit(supervisor).restart_in_ms
            supervisor.check()
        now_ms += 1_000
        assert _next_exit(supervisor).restart_in_ms == 100


def _next_exit(supervisor: Supervisor) -> ChildExit:
    exits: list[ChildExit] = []

    def has_exit() -> bool:
        exits.extend(supervisor.check())
        return bool(exits)

    wait_for(has_exit)
    return exits[0]


def test_children_stop_in_the_order_that_is_asked_for_and_stay_stopped(spec: Spec) -> None:
    with Supervisor(first_delay_ms=1) as supervisor:
        children = {
            name: supervisor.start(spec("sleep", "1000", name=name)) for name in ("server", "worker", "monitor")
        }
        supervisor.stop(["worker", "monitor"])
        assert supervisor.check() == []
        assert [name for name, child in children.items() if child.poll() is None] == ["server"]
        assert set(supervisor.restarts) == {"server"}
    assert children["server"].poll() is not None


def test_a_supervisor_runs_until_it_is_told_to_stop(spec: Spec) -> None:
    exits: list[ChildExit] = []
    with Supervisor(first_delay_ms=1) as supervisor, stop_signals() as stopping:
        supervisor.start(spec("sh", "-c", "exit 7"))

        def report(ended: ChildExit) -> None:
            exits.append(ended)
            if len(exits) == 3:
                os.kill(os.getpid(), signal.SIGTERM)

        supervisor.run(stopping, report=report, interval_ms=1)
        assert stopping()
    assert [ended.restarts for ended in exits] == [0, 1, 2]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_two_children_of_one_name_are_refused(spec: Spec) -> None:
    with Supervisor() as supervisor:
        supervisor.start(spec("sleep", "1000"))
        with pytest.raises(ValueError, match="child"):
            supervisor.start(spec("sleep", "1000"))


def test_free_ports_are_different_and_can_be_listened_on() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    with socket.socket() as listener:
        listener.bind((LOOPBACK, ports[0]))
