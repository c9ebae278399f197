"""How much of a value may be shown."""

from __future__ import annotations

from callscope.calls import EntityKind

SHOWN = 4
"""Last characters of a number that stay readable: what people name a number by."""


def mask(kind: EntityKind, value: str) -> str:
    """
    Return a value with its private part hidden.

    Returns
    -------
    str
        Of a number: a star for each character but the last `SHOWN`. Of an address: its first letter, three stars
        whatever its length, and the domain. A coupon is nobody's secret.
    """
    match kind:
        case EntityKind.COUPON:
            return value
        case EntityKind.EMAIL:
            local, _, domain = value.partition("@")
            return f"{local[:1]}***@{domain}"
        case EntityKind.ORDER_NUMBER | EntityKind.PHONE | EntityKind.ID_NUMBER | EntityKind.CARD_NUMBER:
            return "*" * (len(value) - SHOWN) + value[-SHOWN:]
