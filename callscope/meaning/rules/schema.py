"""What a file of rules holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from callscope.calls import Role, Severity
from callscope.meaning.rules.conditions import Condition, Milliseconds
from callscope.meaning.rules.operators import Share, Strict, Text

SOOTHING = "soothing"
"""Name of the scorecard that every rule book has."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
"""Small letters, digits and hyphens."""


class Action(Strict):
    """What is told to whom when a rule fires; a receiver that isn't configured is told nothing."""

    webhook: Text | None = None
    """Name of a receiver of webhooks."""
    mail: Text | None = None
    """Name of a receiver of mail."""
    translate_to: Annotated[str, Field(pattern="^[a-z]{2,3}$")] | None = None
    """Language into which the transcript is translated."""

    @model_validator(mode="after")
    def _one_way(self) -> Action:
        if (self.webhook is None) == (self.mail is None):
            msg = "an action is a `webhook` or a `mail`"
            raise ValueError(msg)
        return self


class Rule(Strict):
    """What to look for in a call, and what it means."""

    name: Name
    about: Text
    """One sentence for those who read the findings."""
    when: Condition
    severity: Severity = Severity.MEDIUM
    score: float = 0.0
    """Points that it adds to a call, or takes when below 0."""
    concerns: Literal[Role.AGENT, Role.CUSTOMER] | None = None
    """Whom a finding concerns; None: the party whose words or sounds match."""
    advice: str = ""
    """What to do about it."""
    link: str | None = None
    """A document that helps."""
    outranks: tuple[Name, ...] = ()
    """Rules whose findings are dropped where they rest on the same record as one of this rule's."""
    enabled: bool = True
    min_role_confidence: Share = 0.5
    """A role guessed with less counts as unknown."""
    actions: tuple[Action, ...] = ()


class ScorecardItem(Strict):
    """Points for a rule that is found, or isn't."""

    name: Name
    about: str = ""
    points: Annotated[float, Field(gt=0)] = 1.0
    found: tuple[Name, ...] = ()
    """One of these rules has a finding."""
    not_found: tuple[Name, ...] = ()
    """None of these rules has a finding."""

    @model_validator(mode="after")
    def _one_question(self) -> ScorecardItem:
        if bool(self.found) == bool(self.not_found):
            msg = "an item asks for rules that are `found`, or that are `not_found`"
            raise ValueError(msg)
        return self


class Scorecard(Strict):
    """Points of a call, item by item."""

    name: Name
    about: str = ""
    only_if: tuple[Name, ...] = ()
    """The card applies when one of these rules has a finding; empty: always."""
    items: Annotated[tuple[ScorecardItem, ...], Field(min_length=1)]


class SoothingCard(Strict):
    """
    Thresholds of the soothing scorecard: how an agent takes a customer's anger or sadness.

    Good: the agent's first reply is NEUTRAL, and HAPPY or LAUGHTER follows in time. Poor: after ANGRY the agent stays
    NEUTRAL, nothing softens, and a silence of the agent follows. Anything else is open, and not counted.
    """

    about: str = "How the agent takes a customer's anger or sadness."
    min_probability: Share = 0.5
    """Of the emotions and of the laughter."""
    min_role_confidence: Share = 0.5
    """A role guessed with less counts as unknown."""
    agent_silence_at_least_ms: Milliseconds = 1_200
    """Shorter silences don't count; those under CALLSCOPE_MIN_SILENCE_MS are never seen."""
    silence_to_burst_at_most_ms: Milliseconds = 5_000
    """From the end of the agent's silence to the customer's anger or sadness."""
    reply_within_ms: Milliseconds = 10_000
    """From the burst's end to the agent's reply, and from burst or reply to the silence that follows."""
    softened_within_ms: Milliseconds = 3_000
    """From the end of the agent's reply to HAPPY or LAUGHTER."""
    softened_by: Literal["customer", "either"] = "customer"
    """Whose happiness counts: an agent's own laughter soothes nobody."""
    benchmark: Share = 0.65
    """Success rate that an agent is held to."""


class RuleFile(Strict):
    """A file of rules: any of its three parts."""

    rules: tuple[Rule, ...] = ()
    scorecards: tuple[Scorecard, ...] = ()
    soothing: SoothingCard | None = None
