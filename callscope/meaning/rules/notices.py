"""What is told to others when a rule fires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callscope.calls import (
    CallAnalysis,
    CallMetadata,
    Emotion,
    Entity,
    EvidenceKind,
    Finding,
    Notice,
    NoticeKind,
    Segment,
)
from callscope.meaning.rules.book import Rulebook
from callscope.meaning.rules.schema import Action, Rule

NOTICE_TYPE = "call.finding"

CONTEXT_MS = 15_000
"""So much of the talk before and after a finding goes with it."""

HIDDEN_TEXT = "****"
"""In place of a text that may hold the rest of a number."""

MAX_SEGMENTS = 30
"""A notice is to be read at once; who wants more opens the call."""


def make_notices(analysis: CallAnalysis, metadata: CallMetadata, rulebook: Rulebook) -> list[Notice]:
    """
    Return the notices that the actions of the rules ask for.

    One for each action of a rule that fired, about the surest of its findings: ten angry sentences are one ticket.
    Numbers that the text names are masked: a notice leaves the house.

    Parameters
    ----------
    analysis : CallAnalysis
        The result of a recording.
    metadata : CallMetadata
        What telephony told of it.
    rulebook : Rulebook
        The rules that made the findings.
    """
    notices = []
    for rule in rulebook.rules:
        findings = [finding for finding in analysis.meaning.findings if finding.rule == rule.name]
        if findings and rule.actions:
            surest = max(findings, key=lambda finding: (finding.probability, -finding.start_ms))
            data = _data(rule, surest, len(findings), analysis, metadata)
            notices += [_notice(action, data) for action in rule.actions]
    return notices


def _notice(action: Action, data: dict[str, object]) -> Notice:
    payload = {"type": NOTICE_TYPE, "data": {**data, "translate_to": action.translate_to}}
    if action.webhook is not None:
        return Notice(NoticeKind.WEBHOOK, action.webhook, payload)
    return Notice(NoticeKind.MAIL, action.mail or "", payload)


def _data(
    rule: Rule, finding: Finding, findings: int, analysis: CallAnalysis, metadata: CallMetadata
) -> dict[str, object]:
    emotion = _emotion(finding, analysis)
    return {
        "rule": rule.name,
        "severity": rule.severity.value,
        "score": rule.score,
        "about": rule.about,
        "advice": rule.advice,
        "link": rule.link,
        "role": finding.role.value,
        "start_ms": finding.start_ms,
        "end_ms": finding.end_ms,
        "emotion": None if emotion is None else emotion.value,
        "probability": finding.probability,
        "findings": findings,
        "call": {
            "call_id": metadata.call_id,
            "agent_id": metadata.agent_id,
            "queue": metadata.queue,
            "direction": metadata.direction,
            "started_at": None if metadata.started_at is None else metadata.started_at.isoformat(),
        },
        "transcript": _transcript(finding, analysis),
    }


def _emotion(finding: Finding, analysis: CallAnalysis) -> Emotion | None:
    """Return what is felt in the finding: the first emotion of its segments that is not NEUTRAL, if one is."""
    segments = analysis.hearing.segments
    felt = [segments[one.number].emotion for one in finding.evidence if one.kind is EvidenceKind.SEGMENT]
    return next((emotion for emotion in felt if emotion is not Emotion.NEUTRAL), felt[0] if felt else None)


def _transcript(finding: Finding, analysis: CallAnalysis) -> list[dict[str, object]]:
    around = [
        (number, segment)
        for number, segment in enumerate(analysis.hearing.segments)
        if segment.is_speech
        and segment.start_ms < finding.end_ms + CONTEXT_MS
        and segment.end_ms > finding.start_ms - CONTEXT_MS
    ]
    named: dict[int, list[Entity]] = {}
    for entity in analysis.meaning.entities:
        named.setdefault(entity.segment_no, []).append(entity)
    continuing = {no for entity in analysis.meaning.entities for no in _continued_in(entity, analysis.hearing.segments)}
    return [
        {
            "role": segment.role.value,
            "start_ms": segment.start_ms,
            "end_ms": segment.end_ms,
            "language": segment.language.value,
            "text": HIDDEN_TEXT if number in continuing else _masked(segment, named.get(number, [])),
            "emotion": segment.emotion.value,
        }
        for number, segment in around[:MAX_SEGMENTS]
    ]


def _continued_in(entity: Entity, segments: Sequence[Segment]) -> Iterator[int]:
    """Yield the segments in which a number goes on: which of their characters belong to it isn't told."""
    first = segments[entity.segment_no]
    for number in range(entity.segment_no + 1, len(segments)):
        if segments[number].start_ms >= entity.end_ms:
            return
        if segments[number].channel == first.channel and segments[number].start_ms >= first.end_ms:
            yield number


def _masked(segment: Segment, entities: list[Entity]) -> str:
    text = segment.text
    # From the end, so that what is put in moves nothing that is still to be replaced.
    for entity in sorted(entities, key=lambda entity: entity.start_char, reverse=True):
        text = text[: entity.start_char] + entity.masked_value + text[entity.end_char :]
    return text
