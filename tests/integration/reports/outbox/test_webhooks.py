"""Webhooks, from the outbox in a real Postgres to a real receiver with the scheme's own verifier."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from sqlalchemy import create_engine, text
from standardwebhooks import Webhook, WebhookVerificationError

from callscope.errors import NotDelivered
from callscope.processes import LOOPBACK, free_ports
from reports.outbox import deliver, http
from reports.outbox.deliver import RETRY_DELAYS_MS, SLOTS, Deliverer, Tally
from tests.integration.models import steps
from tests.integration.reports.outbox.conftest import Post, webhook
from tests.integration.reports.outbox.receivers import Certificate, HttpReceiver, Request
from tests.integration.servers.processes import wait_for

pytestmark = pytest.mark.integration


@contextmanager
def delivering(*deliverers: Deliverer) -> Iterator[None]:
    """Run deliverers beside the test."""
    ended = threading.Event()
    threads = [threading.Thread(target=each.run, args=(ended.is_set,)) for each in deliverers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_a_message_is_signed_completed_and_taken(post: Post, receiver: HttpReceiver) -> None:
    steps.discover(post.engine, "a.wav")
    job = steps.take_one(post.engine)
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets", recording_id=job.recording_id, start_ms=187_400, text="退款")
    assert post.send().sent == 1

    (request,) = receiver.requests
    row = post.row()
    said = request.verified()
    assert said["type"] == "call.finding"
    assert said["timestamp"] == row["created_at"].isoformat()
    assert said["data"] == {
        "rule": "angry",
        "severity": "high",
        "start_ms": 187_400,
        "text": "退款",
        "recording_id": job.recording_id,
        "url": f"https://calls.example.com/calls/{job.recording_id}?t=187",
    }
    assert request.message_id == row["message_id"]
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/json"
    assert row["sent_at"] is not None
    assert (row["attempts"], row["error_message"], row["dead_at"]) == (0, None, None)
    assert post.send().sent == 0


def test_a_receiver_with_another_secret_refuses_it(post: Post, receiver: HttpReceiver) -> None:
    def verify(request: Request) -> int:
        try:
            Webhook("whsec_" + "QUJD" * 10).verify(request.body, request.headers)
        except WebhookVerificationError:
            return 401
        return 204

    receiver.answer = verify
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    assert post.send().failed == 1
    assert post.row()["error_message"] == "not_delivered: the receiver answered 401"


def test_without_pages_there_is_no_link(post: Post, receiver: HttpReceiver) -> None:
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    post.with_settings(page_url="").send()
    assert receiver.requests[0].verified()["data"]["url"] is None


def test_what_failed_is_sent_again_under_the_same_id(post: Post, receiver: HttpReceiver) -> None:
    answers = iter([500, 429, 200])
    receiver.answer = lambda _request: next(answers)
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")

    assert post.send().failed == 1
    row = post.row()
    assert (row["attempts"], row["sent_at"]) == (1, None)
    assert row["error_message"] == "not_delivered: the receiver answered 500"
    assert 0.7 * RETRY_DELAYS_MS[0] < row["wait_s"] * 1_000 < 1.2 * RETRY_DELAYS_MS[0]
    assert post.send() == Tally()  # not before its time

    post.let_time_pass()
    assert post.send().failed == 1
    assert 0.7 * RETRY_DELAYS_MS[1] < post.row()["wait_s"] * 1_000 < 1.2 * RETRY_DELAYS_MS[1]
    post.let_time_pass()
    assert post.send().sent == 1
    assert len(set(receiver.message_ids)) == 1
    assert len(receiver.requests) == 3
    assert post.row()["error_message"] is None


def test_after_ten_attempts_it_is_dead_until_it_is_replayed(post: Post, receiver: HttpReceiver) -> None:
    receiver.answer = lambda _request: 503
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    for _ in range(12):
        post.send()
        post.let_time_pass()
    assert len(receiver.requests) == 10
    row = post.row()
    assert row["attempts"] == 10
    assert row["dead_at"] is not None
    assert row["not_before"] is None


def test_a_receiver_that_is_gone_gets_no_more(post: Post, receiver: HttpReceiver) -> None:
    receiver.answer = lambda _request: 410
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    assert post.send().dead == 1
    assert post.row()["error_message"] == "receiver_gone: the receiver wants no more messages (it answered 410)"


def test_a_receiver_that_is_away_costs_an_attempt_and_shows_no_url(post: Post) -> None:
    [port] = free_ports(1)
    post.name(tickets=webhook(f"http://{LOOPBACK}:{port}/hook/hush"))
    post.write("tickets")
    with structlog.testing.capture_logs() as logs:
        assert post.send().failed == 1
    assert post.row()["error_message"] == "not_delivered: the receiver can't be reached (Connection refused)"
    assert [line["event"] for line in logs] == ["message_not_sent"]
    assert "hush" not in str(logs) + post.row()["error_message"]


def test_a_host_without_an_address_costs_an_attempt(post: Post) -> None:
    post.name(tickets=webhook("http://nowhere.invalid/hook"))
    post.write("tickets")
    assert post.send().failed == 1
    assert "can't be reached" in post.row()["error_message"]


def test_no_redirect_is_followed(post: Post, receiver: HttpReceiver) -> None:
    with HttpReceiver().running() as inner:
        receiver.answer = lambda _request: (307, {"Location": inner.url()}, b"")
        post.name(tickets=webhook(receiver.url()))
        post.write("tickets")
        assert post.send().failed == 1
        assert inner.requests == []
    assert post.row()["error_message"] == "not_delivered: the receiver answered 307 (redirects aren't followed)"


@pytest.mark.parametrize("host", [LOOPBACK, "localhost", "2130706433", "0x7f.1"])
def test_a_private_address_is_refused_unless_it_is_allowed(post: Post, receiver: HttpReceiver, host: str) -> None:
    post.name(tickets=webhook(receiver.url(host=host), allow_private=False))
    post.write("tickets")
    assert post.send().dead == 1
    assert receiver.requests == []
    assert post.row()["error_message"].startswith("address_not_public: ")


def test_a_host_with_one_private_address_is_refused(
    post: Post, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(_host: str, port: int, *_rest: object, **_more: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("93.184.216.34", LOOPBACK)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    post.name(tickets=webhook(receiver.url(host="rebinding.example.com"), allow_private=False))
    post.write("tickets")
    assert post.send().dead == 1
    assert receiver.requests == []


def test_the_connection_goes_to_the_address_that_was_looked_at(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def once(host: str, port: int, *_rest: object, **_more: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (LOOPBACK, port))]

    monkeypatch.setattr(socket, "getaddrinfo", once)
    url = receiver.url(host="receiver.example.com")
    answer = http.post(url, b"{}", {}, deadline_s=5, allow_private=True)
    assert answer.status == 204
    assert asked == ["receiver.example.com"]
    assert receiver.requests[0].headers["host"] == f"receiver.example.com:{receiver.port}"


def test_the_next_address_is_tried_when_one_does_not_answer(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(_host: str, port: int, *_rest: object, **_more: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.7", LOOPBACK)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    answer = http.post(receiver.url(host="receiver.example.com"), b"{}", {}, deadline_s=5, allow_private=True)
    assert answer.status == 204


def test_a_certificate_is_held_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, wrong = Certificate.made(tmp_path), Certificate.made(tmp_path, "other.example.com")
    both = tmp_path / "both.pem"
    both.write_bytes(good.file.read_bytes() + wrong.file.read_bytes())
    with _https(good) as named, _https(wrong) as misnamed:
        with pytest.raises(NotDelivered) as unknown:
            http.post(named.url(host="localhost"), b"{}", {}, deadline_s=5, allow_private=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(both))
        http._tls.cache_clear()
        try:
            known = http.post(named.url(host="localhost"), b"{}", {}, deadline_s=5, allow_private=True)
            with pytest.raises(NotDelivered) as wrong_name:
                http.post(misnamed.url(host="localhost"), b"{}", {}, deadline_s=5, allow_private=True)
        finally:
            http._tls.cache_clear()
    assert known.status == 204
    assert "self-signed" in unknown.value.why
    assert "not valid for 'localhost'" in wrong_name.value.why


@contextmanager
def _server(url: str) -> Iterator[Callable[[str], None]]:
    """Yield a way to run statements outside the test's own database."""
    server = create_engine(url, isolation_level="AUTOCOMMIT")

    def run(statement: str) -> None:
        with server.connect() as connection:
            connection.execute(text(statement))

    yield run
    server.dispose()


@contextmanager
def _https(certificate: Certificate) -> Iterator[HttpReceiver]:
    receiver = HttpReceiver()
    receiver.socket = certificate.server_context().wrap_socket(receiver.socket, server_side=True)
    receiver.scheme = "https"
    with receiver.running():
        yield receiver


def test_a_receiver_that_drips_is_cut_off() -> None:
    ended = threading.Event()
    with socket.create_server((LOOPBACK, 0)) as listening:
        listening.settimeout(10)

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                while not ended.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        try:
            with pytest.raises(NotDelivered, match="took too long"):
                http.post(
                    f"http://{LOOPBACK}:{listening.getsockname()[1]}/", b"", {}, deadline_s=0.5, allow_private=True
                )
        finally:
            ended.set()
            thread.join()
        assert time.monotonic() - began < 5


def test_an_answer_without_an_end_is_cut_off(receiver: HttpReceiver) -> None:
    receiver.answer = lambda _request: (200, {}, b"x" * 5_000_000)
    answer = http.post(receiver.url(), b"", {}, deadline_s=5, allow_private=True, max_answer_bytes=1_000)
    assert len(answer.body) == 1_000


def test_a_slow_receiver_holds_up_nobody_else(post: Post, receiver: HttpReceiver) -> None:
    released = threading.Event()

    def slow(_request: Request) -> int:
        released.wait(30)
        return 204

    with HttpReceiver().running() as stuck:
        stuck.answer = slow
        post.name(stuck=webhook(stuck.url()), tickets=webhook(receiver.url()))
        post.write("stuck", 20)
        post.write("tickets", 20)
        try:
            with delivering(post.deliverer()):
                wait_for(lambda: len(receiver.requests) == 20)
                assert len(stuck.requests) == SLOTS
                released.set()
                wait_for(lambda: all(row["sent_at"] for row in post.rows()))
        finally:
            released.set()
        assert max(Counter(stuck.message_ids).values()) == 1


def test_a_receiver_that_fails_is_asked_less_often(post: Post, receiver: HttpReceiver) -> None:
    receiver.answer = lambda _request: 500
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets", 200)
    with delivering(post.deliverer()):
        time.sleep(2)
        assert SLOTS <= len(receiver.requests) <= 4 * SLOTS
        receiver.answer = lambda _request: 204
        wait_for(lambda: sum(row["sent_at"] is not None for row in post.rows()) >= 150)


def test_a_receiver_that_got_all_its_messages_costs_no_thread(
    post: Post, receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads() -> int:
        return sum(thread.name.startswith("receiver") for thread in threading.enumerate())

    monkeypatch.setattr(deliver, "LONGEST_PAUSE_MS", 0)
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets", 5)
    with delivering(post.deliverer()):
        wait_for(lambda: threads() > 0)
        wait_for(lambda: all(row["sent_at"] for row in post.rows()))
        wait_for(lambda: threads() == 0)


def test_two_senders_side_by_side_send_each_message_once(post: Post, receiver: HttpReceiver) -> None:
    def unhurried(_request: Request) -> int:
        time.sleep(0.005)
        return 204

    receiver.answer = unhurried
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets", 300)
    with delivering(post.deliverer(), post.deliverer()):
        wait_for(lambda: all(row["sent_at"] for row in post.rows()))
    assert Counter(Counter(receiver.message_ids).values()) == {1: 300}


def test_a_target_that_nobody_named_is_told_and_can_be_replayed(post: Post, receiver: HttpReceiver) -> None:
    post.write("tickets")
    deliverer = post.deliverer()
    with delivering(deliverer):
        wait_for(lambda: post.row()["dead_at"] is not None)
        assert post.row()["error_message"] == "unknown_target: there is no webhook target named tickets"
        # The file is read again when it changes, and a bad one changes nothing.
        post.name(tickets=webhook(receiver.url()))
        wait_for(lambda: "tickets" in deliverer._senders._sender.targets)
        assert post.settings.targets_file is not None
        post.settings.targets_file.write_text("tickets: {}")
        time.sleep(1)
        post.sql("UPDATE outbox SET dead_at = NULL, attempts = 0")
        wait_for(lambda: len(receiver.requests) == 1)
        wait_for(lambda: post.row()["sent_at"] is not None)


def test_what_a_receiver_took_is_noted_once_the_database_is_back(
    post: Post, receiver: HttpReceiver, postgres_url: str
) -> None:
    arrived, released = threading.Event(), threading.Event()

    def held(_request: Request) -> int:
        arrived.set()
        released.wait(30)
        return 204

    receiver.answer = held
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    name = post.engine.url.database
    with delivering(post.deliverer()), _server(postgres_url) as run_on_server:
        try:
            assert arrived.wait(30)
            run_on_server(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            run_on_server("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'")
            released.set()
            time.sleep(1)
        finally:
            released.set()
            run_on_server(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        wait_for(lambda: post.row()["sent_at"] is not None)
    assert len(receiver.requests) == 1


def test_a_sender_that_was_too_slow_undoes_nothing(post: Post, receiver: HttpReceiver) -> None:
    first = threading.Event()

    def slow_then_quick(_request: Request) -> int:
        if len(receiver.requests) == 1:
            first.wait(30)
            return 500
        return 204

    receiver.answer = slow_then_quick
    post.name(tickets=webhook(receiver.url()))
    post.write("tickets")
    with delivering(post.deliverer(lease_ms=500)):
        # Its lease ends while it is under way, and another attempt overtakes it.
        wait_for(lambda: post.row()["sent_at"] is not None)
        first.set()
    row = post.row()
    assert row["sent_at"] is not None
    assert (row["attempts"], row["error_message"]) == (0, None)
    assert len(receiver.requests) == 2
    assert len(set(receiver.message_ids)) == 1
