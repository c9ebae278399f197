"""`callscope notify` and `callscope outbox` as people and systems run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from callscope import cli
from callscope.errors import UsageError
from callscope.processes import ChildProcess, ChildSpec
from tests.integration.reports.outbox.conftest import Post, mail, webhook
from tests.integration.reports.outbox.receivers import HttpReceiver, MailBox, Request, mail_server

pytestmark = pytest.mark.integration


def callscope(post: Post, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callscope", *arguments],
        env={**os.environ, **post.settings.as_environment()},  # noqa: TID251 - handed on whole
        capture_output=True,
        text=True,
        check=False,
    )


def ask(post: Post, *arguments: str) -> Result:
    """Run a command in this process, which is quicker."""
    return CliRunner().invoke(cli.callscope, arguments, env=post.settings.as_environment())


@contextmanager
def notifier(post: Post, log_file: Path) -> Iterator[ChildProcess]:
    argv = (sys.executable, "-m", "callscope", "notify")
    with ChildProcess(ChildSpec("notifier", argv, log_file, env=post.settings.as_environment())) as process:
        yield process


class HeldReceiver:
    """Makes a receiver take requests and keep its answers back."""

    def __init__(self, receiver: HttpReceiver) -> None:
        self.arrived, self.released = threading.Event(), threading.Event()
        receiver.answer = self._answer

    def _answer(self, _request: Request) -> int:
        self.arrived.set()
        self.released.wait(30)
        return 204


def test_a_sender_that_is_killed_after_sending_sends_it_again(
    post: Post, receiver: HttpReceiver, tmp_path: Path
) -> None:
    held = HeldReceiver(receiver)
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    with notifier(post, tmp_path / "first.log") as process:
        assert held.arrived.wait(30)
        process.send(signal.SIGKILL)
        assert process.wait(10_000) == -signal.SIGKILL
    held.released.set()
    row = post.row()
    assert (row["sent_at"], row["attempts"]) == (None, 0)
    assert row["wait_s"] > 100  # nobody else takes it before its lease ends

    post.let_time_pass()
    ended = callscope(post, "notify", "--once")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "1 sent, 0 to be tried again, 0 given up\n"
    assert receiver.message_ids == [row["message_id"]] * 2
    assert all(request.verified()["type"] == "call.finding" for request in receiver.requests)


def test_a_sender_that_is_told_to_stop_ends_what_it_began(post: Post, receiver: HttpReceiver, tmp_path: Path) -> None:
    held = HeldReceiver(receiver)
    post.name(tickets=webhook(receiver.url("/hook/hush")))
    post.write("tickets", text="what was said")
    with notifier(post, tmp_path / "notifier.log") as process:
        assert held.arrived.wait(30)
        process.send(signal.SIGTERM)
        assert process.wait(500) is None
        held.released.set()
        assert process.wait(10_000) == 0
    assert post.row()["sent_at"] is not None
    log = (tmp_path / "notifier.log").read_text()
    assert "message_sent" in log
    assert "hush" not in log
    assert "what was said" not in log


def test_once_says_by_its_exit_code_that_something_was_not_taken(post: Post, receiver: HttpReceiver) -> None:
    receiver.answer = lambda request: 500 if "hook" in request.path else 204
    post.name(tickets=webhook(receiver.url()), others=webhook(receiver.url("/other")))
    post.write("tickets")
    post.write("others")
    post.write("nobody")
    ended = callscope(post, "notify", "--once")
    assert ended.returncode == 1
    assert ended.stdout == "1 sent, 1 to be tried again, 1 given up\n"


def test_what_can_not_work_is_told_at_start(post: Post) -> None:
    assert post.settings.targets_file is not None
    post.settings.targets_file.write_text("tickets: {}")
    ended = callscope(post, "notify")
    assert ended.returncode == 1
    assert "targets_invalid" in ended.stderr
    assert "why: tickets: say how it is reached" in ended.stderr
    ended = callscope(post.with_settings(targets_file=None), "notify")
    assert ended.returncode == 1
    assert "CALLSCOPE_TARGETS_FILE isn't set" in ended.stderr


def test_dead_messages_are_listed_and_replayed(post: Post, receiver: HttpReceiver) -> None:
    post.write("tickets", 3, text="what was said")
    post.write("other")
    assert post.send().dead == 4

    listed = [json.loads(line) for line in ask(post, "outbox", "list", "--json").stdout.splitlines()]
    assert [one["id"] for one in listed] == [4, 3, 2, 1]
    assert {one["state"] for one in listed} == {"dead"}
    assert listed[0]["error_message"] == "unknown_target: there is no webhook target named other"
    shown = ask(post, "outbox", "list").stdout
    assert "tickets (webhook): 0 wait; 0 sent, 3 given up" in shown
    assert "what was said" not in shown

    assert ask(post, "outbox", "replay").exit_code == 2
    assert ask(post, "outbox", "replay", "1", "--all").exit_code == 2
    assert ask(post, "outbox", "replay", "1").stdout == "1 message(s) wait again\n"
    assert ask(post, "outbox", "replay", "--target", "tickets").stdout == "2 message(s) wait again\n"
    post.name(tickets=webhook(receiver.url()))
    ids = [row["message_id"] for row in post.rows()][:3]
    assert post.send().sent == 3
    assert sorted(receiver.message_ids) == sorted(ids)
    assert ask(post, "outbox", "replay", "1").stdout == "0 message(s) wait again\n"
    sent = ask(post, "outbox", "list", "--state", "sent", "--target", "tickets", "--limit", "2", "--json").stdout
    assert [json.loads(line)["id"] for line in sent.splitlines()] == [3, 2]
    assert "tickets (webhook): 0 wait; 3 sent, 0 given up" in ask(post, "outbox", "list").stdout
    assert ask(post, "outbox", "replay", "--all").stdout == "1 message(s) wait again\n"


def test_a_waiting_message_tells_since_when_and_why(post: Post, receiver: HttpReceiver) -> None:
    receiver.answer = lambda _request: 503
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    post.send()
    (line,) = ask(post, "outbox", "list", "--state", "waiting", "--json").stdout.splitlines()
    listed = json.loads(line)
    assert (listed["state"], listed["attempts"], listed["ended_at"]) == ("waiting", 1, None)
    assert listed["not_before"] > listed["created_at"]
    assert "answered 503" in listed["error_message"]
    assert "1 wait, the oldest for" in ask(post, "outbox", "list").stdout


def test_a_receiver_can_be_tried(post: Post, receiver: HttpReceiver) -> None:
    box = MailBox()
    with mail_server(box) as port:
        tried = post.with_settings(smtp_url=SecretStr(f"smtp://127.0.0.1:{port}"))
        post.name(tickets={**webhook(receiver.url()), **mail()})
        ended = ask(tried, "outbox", "send-test", "tickets")
    assert ended.exit_code == 0, ended.stderr
    assert receiver.requests[0].verified()["type"] == "callscope.test"
    assert box.letters[0]["Subject"] == "callscope.test"
    assert post.rows() == []

    receiver.answer = lambda _request: 404
    post.name(tickets=webhook(receiver.url()))
    ended = ask(post, "outbox", "send-test", "tickets")
    assert ended.exit_code == 1
    assert "the receiver answered 404" in ended.stderr
    assert isinstance(ask(post, "outbox", "send-test", "nobody").exception, UsageError)
