"""The OpenAPI document: what it shows is what it says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import SecretStr

from api.app import create_app
from callscope.settings import Settings

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = create_app(Settings(database_url=SecretStr("postgresql+psycopg2://nobody@localhost/none")))
    made: dict[str, Any] = app.openapi()
    return made


def test_each_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    shown = {
        f"{method.upper()} {path}": content
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        for answer in operation["responses"].values()
        if "example" in (content := answer.get("content", {}).get("application/json", {}))
    }
    wrong = {
        name: error.message
        for name, content in shown.items()
        for error in Draft202012Validator(
            content.get("schema", {}) | {"components": document["components"]}, format_checker=FormatChecker()
        ).iter_errors(content["example"])
    }
    assert len(shown) > 20
    assert wrong == {}


@pytest.mark.parametrize("name", ["segments", "events", "findings"])
def test_a_row_has_the_columns_that_are_named_each_with_its_meaning(document: dict[str, Any], name: str) -> None:
    content = document["paths"][f"/v1/{name}"]["get"]["responses"]["200"]["content"]["application/json"]
    columns = content["schema"]["properties"]["items"]["items"]["properties"]
    assert list(columns) == list(content["example"]["items"][0])
    assert columns["start_ms"]["type"] == "integer"
    assert [column for column, held in columns.items() if not held["description"]] == []
