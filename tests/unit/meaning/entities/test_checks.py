from collections.abc import Callable

import pytest

from callscope.meaning.entities import checks

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("check", "number"),
    [
        # Published examples of the schemes.
        (checks.passes_luhn, "4111111111111111"),
        (checks.passes_luhn, "378282246310005"),
        (checks.passes_luhn, "79927398713"),
        (checks.passes_resident, "11010519491231002X"),
        (checks.passes_resident, "360426199101010071"),
        (checks.passes_hong_kong, "A1234563"),
        (checks.passes_hong_kong, "G123456A"),
        (checks.passes_hong_kong, "AB9876543"),
        (checks.passes_my_number, "621498320257"),
        (checks.passes_korean, "9001011234568"),
    ],
)
def test_a_number_passes_and_none_that_differs_in_one_digit(check: Callable[[str], bool], number: str) -> None:
    assert check(number)
    for place, figure in enumerate(number):
        if figure.isdecimal():
            # 10 and 11 share a check digit in My Number, so one other digit may pass where that is 0.
            others = [number[:place] + other + number[place + 1 :] for other in "0123456789" if other != figure]
            assert not any(map(check, others))


@pytest.mark.parametrize("number", ["110105194902310028", "110105184912310028", "11010519491331002X"])
def test_nobody_is_born_on_a_day_that_is_none(number: str) -> None:
    assert not checks.has_resident_date(number)


@pytest.mark.parametrize("number", ["9013011234568", "9002301234568", "9001019234568"])
def test_no_korean_is_born_on_a_day_that_is_none(number: str) -> None:
    assert not checks.has_korean_date(number)
