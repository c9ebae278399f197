"""Whether a number can be what it looks like: check digits and dates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS = "10X98765432"
_KOREAN_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_KOREAN_CENTURIES = {"1": 19, "2": 19, "5": 19, "6": 19, "3": 20, "4": 20, "7": 20, "8": 20}
_MY_NUMBER_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
_HONG_KONG_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2)


def passes_luhn(number: str) -> bool:
    """Return whether a card's digits have the check digit of ISO/IEC 7812-1."""
    odd, even = number[-1::-2], number[-2::-2]
    return (sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)) % 10 == 0


def has_resident_date(number: str) -> bool:
    """Return whether a Chinese resident's number, of 18 characters, names a day to be born on."""
    return number[6:8] in {"19", "20"} and _is_day(number[6:10], number[10:12], number[12:14])


def passes_resident(number: str) -> bool:
    """Return whether a Chinese resident's number has its day and the check character of GB 11643."""
    check = _RESIDENT_CHECKS[_weigh(number[:17], _RESIDENT_WEIGHTS) % 11]
    return check == number[17] and has_resident_date(number)


def has_korean_date(number: str) -> bool:
    """Return whether a Korean resident's number, of 13 digits, names a day to be born on."""
    century = _KOREAN_CENTURIES.get(number[6])
    return century is not None and _is_day(f"{century}{number[:2]}", number[2:4], number[4:6])


def passes_korean(number: str) -> bool:
    """Return whether a Korean resident's number has its day and check digit; from October 2020 on there is none."""
    return (11 - _weigh(number[:12], _KOREAN_WEIGHTS) % 11) % 10 == int(number[12]) and has_korean_date(number)


def passes_hong_kong(number: str) -> bool:
    """Return whether a Hong Kong identity card's number, such as ``A1234563``, has its check character."""
    letters, figures, check = number[:-7], number[-7:-1], number[-1]
    # A missing first letter counts as a space, which the scheme gives 36.
    values = [36, *(int(letter, 36) for letter in letters)][-2:] + [int(figure) for figure in figures]
    return (_weigh(values, _HONG_KONG_WEIGHTS) + int(check, 36)) % 11 == 0


def passes_my_number(number: str) -> bool:
    """Return whether a Japanese individual number, of 12 digits, has its check digit."""
    rest = _weigh(number[:11], _MY_NUMBER_WEIGHTS) % 11
    return int(number[11]) == (0 if rest <= 1 else 11 - rest)


def _weigh(digits: Iterable[str | int], weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True
