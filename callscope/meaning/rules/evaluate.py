"""What the rules find in a call."""

from __future__ import annotations

from collections import defaultdict

from callscope.calls import EvidenceKind, Finding
from callscope.meaning.facts import CallFacts
from callscope.meaning.rules.book import Rulebook
from callscope.meaning.rules.index import CallIndex, Match
from callscope.meaning.rules.schema import Rule


def find_findings(facts: CallFacts, rulebook: Rulebook) -> tuple[Finding, ...]:
    """
    Return every rule's hits, ascending by start, then rule.

    A finding of an outranked rule is dropped where it rests on a record that a stronger rule's finding rests on too.

    Parameters
    ----------
    facts : CallFacts
        What was heard in the call, and what was derived from it.
    rulebook : Rulebook
        The rules; those switched off find nothing.
    """
    indexes: dict[float, CallIndex] = {}
    found: dict[str, list[Finding]] = {}
    for rule in rulebook.rules:
        if not rule.enabled:
            continue
        # Rules differ in how sure a role must be; nearly always all say the same, and share one index.
        index = indexes.get(rule.min_role_confidence)
        if index is None:
            index = indexes[rule.min_role_confidence] = CallIndex(facts, min_role_confidence=rule.min_role_confidence)
        found[rule.name] = [_finding(rule, match) for match in rule.when.find(index)]
    kept = _drop_outranked(found, rulebook)
    return tuple(sorted(kept, key=lambda finding: (finding.start_ms, finding.rule, finding.end_ms)))


def _finding(rule: Rule, match: Match) -> Finding:
    return Finding(
        rule=rule.name,
        severity=rule.severity,
        score=rule.score,
        role=rule.concerns or match.role,
        start_ms=match.start_ms,
        end_ms=match.end_ms,
        probability=match.probability,
        evidence=match.evidence,
    )


def _drop_outranked(found: dict[str, list[Finding]], rulebook: Rulebook) -> list[Finding]:
    taken: dict[str, set[tuple[EvidenceKind, int]]] = defaultdict(set)
    for rule in rulebook.rules:
        records = {record for finding in found.get(rule.name, ()) for record in _records(finding)}
        for weaker in rule.outranks:
            taken[weaker] |= records
    return [
        finding for name, findings in found.items() for finding in findings if taken[name].isdisjoint(_records(finding))
    ]


def _records(finding: Finding) -> set[tuple[EvidenceKind, int]]:
    """Return the records that a finding rests on; the call itself is nobody's own."""
    return {(one.kind, one.number) for one in finding.evidence if one.kind is not EvidenceKind.CALL}
