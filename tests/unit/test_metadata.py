"""What a key, an object's metadata and a sidecar say about a call, and who is believed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callscope.calls import CallMetadata, Role
from callscope.errors import InvalidSetting
from callscope.metadata import WARNINGS, KeyPattern, merge
from callscope.settings import Settings

pytestmark = pytest.mark.unit

DEFAULT = KeyPattern.compile(str(Settings.model_fields["key_pattern"].default))


def told(**sources: dict[str, object]) -> CallMetadata:
    return merge(list(sources.items()), faults=[])


def test_the_default_pattern_names_a_calls_metadata() -> None:
    assert DEFAULT.match("hotline/2026-11-20/A17/c-0815.v2.wav") == {
        "queue": "hotline",
        "date": "2026-11-20",
        "agent_id": "A17",
        "call_id": "c-0815.v2",
    }


@pytest.mark.parametrize("key", ["c-0815.wav", "a/b/c/d/e.wav", "hotline/2026-11-20/A17/nosuffix", ""])
def test_a_key_of_another_form_tells_nothing(key: str) -> None:
    assert DEFAULT.match(key) == {}


def test_a_pattern_may_hold_marks_that_mean_something_in_regular_expressions() -> None:
    assert KeyPattern.compile("(in)+{call_id}.wav").match("(in)+7.wav") == {"call_id": "7"}


@pytest.mark.parametrize("pattern", ["{queue}/{queue}.wav", "{queue", "queue}", "{1st}", "{}"])
def test_a_pattern_that_cannot_be_read_is_named_at_start(pattern: str) -> None:
    with pytest.raises(InvalidSetting, match="CALLSCOPE_KEY_PATTERN"):
        KeyPattern.compile(pattern)


def test_the_sidecar_wins_over_the_object_and_the_object_over_the_key() -> None:
    call = told(
        key={"queue": "key", "agent_id": "key", "call_id": "key"},
        object={"queue": "object", "agent-id": "object"},
        sidecar={"queue": "sidecar"},
    )
    assert (call.queue, call.agent_id, call.call_id) == ("sidecar", "object", "key")


@pytest.mark.parametrize("value", ["2026-11-20T09:30:00+08:00", "2026-11-20T01:30:00Z", "2026-11-19T05:20:00-20:10"])
def test_a_time_is_one_of_utc_whatever_its_zone(value: str) -> None:
    call = told(sidecar={"started_at": value})
    assert call.started_at == datetime(2026, 11, 20, 1, 30, tzinfo=UTC)
    assert call.started_at is not None
    assert call.started_at.tzinfo is UTC


def test_a_day_stands_for_its_first_moment_until_a_time_is_told() -> None:
    assert told(key={"date": "2026-11-20"}).started_at == datetime(2026, 11, 20, tzinfo=UTC)
    both = told(sidecar={"started_at": "2026-11-20T09:30:00Z", "date": "2026-11-20"})
    assert both.started_at == datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("roles", [["customer", "agent"], "customer, Agent"])
def test_roles_come_as_a_list_or_with_commas(roles: object) -> None:
    assert told(sidecar={"channel_roles": roles}).channel_roles == (Role.CUSTOMER, Role.AGENT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("started_at", "2026-11-20T09:30:00"),
        ("started_at", "yesterday"),
        ("started_at", "9999-12-31T23:59:59-01:00"),
        ("date", "20.11.2026"),
        ("direction", "sideways"),
        ("channel_roles", ["agent", "robot"]),
        ("channel_roles", 2),
    ],
)
def test_a_value_that_cannot_be_read_is_named_and_loses_nothing_else(name: str, value: object) -> None:
    call = told(key={"call_id": "7"}, sidecar={name: value, "agent_id": "A17"})
    assert (call.call_id, call.agent_id) == ("7", "A17")
    assert call.extra[WARNINGS].startswith(f"sidecar: {name} ")


def test_a_weaker_readable_value_stands_in_for_an_unreadable_one() -> None:
    assert told(object={"direction": "inbound"}, sidecar={"direction": "?"}).direction == "inbound"


def test_what_is_no_field_is_kept_as_text() -> None:
    call = told(sidecar={"campaign": "autumn", "vip": True, "score": 3, "tags": ["a", "b"], "nul": "a\0b"})
    assert call.extra == {"campaign": "autumn", "vip": "true", "score": "3", "tags": '["a", "b"]', "nul": "ab"}


def test_nothing_told_is_nothing_known() -> None:
    assert told() == CallMetadata()
