"""docs/rules.md is held to the code: every example is read, and every condition holds on one call."""

from __future__ import annotations

import re

import pytest
import yaml

from callscope.meaning.rules.conditions import OPERATORS, Part
from callscope.meaning.rules.operators import fields_of
from callscope.meaning.rules.schema import Action, Rule, RuleFile, Scorecard, ScorecardItem, SoothingCard
from tests.unit.meaning.rules.page import CONDITIONS, FILES, PAGE
from tests.unit.meaning.rules.scenes import a_source, matches, the_example

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("file", FILES)
def test_each_file_is_read(file: str) -> None:
    assert a_source(file).content != RuleFile()


@pytest.mark.parametrize("condition", CONDITIONS, ids=range(len(CONDITIONS)))
def test_each_condition_holds(condition: str) -> None:
    assert matches(condition, the_example())


def test_every_operator_has_an_example() -> None:
    shown = {key for block in CONDITIONS for key in yaml.safe_load(block)}
    # `not` is shown inside `all`: alone it says little.
    assert OPERATORS.keys() - shown == {"not"}
    assert "- not: {" in PAGE


@pytest.mark.parametrize("model", [*OPERATORS.values(), Rule, Action, Scorecard, ScorecardItem, SoothingCard, Part])
def test_every_field_is_on_the_page(model: type[Rule]) -> None:
    assert {field for field in fields_of(model) if not re.search(rf"\b{field}\b", PAGE)} == set()


def test_the_thresholds_on_the_page_are_the_defaults() -> None:
    (block,) = (block for block in FILES if block.startswith("soothing:"))
    assert a_source(block).content.soothing == SoothingCard()
