"""A call as rules ask for it: who said what, what was heard when, looked up instead of searched for."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median

from callscope.calls import Event, EventKind, Evidence, EvidenceKind, Language, Role, Segment, Turn
from callscope.meaning.facts import CallFacts
from callscope.meaning.words import cut_words

_WIDE_FROM = 0x2E80
"""From here on Unicode holds scripts that are written without spaces, and Hangul."""

MIN_PART_CHARS = 2
"""A single character is found in too many words to say something about them."""

_CUT_LANGUAGES = frozenset({Language.ZH, Language.YUE})


@dataclass(frozen=True, slots=True)
class Match:
    """A place of a call at which a condition holds."""

    role: Role
    start_ms: int
    end_ms: int
    probability: float
    """In [0, 1]."""
    evidence: tuple[Evidence, ...]

    @property
    def is_everywhere(self) -> bool:
        """Whether it is a fact of the whole call, which has no place in it."""
        return all(one.kind is EvidenceKind.CALL for one in self.evidence)

    def gap_ms(self, other: Match) -> int:
        """Return the time between both in milliseconds; 0 when they touch or overlap."""
        return max(0, self.start_ms - other.end_ms, other.start_ms - self.end_ms)

    def meets(self, other: Match) -> bool:
        """Return whether some millisecond belongs to both."""
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms


def join(first: Match, others: Sequence[Match]) -> Match:
    """
    Return one match of several.

    It is about the first one's party, lasts as long as all that have a place, and is as sure as the least sure.
    """
    matches = (first, *others)
    placed = [match for match in matches if not match.is_everywhere] or matches
    return Match(
        role=first.role,
        start_ms=min(match.start_ms for match in placed),
        end_ms=max(match.end_ms for match in placed),
        probability=min(match.probability for match in matches),
        evidence=tuple(dict.fromkeys(one for match in matches for one in match.evidence)),
    )


def plain(text: str) -> str:
    """Return a text as words are looked for in it: one width, one case."""
    return unicodedata.normalize("NFKC", text).casefold()


class CallIndex:
    """
    The facts of one call, arranged once for all rules.

    Parameters
    ----------
    facts : CallFacts
        What was heard, and what was derived from it.
    min_role_confidence : float
        In [0, 1]; a role that was guessed with less counts as unknown.
    """

    def __init__(self, facts: CallFacts, *, min_role_confidence: float = 0.0) -> None:
        self.facts = facts
        self._min_role_confidence = min_role_confidence
        self.everywhere = Match(
            role=Role.UNKNOWN,
            start_ms=0,
            end_ms=facts.duration_ms,
            probability=1.0,
            evidence=(Evidence(EvidenceKind.CALL, 0, 0, facts.duration_ms),),
        )

    # --- segments

    @cached_property
    def segment_roles(self) -> list[Role]:
        """Role of each segment as far as it is trusted."""
        return [self._trusted(segment.role, segment.role_confidence) for segment in self.facts.segments]

    @cached_property
    def _spoken(self) -> dict[Role | None, list[int]]:
        spoken: dict[Role | None, list[int]] = defaultdict(list)
        for number, segment in enumerate(self.facts.segments):
            if segment.is_speech:
                spoken[None].append(number)
                spoken[self.segment_roles[number]].append(number)
        return spoken

    def spoken(self, role: Role | None) -> list[int]:
        """Return the numbers of the segments that a party speaks; of all parties for None."""
        return self._spoken.get(role, [])

    def segment_match(self, number: int, *, asked: Role | None, probability: float = 1.0) -> Match:
        """Return a segment as a match; asked for a role, it is no surer than the role is."""
        segment = self.facts.segments[number]
        return Match(
            role=self.segment_roles[number],
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
            probability=probability if asked is None else min(probability, segment.role_confidence),
            evidence=(Evidence(EvidenceKind.SEGMENT, number, segment.start_ms, segment.end_ms),),
        )

    # --- text

    @cached_property
    def texts(self) -> list[str]:
        """Text of each segment, in one width and one case."""
        return [plain(segment.text) for segment in self.facts.segments]

    @cached_property
    def whole_text(self) -> str:
        """All that is said: a word that isn't in here needn't be looked for in the segments."""
        return "\n".join(self.texts)

    @cached_property
    def _cut(self) -> dict[int, list[tuple[int, int]]]:
        """Bounds of the words of those segments that were asked for a word."""
        return {}

    def says(self, number: int, word: str) -> bool:
        """
        Return whether a segment says a word, and not only some longer word that holds its letters.

        Parameters
        ----------
        number : int
            Of the segment.
        word : str
            As `plain` returns it.
        """
        text = self.texts[number]
        start = text.find(word)
        while start >= 0:
            if self._stands_alone(number, start, start + len(word)):
                return True
            start = text.find(word, start + 1)
        return False

    def _stands_alone(self, number: int, start: int, end: int) -> bool:
        text, segment = self.texts[number], self.facts.segments[number]
        if start > 0 and _is_narrow(text[start - 1]) and _is_narrow(text[start]):
            return False
        if end < len(text) and _is_narrow(text[end - 1]) and _is_narrow(text[end]):
            return False
        if segment.language not in _CUT_LANGUAGES:
            return True
        if number not in self._cut:
            words = cut_words(text, segment.language)
            self._cut[number] = [(at, at + len(word)) for word, at in words]
        return _is_made_of_words(start, end, self._cut[number])

    # --- events

    @cached_property
    def _events(self) -> dict[EventKind, list[int]]:
        numbers: dict[EventKind, list[int]] = defaultdict(list)
        for number, event in enumerate(self.facts.events):
            numbers[event.kind].append(number)
        return numbers

    @cached_property
    def _confidences(self) -> dict[Role, float]:
        heard: dict[Role, list[float]] = defaultdict(list)
        for segment in self.facts.segments:
            if segment.is_speech:
                heard[segment.role].append(segment.role_confidence)
        return {role: fmean(confidences) for role, confidences in heard.items()}

    def events(self, kinds: Sequence[EventKind], role: Role | None) -> Iterator[tuple[int, Event, Match]]:
        """Yield number, event and match of the events of some kinds that a party owns, ascending by start."""
        numbers = sorted(number for kind in kinds for number in self._events.get(kind, ()))
        for number in numbers:
            event = self.facts.events[number]
            # An event has no confidence of its role: whose it is was told by the party's segments.
            confidence = self._confidences.get(event.owner, 1.0)
            owner = self._trusted(event.owner, confidence)
            if role is None or owner is role:
                probability = event.probability if role is None else min(event.probability, confidence)
                evidence = Evidence(EvidenceKind.EVENT, number, event.start_ms, event.end_ms)
                yield number, event, Match(owner, event.start_ms, event.end_ms, probability, (evidence,))

    # --- turns

    @cached_property
    def _turn_matches(self) -> list[tuple[Match, float]]:
        """Each turn as a match, and how sure its role is."""
        matches = []
        for number, turn in enumerate(self.facts.turns):
            confidence = min((self.facts.segments[no].role_confidence for no in turn.segment_nos), default=1.0)
            evidence = Evidence(EvidenceKind.TURN, number, turn.start_ms, turn.end_ms)
            role = self._trusted(turn.role, confidence)
            matches.append((Match(role, turn.start_ms, turn.end_ms, 1.0, (evidence,)), confidence))
        return matches

    def turns(self, role: Role | None) -> Iterator[tuple[Turn, Match]]:
        """Yield the turns of a party, or of all for None, each with its match, ascending by start."""
        for turn, (match, confidence) in zip(self.facts.turns, self._turn_matches, strict=True):
            if role is None or (match.role is role and confidence >= match.probability):
                yield turn, match
            elif match.role is role:
                yield turn, Match(match.role, match.start_ms, match.end_ms, confidence, match.evidence)

    def turn_total(self, role: Role | None) -> int:
        """Return how many turns a party has, or all for None."""
        return sum(role is None or match.role is role for match, _ in self._turn_matches)

    @cached_property
    def usual_loudness_dbfs(self) -> dict[Role, float]:
        """Median loudness of each party's turns."""
        levels: dict[Role, list[float]] = defaultdict(list)
        for turn, match in self.turns(None):
            levels[match.role].append(turn.loudness_dbfs)
        return {role: median(values) for role, values in levels.items()}

    @cached_property
    def _turn_of_segment(self) -> dict[int, int]:
        return {no: number for number, turn in enumerate(self.facts.turns) for no in turn.segment_nos}

    def segments_apart(self, first: int, second: int) -> int:
        """Return how many turns it is from one segment to the other, by their numbers."""
        places = self._segment_places
        return (max(0, places[second][0] - places[first][1], places[first][0] - places[second][1]) + 1) // 2

    @cached_property
    def _segment_places(self) -> list[tuple[int, int]]:
        return [
            self._place(Evidence(EvidenceKind.SEGMENT, number, segment.start_ms, segment.end_ms))
            for number, segment in enumerate(self.facts.segments)
        ]

    def turns_apart(self, first: Match, second: Match) -> int:
        """Return how many turns it is from one match to the other: 0 in the same, 1 in the next or the gap beside."""
        start, end = self._span(first)
        other_start, other_end = self._span(second)
        return (max(0, start - other_end, other_start - end) + 1) // 2

    def _span(self, match: Match) -> tuple[int, int]:
        """First and last position of a match, counted in half turns: turn n is at 2n + 1, the gap before it at 2n."""
        spans = [self._place(one) for one in match.evidence]
        return min(start for start, _ in spans), max(end for _, end in spans)

    def _place(self, evidence: Evidence) -> tuple[int, int]:
        turn = None
        match evidence.kind:
            case EvidenceKind.TURN:
                turn = evidence.number
            case EvidenceKind.SEGMENT:
                turn = self._turn_of_segment.get(evidence.number)
            case EvidenceKind.ENTITY:
                turn = self._turn_of_segment.get(self.facts.entities[evidence.number].segment_no)
            case EvidenceKind.EVENT | EvidenceKind.CALL:
                pass
        if turn is not None:
            return 2 * turn + 1, 2 * turn + 1
        turns = self.facts.turns
        at = [no for no, turn in enumerate(turns) if _meet(turn, evidence)]
        if at:
            return 2 * at[0] + 1, 2 * at[-1] + 1
        before = sum(turn.start_ms < evidence.start_ms for turn in turns)
        return 2 * before, 2 * before

    def _trusted(self, role: Role, confidence: float) -> Role:
        return role if confidence >= self._min_role_confidence else Role.UNKNOWN


def _meet(turn: Turn, evidence: Evidence) -> bool:
    return turn.start_ms < evidence.end_ms and evidence.start_ms < turn.end_ms


def _is_narrow(character: str) -> bool:
    """Whether it belongs to a word of a script that is written with spaces."""
    return ord(character) < _WIDE_FROM and character.isalnum()


def _is_made_of_words(start: int, end: int, words: Sequence[tuple[int, int]]) -> bool:
    """
    Return whether a stretch is whole words, or two or more characters of one.

    So 过敏 is found in 过敏原, and 和服 is not found in 产品和服务.
    """
    for word_start, word_end in words:
        if word_start < start < word_end < end or start < word_start < end < word_end:
            return False
        if word_start <= start and end <= word_end and end - start < min(MIN_PART_CHARS, word_end - word_start):
            return False
    return True


def dominant_probability(segment: Segment) -> float:
    """Return the probability of a segment's emotion."""
    return segment.emotion_distribution.get(segment.emotion, 0.0)
