"""What a number may be by its form, and how sure that is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from callscope.calls import EntityKind, Language
from callscope.meaning.entities import checks

MIN_PROBABILITY = 0.3
"""Less is a guess, and no entity."""

SPOKEN_FACTOR = 0.9
"""A digit said as a word is misheard more often than one that was written as a figure was misread."""

OTHER_NAMED_FACTOR = 0.5
"""A word for another kind stands near."""

OTHER_ASKED_FACTOR = 0.8
"""Somebody asked for another kind just before."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What the words around a number, or just before it, say that it is."""

    named: EntityKind | None = None
    """By a word in the same segment."""
    asked: EntityKind | None = None
    """By a word in one of the two segments before."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A form of a number, with the confidence it gives."""

    name: str
    kind: EntityKind
    pattern: re.Pattern[str]
    """Of the whole value: digits, with ``+``, letters or a check letter where they belong."""
    alone: float
    """Confidence without any word for it; 0: needs one."""
    asked: float
    """Confidence after a question for it."""
    named: float
    """Confidence beside a word for it."""
    check: Callable[[str], bool] | None = None
    language: Language | None = None
    """Where it stands alone; None: everywhere."""


_ORDER, _PHONE, _CARD, _ID = (
    EntityKind.ORDER_NUMBER,
    EntityKind.PHONE,
    EntityKind.CARD_NUMBER,
    EntityKind.ID_NUMBER,
)
_BRANDS = (
    r"4[0-9]{12}(?:[0-9]{3}){0,2}|(?:5[1-5]|2[2-7])[0-9]{14}|3[47][0-9]{13}|62[0-9]{14,17}|35[2-8][0-9]{13}"
    r"|6(?:011|5[0-9]{2})[0-9]{12}|3(?:0[0-5]|[68][0-9])[0-9]{11}"
)
_LANDLINE = r"0[0-9]{8,11}|[48]00[0-9]{7}|852[2-9][0-9]{7}|1(?:[2-9][0-9]{2}){2}[0-9]{4}"
_NORTH_AMERICAN = r"(?:[2-9][0-9]{2}){2}[0-9]{4}"


def _shape(
    name: str,
    kind: EntityKind,
    pattern: str,
    confidence: tuple[float, float, float],
    *,
    check: Callable[[str], bool] | None = None,
    language: Language | None = None,
) -> Shape:
    return Shape(name, kind, re.compile(pattern), *confidence, check=check, language=language)


SHAPES = (
    _shape("Chinese resident, checked", _ID, r"[0-9]{17}[0-9X]", (0.97, 0.98, 0.99), check=checks.passes_resident),
    _shape("Chinese resident, date only", _ID, r"[0-9]{17}[0-9X]", (0.40, 0.50, 0.65), check=checks.has_resident_date),
    _shape("Korean resident, checked", _ID, r"[0-9]{13}", (0.75, 0.93, 0.97), check=checks.passes_korean),
    _shape("Korean resident, date only", _ID, r"[0-9]{13}", (0.40, 0.70, 0.85), check=checks.has_korean_date),
    _shape(
        "Hong Kong card, checked", _ID, r"[A-Z]{1,2}[0-9]{6}[0-9A]", (0.80, 0.95, 0.98), check=checks.passes_hong_kong
    ),
    _shape("Hong Kong card, unchecked", _ID, r"[A-Z]{1,2}[0-9]{6}[0-9A]", (0, 0.40, 0.60)),
    _shape("Japanese My Number, checked", _ID, r"[0-9]{12}", (0, 0.93, 0.97), check=checks.passes_my_number),
    _shape("identity number, any form", _ID, r"[0-9]{7,17}[0-9X]", (0, 0.40, 0.55)),
    _shape("card of a known brand, checked", _CARD, _BRANDS, (0.85, 0.95, 0.99), check=checks.passes_luhn),
    _shape("card, checked", _CARD, r"[0-9]{13,19}", (0.40, 0.80, 0.95), check=checks.passes_luhn),
    _shape("card, unchecked", _CARD, r"[0-9]{13,19}", (0, 0.40, 0.60)),
    _shape("international telephone", _PHONE, r"\+[1-9][0-9]{7,14}", (0.93, 0.96, 0.99)),
    _shape("mobile telephone", _PHONE, r"(?:86)?1[3-9][0-9]{9}|0(?:10|[5789]0)[0-9]{8}", (0.85, 0.93, 0.98)),
    _shape("landline or national telephone", _PHONE, _LANDLINE, (0.45, 0.80, 0.93)),
    _shape("Hong Kong telephone", _PHONE, r"[235-9][0-9]{7}", (0.40, 0.75, 0.90), language=Language.YUE),
    _shape("North American telephone", _PHONE, _NORTH_AMERICAN, (0.45, 0.80, 0.93), language=Language.EN),
    _shape("telephone, any form", _PHONE, r"[0-9]{7,15}", (0, 0.40, 0.60)),
    _shape("order number of 12 digits", _ORDER, r"[0-9]{12}", (0.70, 0.90, 0.97)),
    _shape("order number of 8 to 20 digits", _ORDER, r"[0-9]{8,20}", (0, 0.60, 0.85)),
)
"""In the order in which equally sure ones are preferred; docs/entities.md explains them."""


def read_number(value: str, cue: Cue, language: Language, *, spoken: bool) -> tuple[EntityKind, float] | None:
    """
    Return what a number most probably is, and the confidence in that.

    Parameters
    ----------
    value : str
        ASCII digits, with ``+``, letters or a check letter where they were said.
    cue : Cue
        What the words around it call it.
    language : Language
        Of its segment.
    spoken : bool
        At least one digit was said as a word.

    Returns
    -------
    tuple of (EntityKind, float), or None
        None: nothing at `MIN_PROBABILITY` or above.
    """
    best: tuple[EntityKind, float] | None = None
    for shape in SHAPES:
        probability = _confidence(shape, cue, language) * (SPOKEN_FACTOR if spoken else 1.0)
        # The cheap question first: most forms are out of it before they are compared.
        if probability >= MIN_PROBABILITY and (best is None or probability > best[1]) and _fits(shape, value):
            best = shape.kind, probability
    return best


def _confidence(shape: Shape, cue: Cue, language: Language) -> float:
    if cue.named is shape.kind:
        return shape.named
    if cue.named is None and cue.asked is shape.kind:
        return shape.asked
    alone = shape.alone if shape.language in {None, language} else 0.0
    if cue.named is not None:
        return alone * OTHER_NAMED_FACTOR
    return alone if cue.asked is None else alone * OTHER_ASKED_FACTOR


def _fits(shape: Shape, value: str) -> bool:
    return shape.pattern.fullmatch(value) is not None and (shape.check is None or shape.check(value))
