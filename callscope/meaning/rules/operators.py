"""What a rule can ask for by itself: an emotion, a sound, a word, a measure of a turn, a fact of the call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache, partial
from itertools import takewhile
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import SchemaError, SchemaValidator, core_schema
from rapidfuzz import fuzz
from typing_extensions import override

from callscope.calls import Emotion, EntityKind, EventKind, Evidence, EvidenceKind, Language, Role, Turn
from callscope.meaning.rules.index import CallIndex, Match, dominant_probability, join, plain

MAX_PATTERN_CHARS = 1_000


class Strict(BaseModel):
    """Part of a rule file: no field that isn't known, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Operator(Strict, ABC):
    """A condition on a call: where, if anywhere, it holds."""

    @abstractmethod
    def find(self, call: CallIndex) -> list[Match]:
        """Return the places at which it holds, ascending by start; a fact of the whole call is one place."""


class Range(Strict):
    """A limit below, above, or both; the limits belong to it."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _some_limit(self) -> Range:
        if self.at_least is None and self.at_most is None:
            msg = "a range needs `at_least`, `at_most`, or both"
            raise ValueError(msg)
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            msg = f"nothing is at least {self.at_least:g} and at most {self.at_most:g}"
            raise ValueError(msg)
        return self

    def holds(self, value: float | None) -> bool:
        """Return whether a value is inside; a measure that isn't there is not."""
        return (
            value is not None
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )


def _listed(value: object) -> object:
    """Let one value stand for a list of it."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


@lru_cache(maxsize=1_024)
def _searcher(pattern: str) -> Callable[[str], bool]:
    # Rust's engine, the one behind pydantic's own patterns: it takes time in proportion to the text, whatever the
    # pattern, so that no rule can hold up a worker.
    return SchemaValidator(core_schema.str_schema(pattern=pattern)).isinstance_python


def _searchable(pattern: str) -> str:
    try:
        _searcher(pattern)
    except SchemaError as error:
        raise ValueError(str(error).rpartition("error: ")[2].strip()) from error
    return pattern


Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1)]
Pattern = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_CHARS), AfterValidator(_searchable)]
Emotions = Annotated[
    tuple[Emotion, ...], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=Emotion | list[Emotion])
]
EventKinds = Annotated[
    tuple[EventKind, ...],
    Field(min_length=1),
    BeforeValidator(_listed, json_schema_input_type=EventKind | list[EventKind]),
]
EntityKinds = Annotated[
    tuple[EntityKind, ...],
    Field(min_length=1),
    BeforeValidator(_listed, json_schema_input_type=EntityKind | list[EntityKind]),
]
Languages = Annotated[
    tuple[Language, ...],
    Field(min_length=1),
    BeforeValidator(_listed, json_schema_input_type=Language | list[Language]),
]
Texts = Annotated[
    tuple[Text, ...], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=Text | list[Text])
]


# --- what is felt and heard


class EmotionIs(Operator):
    """A party speaks with an emotion."""

    emotion: Emotions
    role: Role | None = None
    min_probability: Share = 0.5

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the segments."""
        segments = call.facts.segments
        return [
            call.segment_match(number, asked=self.role, probability=probability)
            for number in call.spoken(self.role)
            if segments[number].emotion in self.emotion
            and (probability := dominant_probability(segments[number])) >= self.min_probability
        ]


class EventIs(Operator):
    """Something else is heard, or not heard: laughter, a sigh, a silence, an interruption."""

    event: EventKinds
    role: Role | None = None
    """Its owner: who laughs, whose turn it is in a silence, who interrupts."""
    min_probability: Share = 0.5
    lasts_ms: Range | None = None

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the events."""
        return [
            match
            for _, event, match in call.events(self.event, self.role)
            if event.probability >= self.min_probability
            and (self.lasts_ms is None or self.lasts_ms.holds(event.end_ms - event.start_ms))
        ]


# --- what is said


class KeywordSaid(Operator):
    """A word is said, as a word of its own."""

    keyword: Texts
    role: Role | None = None
    at_least: Annotated[int, Field(ge=1)] = 1
    """So many different ones in one segment."""

    @cached_property
    def _words(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(plain(word) for word in self.keyword))

    @model_validator(mode="after")
    def _enough_words(self) -> KeywordSaid:
        if self.at_least > len(self.keyword):
            msg = f"{self.at_least} of {len(self.keyword)} words can't be said"
            raise ValueError(msg)
        return self

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the segments."""
        words = [word for word in self._words if word in call.whole_text]
        if len(words) < self.at_least:
            return []
        return [
            call.segment_match(number, asked=self.role)
            for number in call.spoken(self.role)
            if sum(call.says(number, word) for word in words) >= self.at_least
        ]


class RegexMatches(Operator):
    """A text holds a pattern."""

    regex: Pattern
    unless: Pattern | None = None
    """Not where the same segment holds this one."""
    role: Role | None = None

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the segments."""
        search = _searcher(self.regex)
        refuse = None if self.unless is None else _searcher(self.unless)
        segments = call.facts.segments
        return [
            call.segment_match(number, asked=self.role)
            for number in call.spoken(self.role)
            if search(segments[number].text) and not (refuse is not None and refuse(segments[number].text))
        ]


class SimilarSaid(Operator):
    """A sentence is said, more or less in these words."""

    similar_to: Texts
    role: Role | None = None
    min_similarity: Share = 0.8

    @cached_property
    def _sentences(self) -> tuple[str, ...]:
        return tuple(plain(sentence) for sentence in self.similar_to)

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the segments."""
        return [
            call.segment_match(number, asked=self.role)
            for number in call.spoken(self.role)
            if any(_likeness(call.texts[number], sentence) >= self.min_similarity for sentence in self._sentences)
        ]


class Repeated(Operator):
    """A party says nearly the same again."""

    repeats: Annotated[int, Field(ge=2)]
    """So many times in all."""
    role: Role | None = None
    within_turns: Annotated[int, Field(ge=1)] = 8
    min_similarity: Share = 0.85
    min_chars: Annotated[int, Field(ge=1)] = 4
    """Shorter ones are "yes" and "right"."""

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return one match for every so many times."""
        found: list[Match] = []
        earlier: dict[int, list[int]] = defaultdict(list)
        used: set[int] = set()
        for number in call.spoken(self.role):
            text = call.texts[number]
            if len(text) < self.min_chars:
                continue
            own = earlier[call.facts.segments[number].channel]
            # The turns of a channel ascend, so the first that is too far ends the search.
            near = takewhile(partial(self._is_near, call, number), reversed(own))
            same = [other for other in near if other not in used and self._alike(other, number, call)][::-1]
            own.append(number)
            if len(same) + 1 >= self.repeats:
                first, *others = (call.segment_match(one, asked=self.role) for one in (*same, number))
                found.append(join(first, others))
                used |= {number, *same}
        return sorted(found, key=lambda match: match.start_ms)

    def _is_near(self, call: CallIndex, number: int, other: int) -> bool:
        return call.segments_apart(other, number) <= self.within_turns

    def _alike(self, first: int, second: int, call: CallIndex) -> bool:
        if call.segment_roles[first] is not call.segment_roles[second]:
            return False
        return fuzz.ratio(call.texts[first], call.texts[second]) >= 100 * self.min_similarity


class EntityNamed(Operator):
    """An order number, a phone number and the like is named."""

    entity: EntityKinds
    role: Role | None = None
    min_probability: Share = 0.5

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the entities."""
        found = []
        for number, entity in enumerate(call.facts.entities):
            if entity.kind in self.entity and entity.probability >= self.min_probability:
                said = call.segment_match(entity.segment_no, asked=self.role, probability=entity.probability)
                if self.role is None or said.role is self.role:
                    evidence = Evidence(EvidenceKind.ENTITY, number, entity.start_ms, entity.end_ms)
                    found.append(Match(said.role, entity.start_ms, entity.end_ms, said.probability, (evidence,)))
        return sorted(found, key=lambda match: match.start_ms)


class LanguageSpoken(Operator):
    """A language is spoken."""

    language: Languages
    role: Role | None = None

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the segments."""
        segments = call.facts.segments
        return [
            call.segment_match(number, asked=self.role)
            for number in call.spoken(self.role)
            if segments[number].language in self.language
        ]


def _likeness(text: str, sentence: str) -> float:
    # A sentence inside a longer speech counts; a short "yes" inside the sentence doesn't.
    longer = len(text) > len(sentence)
    return (fuzz.partial_ratio(sentence, text) if longer else fuzz.ratio(sentence, text)) / 100


# --- how a party speaks


class TurnTaken(Operator):
    """A party has the floor."""

    turn: Role
    lasts_ms: Range | None = None

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the turns."""
        return [
            match
            for turn, match in call.turns(self.turn)
            if self.lasts_ms is None or self.lasts_ms.holds(turn.end_ms - turn.start_ms)
        ]


class AboutTurns(Operator, ABC):
    """Something about a party's turns."""

    role: Role | None = None
    min_turn_ms: Annotated[int, Field(ge=0)] = 0
    """Shorter turns are not looked at."""

    def _turns(self, call: CallIndex) -> Iterator[tuple[Turn, Match]]:
        """Yield the turns that are looked at."""
        for turn, match in call.turns(self.role):
            if turn.end_ms - turn.start_ms >= self.min_turn_ms:
                yield turn, match


class OfTurn(AboutTurns, ABC):
    """A measure of a turn lies in a range."""

    @abstractmethod
    def _holds(self, turn: Turn) -> bool:
        """Return whether it does."""

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the turns."""
        return [match for turn, match in self._turns(call) if self._holds(turn)]


class TalkSpeed(OfTurn):
    """Characters (zh, yue, ja, ko) or words (en) a second."""

    talk_speed: Range
    over: Literal["turn", "call"] = "turn"
    """``call``: the party's mean over the whole call; needs `role`."""

    @model_validator(mode="after")
    def _of_one_party(self) -> TalkSpeed:
        if self.over == "call" and self.role not in {Role.AGENT, Role.CUSTOMER}:
            msg = "`over: call` needs `role: agent` or `role: customer`"
            raise ValueError(msg)
        return self

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the turns, or the call."""
        if self.over == "turn":
            return super().find(call)
        measures = call.facts.measures
        speed = measures.agent_units_per_s if self.role is Role.AGENT else measures.customer_units_per_s
        return _fact(call, self.role, holds=self.talk_speed.holds(speed))

    @override
    def _holds(self, turn: Turn) -> bool:
        return self.talk_speed.holds(turn.units_per_s)


class Loudness(OfTurn):
    """Level of a turn, relative to full scale."""

    loudness_dbfs: Range

    @override
    def _holds(self, turn: Turn) -> bool:
        return self.loudness_dbfs.holds(turn.loudness_dbfs)


class LouderThanUsual(AboutTurns):
    """Level of a turn above the median of the party's own turns: a raised voice, whatever the line."""

    louder_by_db: Range

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the turns."""
        usual_dbfs = call.usual_loudness_dbfs
        return [
            match
            for turn, match in self._turns(call)
            if self.louder_by_db.holds(turn.loudness_dbfs - usual_dbfs[match.role])
        ]


class PitchSlope(OfTurn):
    """Slope of the pitch at a turn's end: a question rises."""

    pitch_slope_st_s: Range

    @override
    def _holds(self, turn: Turn) -> bool:
        return self.pitch_slope_st_s.holds(turn.pitch_slope_st_s)


class PauseRatio(OfTurn):
    """Share of a turn that passes between its words."""

    pause_ratio: Range

    @override
    def _holds(self, turn: Turn) -> bool:
        return self.pause_ratio.holds(turn.pause_ratio)


class Hesitations(OfTurn):
    """Long pauses inside a turn."""

    hesitations: Range

    @override
    def _holds(self, turn: Turn) -> bool:
        return self.hesitations.holds(turn.hesitation_count)


class ResponseDelay(OfTurn):
    """Time from the other party's last word to the turn; below 0, it came in before."""

    response_ms: Range

    @override
    def _holds(self, turn: Turn) -> bool:
        return self.response_ms.holds(turn.response_ms)


# --- the call as a whole


class Opens(Operator):
    """A party has the first word."""

    opens: Role
    after_ms: Range | None = None
    """Since the call's beginning."""

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the first turn."""
        first = next(iter(call.turns(None)), None)
        if first is None or first[1].role is not self.opens:
            return []
        return [first[1]] if self.after_ms is None or self.after_ms.holds(first[1].start_ms) else []


class Closes(Operator):
    """A party has the last word: who hangs up, and how soon after it."""

    closes: Role
    before_end_ms: Range | None = None
    """From the last word to the call's end."""

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the last turn."""
        last = max((match for _, match in call.turns(None)), key=lambda match: match.end_ms, default=None)
        if last is None or last.role is not self.closes:
            return []
        rest_ms = call.facts.duration_ms - last.end_ms
        return [last] if self.before_end_ms is None or self.before_end_ms.holds(rest_ms) else []


class TalkShare(Operator):
    """A party's part of what both say."""

    talk_share: Range
    role: Literal[Role.AGENT, Role.CUSTOMER]

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the call."""
        agents = call.facts.measures.agent_talk_share
        share = agents if agents is None or self.role is Role.AGENT else 1 - agents
        return _fact(call, self.role, holds=self.talk_share.holds(share))


class Duration(Operator):
    """The call's length."""

    duration_ms: Range

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the call."""
        return _fact(call, None, holds=self.duration_ms.holds(call.facts.duration_ms))


class TurnCount(Operator):
    """How often a party, or both, have the floor."""

    turn_count: Range
    role: Role | None = None

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the call."""
        return _fact(call, self.role, holds=self.turn_count.holds(call.turn_total(self.role)))


class MetadataIs(Operator):
    """What telephony told about the call: ``call_id``, ``agent_id``, ``queue``, ``direction``, or any further key."""

    metadata: Text
    equals: str | None = None
    one_of: tuple[str, ...] | None = None
    matches: Pattern | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _one_question(self) -> MetadataIs:
        if [self.equals, self.one_of, self.matches, self.exists].count(None) != 3:  # noqa: PLR2004 - all but one
            msg = "say one of `equals`, `one_of`, `matches`, `exists`"
            raise ValueError(msg)
        return self

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the call."""
        return _fact(call, None, holds=self._holds(call))

    def _holds(self, call: CallIndex) -> bool:
        told = call.facts.metadata
        known = {
            "call_id": told.call_id,
            "agent_id": told.agent_id,
            "queue": told.queue,
            "direction": told.direction,
        }
        value = known[self.metadata] if self.metadata in known else told.extra.get(self.metadata)
        if self.exists is not None:
            return self.exists == (value is not None)
        if value is None:
            return False
        if self.equals is not None:
            return value == self.equals
        if self.matches is not None:
            return _searcher(self.matches)(value)
        return value in (self.one_of or ())


def _fact(call: CallIndex, role: Role | None, *, holds: bool) -> list[Match]:
    if not holds:
        return []
    everywhere = call.everywhere
    return [
        Match(role or Role.UNKNOWN, everywhere.start_ms, everywhere.end_ms, everywhere.probability, everywhere.evidence)
    ]


def fields_of(model: type[BaseModel]) -> Iterator[str]:
    """Yield the names of a model's fields as a file spells them."""
    for name, field in model.model_fields.items():
        yield field.alias or name
