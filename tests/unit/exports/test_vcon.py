from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from callscope.calls import AudioFacts, CallMetadata, Role
from callscope.exports.masking import masked
from callscope.exports.vcon import to_vcon
from tests.examples import a_segment
from tests.whole_call import METADATA, a_whole_call, an_analysed_call

pytestmark = pytest.mark.unit

INDEX = {"type": "integer", "minimum": 0}
MOMENT = {"type": "string", "format": "date-time"}
INLINE = {"dependentRequired": {"body": ["encoding"], "url": ["content_hash"]}}
MEDIA_TYPE = {"type": "string", "pattern": "^[a-z]+/[A-Za-z0-9.+-]+$"}

# What draft-ietf-vcon-vcon-core-04 asks of the unsigned form, as far as callscope writes it, and `role`,
# `interaction_id` and `skill` of draft-ietf-vcon-cc-extension-02. Nothing else may occur: what is unknown to a reader
# of these two drafts must be an extension of its own.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["uuid", "created_at", "parties", "dialog", "analysis", "attachments"],
    "properties": {
        "vcon": {"const": "0.4.0"},
        "uuid": {"type": "string", "format": "uuid"},
        "extensions": {"type": "array", "items": {"enum": ["CC"]}},
        "created_at": MOMENT,
        "parties": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "dependentRequired": {"name": ["validation"]},
                "properties": {
                    "name": {"type": "string"},
                    "validation": {"type": "string"},
                    "role": {"type": "string"},
                },
            },
        },
        "dialog": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type", "start", "parties", "mediatype"],
                "properties": {
                    "type": {"const": "recording"},
                    "start": MOMENT,
                    "duration": {"type": "number", "minimum": 0},
                    "parties": {"type": "array", "items": {"anyOf": [INDEX, {"type": "array", "items": INDEX}]}},
                    "originator": INDEX,
                    "mediatype": MEDIA_TYPE,
                    "filename": {"type": "string"},
                    "interaction_id": {"type": "string"},
                    "skill": {"type": "string"},
                },
            },
        },
        "analysis": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type", "vendor", "dialog", "body"],
                "properties": {
                    "type": {"enum": ["transcript", "sentiment", "report"]},
                    "dialog": INDEX,
                    "mediatype": MEDIA_TYPE,
                    "vendor": {"type": "string"},
                    "product": {"type": "string"},
                    "schema": {"type": "string"},
                    "body": {"type": "string", "contentMediaType": "application/json"},
                    "encoding": {"enum": ["json"]},
                },
                **INLINE,
            },
        },
        "attachments": {"type": "array", "maxItems": 0},
    },
}


def check(vcon: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA, format_checker=FormatChecker(["uuid"])).validate(vcon)
    for moment in (vcon["created_at"], *(dialog["start"] for dialog in vcon["dialog"])):
        assert datetime.fromisoformat(moment).utcoffset() == timedelta(0)
    count = len(vcon["parties"])
    for dialog in vcon["dialog"]:
        numbers = [n for entry in dialog["parties"] for n in (entry if isinstance(entry, list) else [entry])]
        assert all(number < count for number in [*numbers, dialog.get("originator", 0)])


def bodies(vcon: dict[str, Any]) -> dict[str, Any]:
    return {entry["type"]: json.loads(entry["body"]) for entry in vcon["analysis"]}


def test_a_call_is_a_valid_vcon() -> None:
    vcon = to_vcon(an_analysed_call())
    check(vcon)
    assert vcon["parties"] == [
        {"name": "a-7", "validation": "none", "role": "agent"},
        {"name": "Customer", "validation": "none", "role": "customer"},
    ]
    assert vcon["dialog"] == [
        {
            "type": "recording",
            "start": "2026-11-09T08:30:00.000+00:00",
            "duration": 5.0,
            "parties": [0, 1],
            # The first channel is the agent's, and the customer called.
            "originator": 1,
            "mediatype": "audio/x-wav",
            "filename": "returns/2026-11-09/a-7/c-1.wav",
            "interaction_id": "c-1",
            "skill": "returns",
        }
    ]
    assert {(one["vendor"], one["product"]) for one in vcon["analysis"]} == {
        ("callscope", "demo-0123abcd/3/shop-00000001")
    }


def test_its_analyses_tell_what_was_said_felt_and_found() -> None:
    told = bodies(to_vcon(an_analysed_call()))
    assert told["transcript"]["segments"][1] == {
        "party": 1,
        "start_ms": 2_800,
        "end_ms": 4_000,
        "language": "zh",
        "text": "订单202611090012三天了。",
        "sound": None,
    }
    assert told["transcript"]["segments"][3]["sound"] == "laughter"
    assert told["sentiment"]["segments"][1] == {
        "party": 1,
        "start_ms": 2_800,
        "end_ms": 4_000,
        "emotion": "ANGRY",
        "distribution": {"ANGRY": 0.75, "NEUTRAL": 0.25},
    }
    (finding,) = told["report"]["findings"]
    assert (finding["rule"], finding["evidence"][0]["kind"]) == ("anger-after-silence", "event")
    assert told["report"]["scores"][0]["scorecard"] == "soothing"
    assert told["report"]["measures"]["agent_silence_ms"] == 1_800


def test_masked_it_tells_no_number() -> None:
    written = json.dumps(to_vcon(masked(an_analysed_call())), ensure_ascii=False)
    assert "202611090012" not in written
    assert "********0012" in written


def test_the_same_analysis_is_the_same_vcon() -> None:
    call = an_analysed_call()
    number = UUID(to_vcon(call)["uuid"])
    assert (number.version, number.variant) == (8, "specified in RFC 4122")
    assert UUID(to_vcon(call)["uuid"]) == number
    assert UUID(to_vcon(an_analysed_call(a_whole_call(rules="shop-00000002")))["uuid"]) != number
    assert number.int >> 80 == int(call.stored_at.timestamp() * 1_000)


@pytest.mark.parametrize("dual_mono", [False, True])
def test_a_mixed_channel_names_both(*, dual_mono: bool) -> None:
    channels = 2 if dual_mono else 1
    audio = AudioFacts("mp3", "mp3", 8_000, channels, 5_000, truncated=False, dual_mono=dual_mono)
    segments = (a_segment(role=Role.CUSTOMER), a_segment(role=Role.AGENT, start_ms=2_000, end_ms=3_000))
    analysis = a_whole_call()
    call = an_analysed_call(replace(analysis, hearing=replace(analysis.hearing, audio=audio, segments=segments)))
    vcon = to_vcon(call)
    check(vcon)
    assert [party["role"] for party in vcon["parties"]] == ["customer", "agent"]
    assert vcon["dialog"][0]["parties"] == ([[0, 1], [0, 1]] if dual_mono else [0, 1])
    assert vcon["dialog"][0]["mediatype"] == "audio/x-mp3"
    assert "originator" not in vcon["dialog"][0]


def test_a_call_of_which_telephony_tells_nothing() -> None:
    analysis = a_whole_call()
    silent = replace(analysis, hearing=replace(analysis.hearing, segments=()))
    vcon = to_vcon(an_analysed_call(silent, CallMetadata()))
    check(vcon)
    assert [party["name"] for party in vcon["parties"]] == ["Speaker 1", "Speaker 2"]
    assert vcon["dialog"][0]["start"] == "2026-11-09T00:00:00.000+00:00"
    assert vcon["dialog"][0].keys() == {"type", "start", "duration", "parties", "mediatype", "filename"}


def test_a_silent_channel_is_the_party_that_it_was_made_for() -> None:
    analysis = a_whole_call()
    only_agent = replace(analysis, hearing=replace(analysis.hearing, segments=(a_segment(),)))
    vcon = to_vcon(an_analysed_call(only_agent, replace(METADATA, direction="outbound")))
    check(vcon)
    assert [party["role"] for party in vcon["parties"]] == ["agent", "customer"]
    assert "originator" not in vcon["dialog"][0]
