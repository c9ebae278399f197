"""Mail: what a message looks like, and the way to the mail server."""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog
from jinja2 import Environment, PackageLoader, select_autoescape

from callscope.errors import InvalidSetting, MailRefused, NotDelivered
from callscope.processes import LOOPBACK
from callscope.settings import Settings
from callscope.targets import MailTarget

FINDING = "call.finding"
BRIEF = "report.brief"

STEP_TIMEOUT_S = 20.0
"""For connecting, and for each answer of the mail server."""

_LATER = range(400, 500)
"""SMTP codes of "not now"; from 500 on they mean "never"."""

_DEFAULT_PORTS = {"smtp": 25, "smtps": 465}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    user: str
    """Empty: no login."""
    password: str = field(repr=False)
    tls_at_once: bool
    """``smtps``; otherwise TLS begins as soon as the server offers it."""
    verify: bool
    """Whether its certificate must be good."""
    sender: str

    @classmethod
    def of(cls, settings: Settings) -> MailServer | None:
        """
        Return the server that the settings name; None: there is none.

        Raises
        ------
        InvalidSetting
            The URL can't be read; its parts are not repeated, for one of them is a password.
        """
        url = settings.smtp_url.get_secret_value() if settings.smtp_url else ""
        if not url:
            return None
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
            port = parts.port
        except ValueError:
            raise _unreadable("it has no form such as smtp://user:password@host:587") from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise _unreadable("it has no form such as smtp://user:password@host:587")
        verify = options.pop("verify", "true")
        if options or verify not in {"true", "false"}:
            raise _unreadable("it takes verify=true or verify=false, and no other option")
        return cls(
            host=parts.hostname,
            port=port or _DEFAULT_PORTS[parts.scheme],
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls_at_once=parts.scheme == "smtps",
            verify=verify == "true",
            sender=settings.mail_from,
        )


def send_mail(
    server: MailServer, target: MailTarget, document: Mapping[str, Any], *, message_id: str, now: datetime
) -> None:
    """
    Send a document as a mail to all receivers of a target.

    Parameters
    ----------
    server : MailServer
        Where it is handed in.
    target : MailTarget
        Who gets it.
    document : mapping
        ``type``, ``timestamp``, ``data``.
    message_id : str
        Becomes the ``Message-ID``, the same in every attempt.
    now : datetime
        The mail's date, with its zone.

    Raises
    ------
    MailRefused
        The server refuses sender, receivers or content for good.
    NotDelivered
        The server can't be reached, doesn't let us in, or asks for patience with one receiver or all.
    """
    letter = write_letter(target, document, sender=server.sender, message_id=message_id, now=now)
    try:
        smtp = _connect(server)
        try:
            _log_in(smtp, server)
            refused = _hand_in(smtp, letter)
            # The mail is theirs: whatever goes wrong with the goodbye must not send it again.
            with suppress(OSError):
                smtp.quit()
        finally:
            smtp.close()
    except OSError as error:  # all of smtplib's are
        raise NotDelivered("the mail server didn't take it", why=_told(error)) from error
    if refused:
        _log.warning("mail_refused_for_some", message_id=message_id, receivers=len(refused))


def write_letter(
    target: MailTarget, document: Mapping[str, Any], *, sender: str, message_id: str, now: datetime
) -> EmailMessage:
    """Return the mail: a plain text, and the same as HTML."""
    subject, text, html = _render(document)
    letter = EmailMessage()
    # A header is one line, whatever a rule's or an agent's name holds.
    letter["Subject"] = " ".join(f"{target.subject_prefix} {subject}".split())
    letter["From"] = sender
    letter["To"] = ", ".join(target.to)
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = f"<{message_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    # Nobody's holiday note should answer.
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    letter.add_alternative(html, subtype="html")
    return letter


def _render(document: Mapping[str, Any]) -> tuple[str, str, str]:
    data = document["data"]
    if document["type"] == BRIEF:
        return data["subject"], data["text"], data["html"]
    if document["type"] == FINDING:
        name, subject = "finding", _finding_subject(data)
    else:
        name, subject = "plain", str(document["type"])
    templates = _templates()
    translation = data.get("translation") or {}
    translated = translation.get("lines") or []
    context = {
        "document": document,
        "data": data,
        "subject": subject,
        "lines": [
            (line, translated[number] if number < len(translated) else "")
            for number, line in enumerate(data.get("transcript") or [])
        ],
        "content": json.dumps(data, ensure_ascii=False, indent=2),
    }
    text, html = (templates.get_template(f"{name}.{form}").render(context) for form in ("txt", "html"))
    return subject, text, html


def _finding_subject(data: Mapping[str, Any]) -> str:
    call = data.get("call") or {}
    where = [str(call[key]) for key in ("queue", "agent_id", "call_id") if call.get(key)]
    return " · ".join([f"{str(data.get('severity', '')).upper()}: {data.get('rule', '')}", *where])


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("reports.outbox"),
        autoescape=select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["clock"] = _clock
    return made


def _clock(at_ms: int) -> str:
    """Return a time within a call as people write it, such as ``3:07``."""
    minutes, seconds = divmod(int(at_ms) // 1_000, 60)
    return f"{minutes}:{seconds:02}"


def _connect(server: MailServer) -> smtplib.SMTP:
    tls = ssl.create_default_context()
    if not server.verify:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if server.tls_at_once:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=STEP_TIMEOUT_S, context=tls)
    smtp = smtplib.SMTP(server.host, server.port, timeout=STEP_TIMEOUT_S)
    try:
        smtp.ehlo_or_helo_if_needed()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _log_in(smtp: smtplib.SMTP, server: MailServer) -> None:
    """Log in, if there is somebody to be; a password goes in clear to this very machine alone."""
    if not server.user:
        return
    if not isinstance(smtp.sock, ssl.SSLSocket) and server.host not in {LOOPBACK, "localhost", "::1"}:
        raise NotDelivered("the mail server offers no TLS", why="the password would go over the network in clear")
    smtp.login(server.user, server.password)


def _hand_in(smtp: smtplib.SMTP, letter: EmailMessage) -> dict[str, tuple[int, bytes]]:
    """
    Hand the mail in; return who is refused for good, while others get it.

    When the server asks for patience with some, the whole mail is sent again, under the same Message-ID: the others may
    get it twice, and nobody not at all.
    """
    try:
        refused = smtp.send_message(letter)
    except smtplib.SMTPRecipientsRefused as error:
        if not any(code in _LATER for code, _ in error.recipients.values()):
            raise MailRefused("the mail server refuses every receiver", why=_told(error)) from error
        raise
    except smtplib.SMTPResponseException as error:
        if error.smtp_code in _LATER:
            raise
        raise MailRefused("the mail server refuses the mail", why=_told(error)) from error
    if any(code in _LATER for code, _ in refused.values()):
        raise smtplib.SMTPRecipientsRefused(refused)
    return refused


def _told(error: OSError) -> str:
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(error.recipients.values()))
            return f"{code} {_text(said)}"
        case smtplib.SMTPResponseException():
            return f"{error.smtp_code} {_text(error.smtp_error)}"
        case _:
            return error.strerror or str(error) or type(error).__name__


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said


def _unreadable(why: str) -> InvalidSetting:
    return InvalidSetting("CALLSCOPE_SMTP_URL can't be read", why=why)
