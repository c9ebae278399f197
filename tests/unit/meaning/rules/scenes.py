"""Facts of calls, built by hand: nothing here is derived by the code under test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from callscope.calls import (
    CallMeasures,
    CallMetadata,
    Emotion,
    Entity,
    EntityKind,
    Event,
    EventKind,
    Finding,
    Language,
    Origin,
    Role,
    Segment,
    Turn,
)
from callscope.meaning.facts import CallFacts
from callscope.meaning.rules.book import Rulebook, load_rulebook
from callscope.meaning.rules.evaluate import find_findings
from callscope.meaning.rules.files import Source, read_text
from callscope.meaning.rules.index import CallIndex, Match
from tests.scripts import Row, play

USUAL_DBFS = -25.0


def an_event(kind: EventKind, owner: str | None, start_ms: int, end_ms: int, *, probability: float = 1.0) -> Event:
    return Event(kind, Origin.DERIVED, None, Role(owner or "unknown"), start_ms, end_ms, probability)


def turns_of(segments: Sequence[Segment], **changes: Mapping[int, object]) -> tuple[Turn, ...]:
    """Return turns by the simplest rule; `changes` names a measure and its value in some turns."""
    spoken = [(number, segment) for number, segment in enumerate(segments) if segment.is_speech]
    turns: list[Turn] = []
    for channel, group in groupby(spoken, key=lambda one: one[1].channel):
        members = list(group)
        start_ms, end_ms = members[0][1].start_ms, members[-1][1].end_ms
        turns.append(
            Turn(
                channel=channel,
                role=members[0][1].role,
                start_ms=start_ms,
                end_ms=end_ms,
                segment_nos=tuple(number for number, _ in members),
                response_ms=start_ms - turns[-1].end_ms if turns else None,
                units_per_s=4.0,
                pause_ratio=0.1,
                hesitation_count=0,
                loudness_dbfs=USUAL_DBFS,
                pitch_slope_st_s=None,
            )
        )
    for measure, values in changes.items():
        for number, value in values.items():
            turns[number] = replace(turns[number], **{measure: value})  # type: ignore[arg-type]
    return tuple(turns)


def facts_of(
    script: Iterable[Row] | tuple[Segment, ...],
    *,
    events: Iterable[Event] = (),
    turns: tuple[Turn, ...] | None = None,
    entities: tuple[Entity, ...] = (),
    measures: CallMeasures | None = None,
    metadata: CallMetadata | None = None,
    duration_ms: int | None = None,
    language: Language = Language.ZH,
) -> CallFacts:
    rows = tuple(script)
    segments = tuple(row for row in rows if isinstance(row, Segment)) or play(
        (row for row in rows if not isinstance(row, Segment)), language=language
    )
    return CallFacts(
        segments=segments,
        events=tuple(sorted(events, key=lambda event: (event.start_ms, event.kind))),
        turns=turns_of(segments) if turns is None else turns,
        entities=entities,
        measures=measures or CallMeasures(),
        metadata=metadata or CallMetadata(),
        duration_ms=duration_ms or max((segment.end_ms for segment in segments), default=0),
    )


def a_source(text: str) -> Source:
    source = read_text("test.yaml", text)
    assert isinstance(source, Source), [str(mistake) for mistake in source]
    return source


def a_rulebook(text: str) -> Rulebook:
    content = a_source(text).content
    return Rulebook("test-00000000", content.rules, content.scorecards)


def matches(condition: str, facts: CallFacts, *, min_role_confidence: float = 0.5) -> list[Match]:
    """Return where a condition, in YAML, holds."""
    indented = "".join(f"      {line}\n" for line in condition.strip().splitlines())
    (rule,) = a_source(f"rules:\n  - name: x\n    about: x\n    when:\n{indented}").content.rules
    return rule.when.find(CallIndex(facts, min_role_confidence=min_role_confidence))


def times(condition: str, facts: CallFacts) -> list[tuple[int, int]]:
    return [(match.start_ms, match.end_ms) for match in matches(condition, facts)]


def fired(facts: CallFacts, rulebook: Rulebook | None = None) -> list[tuple[str, int]]:
    """Return name and start of what the rules find; without a book, those that come along."""
    return [(finding.rule, finding.start_ms) for finding in findings(facts, rulebook)]


def findings(facts: CallFacts, rulebook: Rulebook | None = None) -> tuple[Finding, ...]:
    return find_findings(facts, rulebook or load_rulebook(None))


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def the_example() -> CallFacts:
    """Return the call on which every condition of docs/rules.md holds."""
    script: list[Row] = [
        ("agent", 1_000, 4_000, "您好，很高兴为您服务。"),
        ("customer", 4_500, 8_000, "我的订单202611090012还没发货。"),
        ("agent", 8_300, 10_000, "请稍等，我查一下。"),
        ("customer", 10_200, 12_000, "好的，快一点。"),
        ("customer", 18_000, 18_600, ""),
        ("customer", 19_000, 23_000, "我要退款，不然我就投诉！", "ANGRY"),
        ("agent", 22_500, 26_000, "你先听我说，好不好？"),
        ("customer", 26_200, 30_000, "我的订单202611090012还没发货。", "ANGRY"),
        ("agent", 33_000, 36_000, "非常抱歉，今天给您发货，并送您满300减50的券。"),
        ("customer", 36_500, 37_500, "哈哈，好吧。", "HAPPY"),
        ("customer", 38_000, 41_000, "我上次用了还过敏了。", "SAD"),
        ("customer", 41_500, 43_000, "よろしくお願いします。"),
        ("agent", 60_500, 62_000, "感谢您的来电，再见。"),
    ]
    segments = list(play(script))
    segments[11] = replace(segments[11], language=Language.JA)
    events = [
        an_event(EventKind.SILENCE, "agent", 12_000, 18_000),
        an_event(EventKind.SIGH, "customer", 18_000, 18_600, probability=0.8),
        an_event(EventKind.CROSSTALK, "agent", 22_500, 23_000),
        an_event(EventKind.INTERRUPTION, "agent", 22_500, 23_000),
        an_event(EventKind.LAUGHTER, "customer", 36_500, 37_500, probability=0.9),
        an_event(EventKind.HOLD_MUSIC, None, 44_000, 60_000, probability=0.9),
    ]
    turns = turns_of(
        segments,
        units_per_s={6: 7.5},
        loudness_dbfs={4: -12.0},
        pitch_slope_st_s={3: 6.0},
        pause_ratio={6: 0.35},
        hesitation_count={6: 2},
    )
    order = Entity(1, EntityKind.ORDER_NUMBER, "202611090012", "********0012", 4, 16, 5_000, 7_000, 0.9)
    return facts_of(
        tuple(segments),
        events=events,
        turns=turns,
        entities=(order,),
        measures=CallMeasures(agent_speech_ms=12_700, customer_speech_ms=18_600, agent_units_per_s=5.0),
        metadata=CallMetadata(queue="refunds", direction="inbound", extra={"tier": "gold"}),
        duration_ms=63_000,
    )


def felt(segment: Segment, emotion: Emotion, probability: float) -> Segment:
    other = Emotion.OTHER if emotion is not Emotion.OTHER else Emotion.NEUTRAL
    return replace(segment, emotion=emotion, emotion_distribution={emotion: probability, other: 1 - probability})
