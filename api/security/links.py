"""Signed links: whoever has one may see one thing, for a while, without a key."""

from __future__ import annotations

import time
from collections.abc import Callable

from itsdangerous import BadSignature, URLSafeSerializer

from callscope.errors import LinkExpired, LinkInvalid


class Links:
    """
    Makes links and checks them.

    Parameters
    ----------
    secret : str
        Whoever knows it can make links.
    now_s : callable
        Unix time.
    """

    def __init__(self, secret: str, *, now_s: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._now_s = now_s

    def make(self, purpose: str, subject: str, *, expires_in_s: int) -> str:
        """Return the token that opens ``subject`` (such as a recording's number) for one purpose, such as ``embed``."""
        return self._serializer(purpose).dumps([subject, int(self._now_s()) + expires_in_s])

    def check(self, purpose: str, subject: str, token: str) -> None:
        """
        Let a token pass that was made for this purpose and subject.

        Raises
        ------
        LinkInvalid
            It wasn't made here, or for something else.
        LinkExpired
            Its time is over.
        """
        try:
            made_for, expires_s = self._serializer(purpose).loads(token)
        except (BadSignature, ValueError, TypeError):
            raise LinkInvalid("this link isn't valid", why="its token wasn't made here") from None
        if made_for != subject:
            raise LinkInvalid("this link isn't valid", why="its token was made for something else")
        if self._now_s() >= expires_s:
            raise LinkExpired("this link has expired")

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(self._secret, salt=f"callscope.link.{purpose}")
