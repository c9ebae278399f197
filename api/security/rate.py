"""How often a key may ask."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from callscope.errors import InvalidSetting, TooManyRequests


class Limiter:
    """
    Counts the requests of each key in this process.

    Parameters
    ----------
    rate : str
        Such as ``600/minute``.

    Raises
    ------
    InvalidSetting
        The rate can't be read.
    """

    def __init__(self, rate: str) -> None:
        try:
            self._rate: RateLimitItem = parse(rate)
        except ValueError as error:
            raise InvalidSetting(f"CALLSCOPE_API_RATE={rate} can't be read", why="it looks like 600/minute") from error
        self._windows = FixedWindowRateLimiter(MemoryStorage())

    def count(self, name: str) -> None:
        """
        Count a request.

        Raises
        ------
        TooManyRequests
            The key has made as many as it may.
        """
        if not self._windows.hit(self._rate, name):
            again_at_s = self._windows.get_window_stats(self._rate, name).reset_time
            raise TooManyRequests(
                f"the key of {name} has made {self._rate.amount} requests",
                why=f"that is its limit ({self._rate})",
                retry_after_s=max(1, math.ceil(again_at_s - time.time())),
            )
