"""Mail, from the outbox in a real Postgres to a real SMTP server."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from callscope.calls import NoticeKind
from callscope.errors import InvalidSetting
from callscope.processes import LOOPBACK, free_ports
from tests.integration.reports.outbox.conftest import Post, mail
from tests.integration.reports.outbox.receivers import Certificate, MailBox, mail_server

pytestmark = pytest.mark.integration


def mailing(post: Post, port: int, *, host: str = LOOPBACK, login: str = "", query: str = "") -> Post:
    return post.with_settings(smtp_url=SecretStr(f"smtp://{login}{host}:{port}{query}"))


def test_a_finding_is_mailed(post: Post) -> None:
    box = MailBox()
    post.name(quality=mail(["ann@example.com", "bo@example.com"]))
    post.write("quality", kind=NoticeKind.MAIL, start_ms=5_000, end_ms=6_000)
    with mail_server(box) as port:
        assert mailing(post, port).send().sent == 1
    (letter,) = box.letters
    assert letter["Subject"] == "HIGH: angry"
    assert letter["From"] == "callscope <callscope@example.com>"
    assert letter["Message-ID"] == f"<{post.row()['message_id']}@example.com>"
    assert box.receivers == [["ann@example.com", "bo@example.com"]]
    assert [part.get_content_type() for part in letter.iter_parts()] == ["text/plain", "text/html"]
    assert post.row()["sent_at"] is not None


def test_a_server_that_is_down_gets_it_when_it_is_up(post: Post) -> None:
    box = MailBox()
    [port] = free_ports(1)
    post.name(quality=mail())
    post.write("quality", kind=NoticeKind.MAIL)
    assert mailing(post, port).send().failed == 1
    assert post.row()["error_message"] == "not_delivered: the mail server didn't take it (Connection refused)"
    post.let_time_pass()
    with mail_server(box, port=port):
        assert mailing(post, port).send().sent == 1
    assert len(box.letters) == 1


def test_a_server_that_asks_for_patience_gets_it_again(post: Post) -> None:
    box = MailBox(answer="451 try later")
    post.name(quality=mail())
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box) as port:
        assert mailing(post, port).send().failed == 1
        assert post.row()["error_message"] == "not_delivered: the mail server didn't take it (451 try later)"
        box.answer = "250 OK"
        post.let_time_pass()
        assert mailing(post, port).send().sent == 1


def test_a_refusal_is_for_good(post: Post) -> None:
    box = MailBox(answer="554 no such mail here")
    post.name(quality=mail())
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box) as port:
        assert mailing(post, port).send().dead == 1
    assert post.row()["error_message"] == "mail_refused: the mail server refuses the mail (554 no such mail here)"


def test_a_receiver_that_is_unknown_keeps_nobody_else_from_it(post: Post) -> None:
    box = MailBox(answers_by_receiver={"bo@example.com": "550 unknown"})
    post.name(quality=mail(["ann@example.com", "bo@example.com"]))
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box) as port:
        assert mailing(post, port).send().sent == 1
    assert box.receivers == [["ann@example.com"]]


def test_receivers_that_are_all_unknown_are_told(post: Post) -> None:
    box = MailBox(answers_by_receiver={"ann@example.com": "550 unknown"})
    post.name(quality=mail())
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box) as port:
        assert mailing(post, port).send().dead == 1
    assert post.row()["error_message"] == "mail_refused: the mail server refuses every receiver (550 unknown)"


def test_a_receiver_that_must_wait_gets_it_later_under_the_same_id(post: Post) -> None:
    box = MailBox(answers_by_receiver={"bo@example.com": "450 greylisted"})
    post.name(quality=mail(["ann@example.com", "bo@example.com"]))
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box) as port:
        assert mailing(post, port).send().failed == 1
        box.answers_by_receiver.clear()
        post.let_time_pass()
        assert mailing(post, port).send().sent == 1
    assert box.receivers == [["ann@example.com"], ["ann@example.com", "bo@example.com"]]
    assert len({letter["Message-ID"] for letter in box.letters}) == 1


def test_tls_is_used_when_it_is_offered(post: Post, tmp_path: Path) -> None:
    box = MailBox()
    post.name(quality=mail())
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box, tls=Certificate.made(tmp_path)) as port:
        # Nobody knows the certificate, and nobody said that this doesn't matter.
        assert mailing(post, port).send().failed == 1
        assert "certificate" in post.row()["error_message"]
        post.let_time_pass()
        assert mailing(post, port, query="?verify=false").send().sent == 1
    assert box.over_tls == [True]


def test_a_login_is_given(post: Post) -> None:
    box = MailBox()
    post.name(quality=mail())
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box, login=True) as port:
        assert mailing(post, port, login="callscope:guessed@").send().failed == 1
        assert "guessed" not in post.row()["error_message"]
        post.let_time_pass()
        assert mailing(post, port, login="callscope:of%20the%20mail%20server@").send().sent == 1
    assert box.logins[-1] == (b"callscope", b"of the mail server")


def test_a_password_is_not_sent_in_clear_over_a_network(post: Post) -> None:
    box = MailBox()
    post.name(quality=mail())
    post.write("quality", kind=NoticeKind.MAIL)
    with mail_server(box, host="127.0.0.2", login=True) as port:
        assert mailing(post, port, host="127.0.0.2", login="callscope:hush@").send().failed == 1
    assert box.logins == []
    assert "the mail server offers no TLS" in post.row()["error_message"]


def test_a_mail_target_without_a_mail_server_is_told_at_start(post: Post) -> None:
    post.name(quality=mail())
    with pytest.raises(InvalidSetting, match="CALLSCOPE_SMTP_URL"):
        post.send()
