"""One message on its way: completed, translated where asked, and handed to its receiver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import HttpUrl, ValidationError

from callscope.calls import NoticeKind
from callscope.errors import InvalidSetting, UnknownTarget
from callscope.settings import Settings
from callscope.targets import Receiver, Target, WebhookTarget, require_key
from models.outbox import Message
from reports.outbox.mail import MailServer, send_mail
from reports.outbox.translate import open_translator, translate_lines
from reports.outbox.webhook import send_webhook


class Sender:
    """
    Sends messages; safe to call from several threads.

    Parameters
    ----------
    settings : Settings
        Mail server, translator, where the pages are.
    targets : mapping
        Receivers by name.
    clock : callable
        Time with its zone.

    Raises
    ------
    InvalidSetting
        A target gets mail and no mail server is named, or a named one can't be used.
    TargetsInvalid
        A secret can't be read.
    """

    def __init__(
        self,
        settings: Settings,
        targets: Mapping[str, Target],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.targets = targets
        self._page_url = settings.page_url.rstrip("/")
        self._clock = clock
        self._mail_server = MailServer.of(settings)
        self._callback_secret = settings.callback_secret
        self._allows_private_callbacks = settings.callback_private
        self._translator = open_translator(settings)
        for target in targets.values():
            if target.webhook:
                target.webhook.read_secret()
        if self._callback_secret is not None:
            try:
                require_key(self._callback_secret)
            except ValueError as error:
                raise InvalidSetting("CALLSCOPE_CALLBACK_SECRET can't be used", why=str(error)) from None
        with_mail = [name for name, target in targets.items() if target.mail]
        if with_mail and self._mail_server is None:
            raise InvalidSetting("CALLSCOPE_SMTP_URL isn't set", why=f"the target {with_mail[0]} gets mail")

    def send(self, message: Message) -> None:
        """
        Send a message; return when its receiver has taken it.

        Raises
        ------
        Undeliverable
            It can't reach its receiver as things are.
        NotDelivered
            The receiver didn't take it this time.
        """
        hand_over = self._way_to(message.receiver)
        hand_over(self._complete(message), message_id=message.message_id, now=self._clock())

    def _way_to(self, receiver: Receiver) -> Callable[..., None]:
        target = self.targets.get(receiver.target)
        match receiver.kind:
            case NoticeKind.WEBHOOK:
                if target and target.webhook:
                    return partial(send_webhook, target.webhook)
                if callback := self._callback(receiver.target):
                    return partial(send_webhook, callback)
            case NoticeKind.MAIL:
                if target and target.mail and self._mail_server:
                    return partial(send_mail, self._mail_server, target.mail)
        raise UnknownTarget(f"there is no {receiver.kind} target named {receiver.target}")

    def _callback(self, url: str) -> WebhookTarget | None:
        """Return the receiver that an upload named; None where it is none, or callbacks aren't configured."""
        if self._callback_secret is None or not url.startswith(("http://", "https://")):
            return None
        try:
            return WebhookTarget(
                url=HttpUrl(url), secret=self._callback_secret, allow_private=self._allows_private_callbacks
            )
        except ValidationError:
            return None

    def _complete(self, message: Message) -> dict[str, Any]:
        """Return the document that goes out: what was written, and what is known only now."""
        data = {
            **message.payload["data"],
            "recording_id": message.recording_id,
            "url": self._link(message),
        }
        if language := data.get("translate_to"):
            lines = [str(line["text"]) for line in data.get("transcript") or []]
            data["translation"] = translate_lines(self._translator, lines, language)
        return {
            "type": message.payload["type"],
            "timestamp": message.payload.get("timestamp") or message.created_at.isoformat(),
            "data": data,
        }

    def _link(self, message: Message) -> str | None:
        """Return where to listen: the page of the call, at the second."""
        if not self._page_url or message.recording_id is None:
            return None
        start_s = int(message.payload["data"].get("start_ms") or 0) // 1_000
        return f"{self._page_url}/calls/{message.recording_id}?t={start_s}"
