"""What is told to others when a rule fires."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from callscope.calls import (
    AnalysisVersion,
    CallAnalysis,
    CallMeasures,
    CallMetadata,
    Entity,
    EntityKind,
    EventKind,
    Meaning,
    Notice,
    NoticeKind,
)
from callscope.meaning.facts import CallFacts
from callscope.meaning.rules.book import Rulebook, load_rulebook
from callscope.meaning.rules.notices import MAX_SEGMENTS, make_notices
from tests.scripts import Row, hear
from tests.unit.meaning.rules.scenes import a_rulebook, an_event, facts_of, findings

pytestmark = pytest.mark.unit

BOOK = """
rules:
  - name: angry
    about: The customer is angry.
    severity: high
    score: -2
    advice: Call back.
    link: https://kb.example.com/anger
    when: {emotion: ANGRY, role: customer}
    actions:
      - {webhook: tickets, translate_to: zh}
      - {mail: quality}
  - name: untold
    about: x
    when: {turn: agent}
"""
METADATA = CallMetadata(
    call_id="c-1", agent_id="a-7", queue="refunds", direction="inbound", started_at=datetime(2026, 11, 2, 9, tzinfo=UTC)
)


def notices(script: list[Row], book: Rulebook | None = None, entities: tuple[Entity, ...] = ()) -> list[Notice]:
    rulebook = book or a_rulebook(BOOK)
    facts = facts_of(script, entities=entities, events=[an_event(EventKind.SIGH, "customer", 100, 500)])
    return make_notices(an_analysis(script, facts, rulebook), METADATA, rulebook)


def an_analysis(script: list[Row], facts: CallFacts, rulebook: Rulebook) -> CallAnalysis:
    found = findings(facts, rulebook)
    meaning = Meaning(0.5, facts.events, facts.turns, facts.entities, (), (), CallMeasures(), found, ())
    return CallAnalysis(AnalysisVersion("demo-1", 3, rulebook.version), hear(script), meaning)


SCRIPT: list[Row] = [
    ("agent", 0, 2_000, "您好"),
    ("customer", 20_000, 22_000, "订单202611090012怎么还没到", "ANGRY"),
    ("agent", 22_500, 24_000, "请稍等"),
    ("customer", 60_000, 62_000, "太慢了", "ANGRY"),
]
ORDER = Entity(1, EntityKind.ORDER_NUMBER, "202611090012", "********0012", 2, 14, 20_500, 21_500, 0.9)


def test_one_notice_an_action_whatever_the_findings() -> None:
    told = notices(SCRIPT, entities=(ORDER,))
    assert [(one.kind, one.target) for one in told] == [(NoticeKind.WEBHOOK, "tickets"), (NoticeKind.MAIL, "quality")]
    ticket, mail = (json.loads(json.dumps(one.payload)) for one in told)
    assert ticket == {
        "type": "call.finding",
        "data": {
            "rule": "angry",
            "severity": "high",
            "score": -2.0,
            "about": "The customer is angry.",
            "advice": "Call back.",
            "link": "https://kb.example.com/anger",
            "role": "customer",
            "start_ms": 20_000,
            "end_ms": 22_000,
            "emotion": "ANGRY",
            "probability": 0.9,
            "findings": 2,
            "call": {
                "call_id": "c-1",
                "agent_id": "a-7",
                "queue": "refunds",
                "direction": "inbound",
                "started_at": "2026-11-02T09:00:00+00:00",
            },
            "transcript": [
                {
                    "role": "customer",
                    "start_ms": 20_000,
                    "end_ms": 22_000,
                    "language": "zh",
                    "text": "订单********0012怎么还没到",
                    "emotion": "ANGRY",
                },
                {
                    "role": "agent",
                    "start_ms": 22_500,
                    "end_ms": 24_000,
                    "language": "zh",
                    "text": "请稍等",
                    "emotion": "NEUTRAL",
                },
            ],
            "translate_to": "zh",
        },
    }
    assert mail["data"]["translate_to"] is None


def test_a_number_that_goes_on_in_the_next_segment_is_hidden_there() -> None:
    script: list[Row] = [
        ("customer", 20_000, 22_000, "太慢了，订单二零二六", "ANGRY"),
        ("customer", 22_500, 24_000, "一一零九零零一二"),
        ("agent", 23_800, 25_000, "好的"),
        ("customer", 25_000, 26_000, "快点"),
    ]
    order = Entity(0, EntityKind.ORDER_NUMBER, "202611090012", "********0012", 6, 10, 21_000, 24_000, 0.7)
    data = notices(script, entities=(order,))[0].payload["data"]
    assert isinstance(data, dict)
    assert [line["text"] for line in data["transcript"]] == ["太慢了，订单********0012", "****", "好的", "快点"]


def test_no_finding_no_notice() -> None:
    assert notices(SCRIPT[:1]) == []


def test_a_transcript_has_an_end() -> None:
    book = a_rulebook("rules: [{name: x, about: x, when: {duration_ms: {at_least: 1}}, actions: [{mail: quality}]}]")
    (notice,) = notices([("agent", no * 1_000, no * 1_000 + 500, "嗯") for no in range(MAX_SEGMENTS + 5)], book)
    data = notice.payload["data"]
    assert isinstance(data, dict)
    assert len(data["transcript"]) == MAX_SEGMENTS
    assert data["emotion"] is None
    assert data["role"] == "unknown"


def test_the_rules_that_come_along_make_tickets() -> None:
    told = notices([("customer", 500, 3_000, "怎么回事", "ANGRY")], load_rulebook(None))
    assert [(one.kind, one.target) for one in told] == [(NoticeKind.WEBHOOK, "tickets")]
