"""How conditions are put together: all, any, not, at once, in sequence, beside, so many, in a part of the call."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import override

from callscope.calls import Role
from callscope.meaning.rules import operators as asks
from callscope.meaning.rules.index import CallIndex, Match, join
from callscope.meaning.rules.operators import Operator, Strict

TAG = "operator:"
"""Marks, in the path of a mistake, which operator was read; no file has such a key."""

Milliseconds = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=0)]
Several = Annotated[tuple["Condition", ...], Field(min_length=2)]


class AllOf(Operator):
    """Every one holds somewhere in the call; the place is that of the first one that has a place."""

    all_: Several = Field(alias="all")

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the first placed condition's matches, the others' first ones as further evidence."""
        found = []
        for condition in self.all_:
            matches = condition.find(call)
            if not matches:
                return []
            found.append(matches)
        places = next((matches for matches in found if not matches[0].is_everywhere), found[0])
        others = [matches[0] for matches in found if matches is not places]
        return _ascending(join(place, others) for place in places)


class AnyOf(Operator):
    """One of them holds, or several."""

    any_: Several = Field(alias="any")

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the matches of all."""
        return _ascending(dict.fromkeys(match for condition in self.any_ for match in condition.find(call)))


class Not(Operator):
    """It holds nowhere in the call."""

    not_: Condition = Field(alias="not")

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the call."""
        return [] if self.not_.find(call) else [call.everywhere]


class Together(Operator):
    """They hold at the same time, or at most so far apart."""

    together: Several
    within_ms: Milliseconds | None = None
    """None: they overlap."""

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return one match for each of the first condition's, joined with the nearest of the others'."""
        anchors, *others = _find_each(self.together, call)
        found = []
        for anchor in anchors.matches:
            company = [self._nearest(anchor, matches) for matches in others]
            if None not in company:
                found.append(join(anchor, [match for match in company if match is not None]))
        return _ascending(found)

    def _nearest(self, anchor: Match, matches: Nearby) -> Match | None:
        near = (
            match
            for match in matches.around(anchor, self.within_ms or 0)
            if anchor.meets(match) or (self.within_ms is not None and anchor.gap_ms(match) <= self.within_ms)
        )
        return min(near, key=anchor.gap_ms, default=None)


class InSequence(Operator):
    """One follows the other: each begins no earlier than the one before, at most so long after its end."""

    sequence: Several
    within_ms: Milliseconds

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the tightest sequences; no match is used twice."""
        *steps, lasts = _find_each(self.sequence, call)
        used: set[Match] = set()
        found = []
        for last in lasts.matches:
            chain = self._chain_to(last, steps, used)
            if chain is not None:
                used.update(chain)
                found.append(join(chain[-1], chain[:-1]))
        return _ascending(found)

    def _chain_to(self, last: Match, steps: Sequence[Nearby], used: set[Match]) -> list[Match] | None:
        """Return the latest matches of the steps that lead to the last one; a dead end is entered once."""
        dead: set[tuple[int, Match]] = set()

        def lead(step: int, to: Match) -> list[Match] | None:
            if step < 0:
                return [to]
            for match in reversed(steps[step].around(to, self.within_ms)):
                if (
                    match.start_ms <= to.start_ms <= match.end_ms + self.within_ms
                    and match.evidence != to.evidence
                    and match not in used
                    and (step, match) not in dead
                ):
                    chain = lead(step - 1, match)
                    if chain is not None:
                        return [*chain, to]
                    dead.add((step, match))
            return None

        return lead(len(steps) - 1, last)


class Beside(Operator):
    """One holds, and another one does, or doesn't, beside it."""

    at: Condition
    with_: Condition | None = Field(None, alias="with")
    without: Condition | None = None
    side: Literal["before", "after", "around"] = "around"
    within_ms: Milliseconds | None = None
    within_turns: Number | None = None
    """0: in the same turn; 1: in the next one, the one before, or the silence between."""

    @model_validator(mode="after")
    def _one_of_each(self) -> Beside:
        if (self.with_ is None) == (self.without is None):
            msg = "say what is beside it: `with`, or what isn't: `without`"
            raise ValueError(msg)
        if (self.within_ms is None) == (self.within_turns is None):
            msg = "say how near: `within_ms` or `within_turns`"
            raise ValueError(msg)
        return self

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the matches of `at`, joined with the nearest of `with`."""
        anchors = self.at.find(call)
        if not anchors:
            return []
        if self.with_ is None:
            others = Nearby(self.without.find(call) if self.without else [])
            return [anchor for anchor in anchors if self._nearest(anchor, others, call) is None]
        others = Nearby(self.with_.find(call))
        nearest = ((anchor, self._nearest(anchor, others, call)) for anchor in anchors)
        return _ascending(join(anchor, [match]) for anchor, match in nearest if match is not None)

    def _nearest(self, anchor: Match, others: Nearby, call: CallIndex) -> Match | None:
        candidates = others.matches if self.within_ms is None else others.around(anchor, self.within_ms)
        near = (
            match
            for match in candidates
            if match.evidence != anchor.evidence and self._on_side(match, anchor) and self._is_near(match, anchor, call)
        )
        return min(near, key=anchor.gap_ms, default=None)

    def _on_side(self, match: Match, anchor: Match) -> bool:
        match self.side:
            case "before":
                return match.start_ms < anchor.start_ms
            case "after":
                return match.start_ms > anchor.start_ms
            case "around":
                return True

    def _is_near(self, match: Match, anchor: Match, call: CallIndex) -> bool:
        if self.within_turns is not None:
            return call.turns_apart(match, anchor) <= self.within_turns
        return self.within_ms is not None and anchor.gap_ms(match) <= self.within_ms


class Count(Operator):
    """It holds so many times."""

    count: Condition
    at_least: Number | None = None
    at_most: Number | None = None
    within_ms: Milliseconds | None = None
    """So many within this time; None: in the whole call."""

    @model_validator(mode="after")
    def _some_limit(self) -> Count:
        if self.at_least is None and self.at_most is None:
            msg = "say how many: `at_least`, `at_most`, or both"
            raise ValueError(msg)
        if self.within_ms is not None and (not self.at_least or self.at_most is not None):
            msg = "`within_ms` goes with `at_least` alone"
            raise ValueError(msg)
        return self

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return all of them as one match, or each so many that are near enough."""
        matches = self.count.find(call)
        if self.within_ms is not None:
            return self._crowds(matches, self.at_least or 1, self.within_ms)
        if len(matches) < (self.at_least or 0) or (self.at_most is not None and len(matches) > self.at_most):
            return []
        return [join(matches[0], matches[1:])] if matches else [call.everywhere]

    @staticmethod
    def _crowds(matches: list[Match], size: int, within_ms: int) -> list[Match]:
        found, first = [], 0
        while first + size <= len(matches):
            crowd = matches[first : first + size]
            if max(match.end_ms for match in crowd) - crowd[0].start_ms <= within_ms:
                found.append(join(crowd[0], crowd[1:]))
                first += size
            else:
                first += 1
        return found


class Part(Strict):
    """A part of the call at its beginning or its end."""

    first_ms: Milliseconds | None = None
    last_ms: Milliseconds | None = None
    first_turns: Annotated[int, Field(ge=1)] | None = None
    last_turns: Annotated[int, Field(ge=1)] | None = None
    role: Role | None = None
    """Whose turns are counted; None: everybody's."""

    @model_validator(mode="after")
    def _one_part(self) -> Part:
        if [self.first_ms, self.last_ms, self.first_turns, self.last_turns].count(None) != 3:  # noqa: PLR2004 - all but one
            msg = "say one of `first_ms`, `last_ms`, `first_turns`, `last_turns`"
            raise ValueError(msg)
        if self.role is not None and self.first_turns is None and self.last_turns is None:
            msg = "`role` goes with `first_turns` or `last_turns`"
            raise ValueError(msg)
        return self

    def bounds_ms(self, call: CallIndex) -> tuple[int, int]:
        """Return where it begins and ends; an empty stretch when there are no such turns."""
        end_ms = call.facts.duration_ms
        if self.first_ms is not None:
            return 0, self.first_ms
        if self.last_ms is not None:
            return end_ms - self.last_ms, end_ms
        turns = [match for _, match in call.turns(self.role)]
        if not turns:
            return 0, 0
        if self.first_turns is not None:
            return 0, turns[: self.first_turns][-1].end_ms
        return turns[-(self.last_turns or 1) :][0].start_ms, end_ms


class InPart(Operator):
    """It holds at the beginning of the call, or at its end."""

    find_: Condition = Field(alias="find")
    in_: Part = Field(alias="in")

    @override
    def find(self, call: CallIndex) -> list[Match]:
        """Return the matches that begin, or end, inside the part."""
        start_ms, end_ms = self.in_.bounds_ms(call)
        from_start = self.in_.first_ms is not None or self.in_.first_turns is not None
        return [
            match
            for match in self.find_.find(call)
            if (match.start_ms < end_ms if from_start else match.end_ms > start_ms)
        ]


class Nearby:
    """Matches that are asked for by time."""

    def __init__(self, matches: list[Match]) -> None:
        self.matches = matches
        self._starts_ms = [match.start_ms for match in matches]
        self._longest_ms = max((match.end_ms - match.start_ms for match in matches), default=0)

    def around(self, match: Match, within_ms: int) -> list[Match]:
        """Return, ascending, those that may be as near as that, and few others."""
        first = bisect_left(self._starts_ms, match.start_ms - within_ms - self._longest_ms)
        last = bisect_left(self._starts_ms, match.end_ms + within_ms + 1)
        return self.matches[first:last]


def _ascending(matches: Iterable[Match]) -> list[Match]:
    return sorted(matches, key=lambda match: (match.start_ms, match.end_ms))


def _find_each(conditions: Sequence[Condition], call: CallIndex) -> list[Nearby]:
    """Return the matches of each condition; of none as soon as one has none, since all are needed."""
    found = []
    for condition in conditions:
        matches = condition.find(call)
        if not matches:
            return [Nearby([]) for _ in conditions]
        found.append(Nearby(matches))
    return found


def operator_keys(value: Mapping[object, object]) -> list[str]:
    """Return which operators a condition names; a good one names one."""
    return [str(key) for key in value if key in OPERATORS]


def _tag_of(value: object) -> str | None:
    if isinstance(value, Operator):
        return _TAGS[type(value)]
    if isinstance(value, dict) and len(keys := operator_keys(value)) == 1:
        return TAG + keys[0]
    return None


Condition: TypeAlias = Annotated[
    Annotated[asks.EmotionIs, Tag("operator:emotion")]
    | Annotated[asks.EventIs, Tag("operator:event")]
    | Annotated[asks.KeywordSaid, Tag("operator:keyword")]
    | Annotated[asks.RegexMatches, Tag("operator:regex")]
    | Annotated[asks.SimilarSaid, Tag("operator:similar_to")]
    | Annotated[asks.Repeated, Tag("operator:repeats")]
    | Annotated[asks.EntityNamed, Tag("operator:entity")]
    | Annotated[asks.LanguageSpoken, Tag("operator:language")]
    | Annotated[asks.TurnTaken, Tag("operator:turn")]
    | Annotated[asks.TalkSpeed, Tag("operator:talk_speed")]
    | Annotated[asks.Loudness, Tag("operator:loudness_dbfs")]
    | Annotated[asks.LouderThanUsual, Tag("operator:louder_by_db")]
    | Annotated[asks.PitchSlope, Tag("operator:pitch_slope_st_s")]
    | Annotated[asks.PauseRatio, Tag("operator:pause_ratio")]
    | Annotated[asks.Hesitations, Tag("operator:hesitations")]
    | Annotated[asks.ResponseDelay, Tag("operator:response_ms")]
    | Annotated[asks.Opens, Tag("operator:opens")]
    | Annotated[asks.Closes, Tag("operator:closes")]
    | Annotated[asks.TalkShare, Tag("operator:talk_share")]
    | Annotated[asks.Duration, Tag("operator:duration_ms")]
    | Annotated[asks.TurnCount, Tag("operator:turn_count")]
    | Annotated[asks.MetadataIs, Tag("operator:metadata")]
    | Annotated[AllOf, Tag("operator:all")]
    | Annotated[AnyOf, Tag("operator:any")]
    | Annotated[Not, Tag("operator:not")]
    | Annotated[Together, Tag("operator:together")]
    | Annotated[InSequence, Tag("operator:sequence")]
    | Annotated[Beside, Tag("operator:at")]
    | Annotated[Count, Tag("operator:count")]
    | Annotated[InPart, Tag("operator:find")],
    Discriminator(_tag_of),
]
"""A condition is a mapping that names one operator; its other keys belong to that operator."""

_TAGS: Mapping[type[Operator], str] = MappingProxyType(
    {get_args(member)[0]: get_args(member)[1].tag for member in get_args(get_args(Condition)[0])}
)

OPERATORS: Mapping[str, type[Operator]] = MappingProxyType(
    {tag.removeprefix(TAG): operator for operator, tag in _TAGS.items()}
)
"""By the key that names them."""
