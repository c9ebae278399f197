"""Calls of two channels as hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.scripts import Line

END_MS = 60_000
"""No made-up call is longer."""

_TEXTS = ["", "", "嗯。", "唉，我的订单还没到。", "哎，你好", "谢谢您。", "你们就是骗子！", "请问有什么可以帮您？"]
_EVENTS = ["SPEECH", "SPEECH", "BREATH", "BGM", "LAUGHTER"]


@st.composite
def lines_of(draw: st.DrawFn, who: str) -> list[Line]:
    """Draw one channel's regions: disjoint, some touching, some a millisecond long."""
    lines: list[Line] = []
    cursor_ms = 0
    for _ in range(draw(st.integers(0, 8))):
        start_ms = cursor_ms + draw(st.sampled_from([0, 1, 299, 450, 999, 1_000, 1_200]) | st.integers(0, 3_000))
        cursor_ms = start_ms + draw(st.sampled_from([1, 300, 1_000, 1_001]) | st.integers(1, 4_000))
        lines.append(
            Line(
                who,
                start_ms,
                cursor_ms,
                draw(st.sampled_from(_TEXTS)),
                draw(st.sampled_from(["NEUTRAL", "ANGRY", "HAPPY"])),
                draw(st.sampled_from(_EVENTS)),
                level_slope_db_s=draw(st.sampled_from([None, -8.0, 3.0])),
            )
        )
    return lines


CALLS = st.tuples(lines_of("agent"), lines_of("customer")).map(lambda both: both[0] + both[1])
"""Lines of both channels."""


def swapped(lines: list[Line]) -> list[Line]:
    """Return the same call with its channels, and so its roles, exchanged."""
    return [line._replace(who="customer" if line.who == "agent" else "agent") for line in lines]
