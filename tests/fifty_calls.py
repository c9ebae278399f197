"""
Fifty calls of five agents, whose statements can be counted by hand in the table below.

One letter a call: G a burst of anger that the agent soothes, P one that is taken poorly, O one of which neither can be
told, S a burst of sadness that is soothed, - a call without a burst. A capital follows a silence of the agent, a small
letter doesn't.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from callscope.calls import CallMetadata, Hearing
from tests.scripts import Line, hear

PATTERN = {
    "a-0": "GGGpGGs-Go",
    "a-1": "GPGgSPGo-G",
    "a-2": "PPGOpGSgPG",
    "a-3": "pGP-OPspGP",
    "a-4": "gGPGopG--G",
}

ANGER_BURSTS = 41
"""Letters G, P, O, of either size."""

ANGER_AFTER_SILENCE = 30
"""Capitals G, P, O: 73 % of them."""

SOOTHED = {"a-0": (7, 8), "a-1": (6, 8), "a-2": (5, 9), "a-3": (3, 8), "a-4": (5, 7)}
"""Of each agent: letters G and S, of G, S and P, of either size."""

FIRST_DAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A call and the letter that says what happens in it."""

    letter: str
    metadata: CallMetadata
    hearing: Hearing


def fifty_calls(*, seed: int = 1) -> list[ScriptedCall]:
    """Return the calls, each agent's in the order of the table; the seed moves times and words, and no truth."""
    dice = random.Random(seed)  # noqa: S311 - a seeded script, not a secret
    calls = []
    for position in range(10):
        for number, (agent_id, letters) in enumerate(PATTERN.items()):
            metadata = CallMetadata(
                call_id=f"c-{number}{position}",
                agent_id=agent_id,
                queue=("refunds", "delivery")[position % 2],
                direction="inbound",
                started_at=FIRST_DAY + timedelta(days=position, minutes=10 * number),
            )
            script = _Script(dice)
            script.play(letters[position])
            calls.append(ScriptedCall(letters[position], metadata, script.hearing()))
    return calls


class _Script:
    """Writes a call line by line; time runs on with each."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._lines: list[Line] = []
        self._now_ms = dice.randint(300, 900)

    def play(self, letter: str) -> None:
        self._say("agent", "您好，请问有什么可以帮您？")
        self._say("customer", "我的订单到现在还没有发货。")
        kind = letter.upper()
        if kind != "-":
            self._lead_up(after_silence=letter == kind)
            self._burst("SAD" if kind == "S" else "ANGRY")
        match kind:
            case "G" | "S":
                self._say("agent", "我马上帮您处理。")
                self._soften()
            case "P" if self._dice.random() < 0.5:
                self._silence()
                self._say("agent", "系统里查不到。")
            case "P":
                self._say("agent", "系统里查不到。")
                self._say("customer", "那怎么办呢？")
                self._silence()
                self._say("customer", "您还在吗？")
            case _:
                self._say("agent", "我帮您看一下。")
                self._say("customer", "好的，谢谢。")
        self._say("agent", "感谢您的来电，再见。")

    def hearing(self) -> Hearing:
        return hear(self._lines, duration_ms=self._now_ms + 500)

    def _lead_up(self, *, after_silence: bool) -> None:
        if after_silence:
            self._silence()
        if not after_silence or self._dice.random() < 0.3:
            # A word of the agent's between silence and anger is short enough for the anger to follow the silence.
            self._say("agent", "稍等。")

    def _burst(self, emotion: str) -> None:
        for _ in range(self._dice.randint(1, 3)):
            self._say("customer", "都等了三天了，你们到底管不管？", emotion, self._dice.uniform(0.6, 0.95))

    def _soften(self) -> None:
        if self._dice.random() < 0.5:
            self._say("customer", "太好了，谢谢你。", "HAPPY")
        else:
            start_ms = self._wait(100, 1_000)
            self._now_ms += 700
            self._lines.append(Line("customer", start_ms, self._now_ms, event="LAUGHTER"))

    def _say(self, who: str, text: str, emotion: str = "NEUTRAL", probability: float = 0.9) -> None:
        start_ms = self._wait(150, 1_000)
        self._now_ms += len(text) * self._dice.randint(150, 250)
        self._lines.append(Line(who, start_ms, self._now_ms, text, emotion, emotion_probability=probability))

    def _silence(self) -> None:
        self._wait(1_200, 4_000)

    def _wait(self, least_ms: int, most_ms: int) -> int:
        self._now_ms += self._dice.randint(least_ms, most_ms)
        return self._now_ms
