"""A customer's bursts of anger and sadness, and how the agent took them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callscope.calls import Burst, Emotion, Event, EventKind, Role, Segment, Soothing
from callscope.meaning.facts import CallFacts
from callscope.meaning.rules.index import dominant_probability
from callscope.meaning.rules.schema import SoothingCard

_HEATED = frozenset({Emotion.ANGRY, Emotion.SAD})


def find_bursts(facts: CallFacts, card: SoothingCard) -> tuple[Burst, ...]:
    """
    Return the bursts of a call, ascending by start.

    A burst is a run of the customer's speech segments that are all ANGRY, or all SAD, with at least the card's
    probability: anything else that the customer says ends it; what the agent says meanwhile doesn't.

    The reply is the agent's first segment that begins after the burst's last one did and ends after it, with what the
    agent goes on to say until the customer speaks again. The outcome is

    - good: the reply begins NEUTRAL, and HAPPY or LAUGHTER of the customer begins after the reply did, and in time
      after its end;
    - poor: after ANGRY, nothing of the kind, all that the agent says is NEUTRAL, and a silence of the agent follows
      burst or reply in time;
    - open: anything else.

    Parameters
    ----------
    facts : CallFacts
        What was heard in the call.
    card : SoothingCard
        What counts, and in which time.
    """
    talk = _Talk(facts, card)
    return tuple(talk.burst(run) for run in talk.runs())


@dataclass(frozen=True, slots=True)
class _Reply:
    """What an agent says to a burst until the customer speaks again."""

    start_ms: int
    end_ms: int
    emotion: Emotion
    """Of its first segment."""


class _Talk:
    """The parts of a call that bursts are made of."""

    def __init__(self, facts: CallFacts, card: SoothingCard) -> None:
        self._card = card
        self._segments = facts.segments
        spoken = [number for number, segment in enumerate(facts.segments) if segment.is_speech]
        self._customers = [no for no in spoken if self._is_by(facts.segments[no], Role.CUSTOMER)]
        self._agents = [facts.segments[no] for no in spoken if self._is_by(facts.segments[no], Role.AGENT)]
        self._customer_starts_ms = [facts.segments[no].start_ms for no in self._customers]
        self._silences = [
            event
            for event in facts.events
            if event.kind is EventKind.SILENCE
            and event.owner is Role.AGENT
            and event.end_ms - event.start_ms >= card.agent_silence_at_least_ms
        ]
        self._happy_ms = sorted(self._happiness(facts.events))

    def runs(self) -> Iterator[list[int]]:
        """Yield the numbers of the segments of each burst."""
        run: list[int] = []
        for number in self._customers:
            segment = self._segments[number]
            heated = segment.emotion in _HEATED and dominant_probability(segment) >= self._card.min_probability
            if run and not (heated and segment.emotion is self._segments[run[0]].emotion):
                yield run
                run = []
            if heated:
                run.append(number)
        if run:
            yield run

    def burst(self, run: list[int]) -> Burst:
        """Return the burst of these segments."""
        segments = [self._segments[number] for number in run]
        start_ms, end_ms = segments[0].start_ms, max(segment.end_ms for segment in segments)
        reply = self._reply(segments[-1].start_ms, end_ms)
        softened_ms = self._softened_ms(reply)
        before = self._silence_before(start_ms)
        after = self._silence_after(end_ms, reply)
        return Burst(
            emotion=segments[0].emotion,
            probability=max(dominant_probability(segment) for segment in segments),
            start_ms=start_ms,
            end_ms=end_ms,
            segment_nos=tuple(run),
            silence_before_ms=_length_ms(before),
            silence_after_ms=_length_ms(after),
            reply_ms=None if reply is None else reply.start_ms,
            reply_emotion=None if reply is None else reply.emotion,
            softened_ms=softened_ms,
            outcome=self._outcome(segments[0].emotion, end_ms, reply, softened_ms, after),
        )

    def _outcome(
        self, emotion: Emotion, end_ms: int, reply: _Reply | None, softened_ms: int | None, after: Event | None
    ) -> Soothing:
        if softened_ms is not None and reply is not None:
            return Soothing.GOOD if reply.emotion is Emotion.NEUTRAL else Soothing.OPEN
        if emotion is not Emotion.ANGRY or after is None:
            return Soothing.OPEN
        until_ms = max(after.start_ms, end_ms if reply is None else reply.end_ms)
        said = self._agents[: bisect_left(self._agents, until_ms, key=_start_ms)]
        unmoved = all(segment.emotion is Emotion.NEUTRAL for segment in said if segment.end_ms > end_ms)
        return Soothing.POOR if unmoved else Soothing.OPEN

    def _reply(self, last_start_ms: int, end_ms: int) -> _Reply | None:
        after = range(bisect_right(self._agents, last_start_ms, key=_start_ms), len(self._agents))
        first = next((position for position in after if self._agents[position].end_ms > end_ms), None)
        if first is None or self._agents[first].start_ms > end_ms + self._card.reply_within_ms:
            return None
        start_ms = self._agents[first].start_ms
        position = bisect_right(self._customer_starts_ms, start_ms)
        last = len(self._agents)
        if position < len(self._customer_starts_ms):
            last = bisect_right(self._agents, self._customer_starts_ms[position], key=_start_ms)
        reply_end_ms = max(segment.end_ms for segment in self._agents[first:last])
        return _Reply(start_ms, reply_end_ms, self._agents[first].emotion)

    def _softened_ms(self, reply: _Reply | None) -> int | None:
        if reply is None:
            return None
        latest_ms = reply.end_ms + self._card.softened_within_ms
        return next((at_ms for at_ms in self._happy_ms if reply.start_ms < at_ms <= latest_ms), None)

    def _silence_before(self, start_ms: int) -> Event | None:
        within_ms = self._card.silence_to_burst_at_most_ms
        near = [silence for silence in self._silences if 0 <= start_ms - silence.end_ms <= within_ms]
        return near[-1] if near else None

    def _silence_after(self, end_ms: int, reply: _Reply | None) -> Event | None:
        latest_ms = (end_ms if reply is None else max(end_ms, reply.end_ms)) + self._card.reply_within_ms
        return next((silence for silence in self._silences if end_ms <= silence.start_ms <= latest_ms), None)

    def _happiness(self, events: Sequence[Event]) -> Iterator[int]:
        """Yield when someone who counts is happy or laughs."""
        counted = {Role.CUSTOMER} if self._card.softened_by == "customer" else {Role.CUSTOMER, Role.AGENT}
        for segment in self._segments:
            if (
                segment.is_speech
                and segment.emotion is Emotion.HAPPY
                and dominant_probability(segment) >= self._card.min_probability
                and any(self._is_by(segment, role) for role in counted)
            ):
                yield segment.start_ms
        for event in events:
            if (
                event.kind is EventKind.LAUGHTER
                and event.owner in counted
                and event.probability >= self._card.min_probability
            ):
                yield event.start_ms

    def _is_by(self, segment: Segment, role: Role) -> bool:
        return segment.role is role and segment.role_confidence >= self._card.min_role_confidence


def _start_ms(segment: Segment) -> int:
    return segment.start_ms


def _length_ms(silence: Event | None) -> int:
    return 0 if silence is None else silence.end_ms - silence.start_ms
