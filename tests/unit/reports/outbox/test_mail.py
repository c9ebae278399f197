from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from pydantic import SecretStr

from callscope.errors import InvalidSetting
from callscope.settings import Settings
from callscope.targets import MailTarget
from reports.outbox.mail import MailServer, write_letter

pytestmark = pytest.mark.unit

FINDING = {
    "rule": "angry-with-sigh",
    "about": "Sigh, then anger",
    "findings": 3,
    "severity": "high",
    "score": 20,
    "role": "customer",
    "emotion": "ANGRY",
    "probability": 0.874,
    "start_ms": 187_400,
    "end_ms": 191_000,
    "advice": "Call back within the hour & apologise.",
    "link": "https://wiki.example.com/apology?a=1&b=2",
    "call": {"call_id": "c-1", "agent_id": "a1007", "queue": "after-sales", "direction": None},
    "transcript": [
        {"start_ms": 183_000, "role": "agent", "text": "少々お待ちください", "emotion": "NEUTRAL"},
        {"start_ms": 187_400, "role": "customer", "text": "<b>もう三日</b>待ってます", "emotion": "ANGRY"},
    ],
    "recording_id": 17,
    "url": "https://calls.example.com/calls/17?t=187",
}


def letter(data: dict[str, Any], kind: str = "call.finding", target: MailTarget | None = None) -> EmailMessage:
    written = write_letter(
        target or MailTarget(to=["ann@example.com", "bo@example.com"], subject_prefix="[calls]"),
        {"type": kind, "timestamp": "2026-11-16T08:00:00+00:00", "data": data},
        sender="callscope <callscope@example.com>",
        message_id="msg_1",
        now=datetime(2026, 11, 16, 8, tzinfo=UTC),
    )
    # As it is on the wire.
    return message_from_bytes(written.as_bytes(policy=policy.SMTP), policy=policy.default)


def bodies(mail: EmailMessage) -> tuple[str, str]:
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_a_finding_is_told_in_text_and_html() -> None:
    mail = letter(FINDING)
    assert mail["Subject"] == "[calls] HIGH: angry-with-sigh · after-sales · a1007 · c-1"
    assert mail["To"] == "ann@example.com, bo@example.com"
    assert mail["Message-ID"] == "<msg_1@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == datetime(2026, 11, 16, 8, tzinfo=UTC)
    text, html = bodies(mail)
    for body in (text, html):
        assert "3:07" in body
        assert "87 %" in body
        assert "a1007" in body
        assert "少々お待ちください" in body
        assert "https://calls.example.com/calls/17?t=187" in body
        assert "Sigh, then anger" in body
        assert "the surest of 3 findings" in body
        assert "None" not in body
    assert "Call back within the hour & apologise." in text
    assert "\n\n\n" not in text.replace("\r", "")


def test_what_was_said_is_text_and_never_markup() -> None:
    text, html = bodies(letter(FINDING))
    assert "<b>もう三日</b>" in text
    assert "<b>" not in html
    assert "&lt;b&gt;もう三日" in html


def test_a_mail_needs_nothing_from_elsewhere() -> None:
    _, html = bodies(letter(FINDING))
    for loads in ("<script", "<link", "<img", "@import", "url("):
        assert loads not in html


def test_a_translation_stands_below_its_line() -> None:
    done = {"status": "done", "language": "zh", "lines": ["请稍等", "我已经等了三天"]}
    for body in bodies(letter({**FINDING, "translation": done})):
        assert body.index("少々お待ちください") < body.index("请稍等") < body.index("もう三日")
        assert "No translation" not in body


@pytest.mark.parametrize(
    ("translation", "told"),
    [
        ({"status": "not_configured"}, "No translation: no translator is configured."),
        ({"status": "failed", "why": "the translator answered 500"}, "No translation: the translator answered 500."),
    ],
)
def test_a_missing_translation_is_told(translation: dict[str, str], told: str) -> None:
    for body in bodies(letter({**FINDING, "translation": translation})):
        assert told in body


def test_a_finding_with_little_in_it_is_told_all_the_same() -> None:
    text, html = bodies(letter({"rule": "long-call", "severity": "info", "recording_id": None, "url": None}))
    assert "long-call" in text
    assert "long-call" in html
    assert "Listen" not in html


def test_a_brief_goes_out_as_it_was_written() -> None:
    mail = letter({"subject": "Monday", "text": "发货 12", "html": "<p>发货 <b>12</b></p>"}, "report.brief")
    assert mail["Subject"] == "[calls] Monday"
    text, html = bodies(mail)
    assert text.strip() == "发货 12"
    assert html.strip() == "<p>发货 <b>12</b></p>"


def test_any_other_message_is_told_too() -> None:
    mail = letter({"text": "you & me"}, "callscope.test")
    text, html = bodies(mail)
    assert mail["Subject"] == "[calls] callscope.test"
    assert '"text": "you & me"' in text
    assert "you &amp; me" in html


def test_a_subject_is_one_line() -> None:
    mail = letter({**FINDING, "rule": "anger\r\nBcc: everybody@example.com"})
    assert mail["Bcc"] is None
    assert "anger Bcc: everybody@example.com" in mail["Subject"]


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 25, "", "", False, True)),
        ("smtp://u%40x:p%2Fw@mail:587?verify=false", ("mail", 587, "u@x", "p/w", False, False)),
        ("smtps://u:p@mail", ("mail", 465, "u", "p", True, True)),
    ],
)
def test_a_mail_server_is_an_url(url: str, server: tuple[object, ...]) -> None:
    found = MailServer.of(Settings(smtp_url=SecretStr(url)))
    assert found is not None
    told = (found.host, found.port, found.user, found.password, found.tls_at_once, found.verify)
    assert told == server
    assert "p/w" not in repr(found)


@pytest.mark.parametrize("url", [None, ""])
def test_no_url_is_no_mail_server(url: str | None) -> None:
    assert MailServer.of(Settings(smtp_url=None if url is None else SecretStr(url))) is None


@pytest.mark.parametrize(
    "url",
    ["mail:hush", "http://u:hush@mail", "smtp://u:hush@mail:port", "smtp://u:hush@mail?tls=hush", "smtp://:hush@"],
)
def test_a_wrong_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        MailServer.of(Settings(smtp_url=SecretStr(url)))
    assert "CALLSCOPE_SMTP_URL" in caught.value.what
    assert "hush" not in caught.value.what + caught.value.why
