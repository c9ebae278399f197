"""A customer's bursts, what came before, and how the agent took them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest

from callscope.calls import Burst, Emotion, EventKind, Role, Soothing
from callscope.meaning.bursts import find_bursts
from callscope.meaning.conversation import ConversationOptions
from callscope.meaning.interpret import Interpreter
from callscope.meaning.rules.book import load_rulebook
from callscope.meaning.rules.schema import SOOTHING, SoothingCard
from tests.fifty_calls import ANGER_AFTER_SILENCE, ANGER_BURSTS, PATTERN, SOOTHED, fifty_calls
from tests.scripts import Line, Row, play
from tests.unit.meaning.rules.scenes import an_event, facts_of

pytestmark = pytest.mark.unit


def bursts(
    *script: Row,
    silences: tuple[tuple[int, int], ...] = (),
    laughs: tuple[tuple[str, int], ...] = (),
    card: SoothingCard | None = None,
) -> tuple[Burst, ...]:
    events = [an_event(EventKind.SILENCE, "agent", *silence) for silence in silences]
    events += [an_event(EventKind.LAUGHTER, who, at_ms, at_ms + 500) for who, at_ms in laughs]
    return find_bursts(facts_of(script, events=events), card or SoothingCard())


ANGER: Row = ("customer", 10_000, 12_000, "怎么还没发货", "ANGRY")
REPLY: Row = ("agent", 12_500, 15_000, "我帮您查", "NEUTRAL")


def test_a_run_of_one_emotion_is_one_burst() -> None:
    found = bursts(
        ("customer", 0, 1_000, "一", "ANGRY"),
        ("agent", 1_200, 2_000, "二"),
        Line("customer", 2_500, 3_000, "三", "ANGRY", emotion_probability=0.95),
        ("customer", 3_500, 4_000, "四", "SAD"),
        ("customer", 4_500, 5_000, "五", "NEUTRAL"),
        ("customer", 5_500, 6_000, "六", "SAD"),
        ("agent", 7_000, 8_000, "七", "ANGRY"),
    )
    assert [(b.emotion, b.start_ms, b.end_ms, b.segment_nos, b.probability) for b in found] == [
        (Emotion.ANGRY, 0, 3_000, (0, 2), 0.95),
        (Emotion.SAD, 3_500, 4_000, (3,), 0.9),
        (Emotion.SAD, 5_500, 6_000, (5,), 0.9),
    ]


def test_what_is_not_sure_enough_is_no_burst() -> None:
    unsure = Line("customer", 0, 1_000, "一", "ANGRY", emotion_probability=0.49)
    assert bursts(unsure) == ()
    assert len(bursts(unsure, card=SoothingCard(min_probability=0.4))) == 1
    assert bursts(("customer", 0, 1_000, "", "ANGRY")) == ()
    (segment,) = play([ANGER])
    guessed = facts_of((replace(segment, role_confidence=0.4),))
    assert find_bursts(guessed, SoothingCard()) == ()


@pytest.mark.parametrize(
    ("silence", "length_ms"),
    [
        ((8_000, 10_000), 2_000),
        ((3_000, 5_000), 2_000),
        ((2_999, 4_999), 0),
        ((8_801, 10_000), 0),
        ((8_800, 10_000), 1_200),
        ((12_000, 14_000), 0),
    ],
)
def test_the_silence_before(silence: tuple[int, int], length_ms: int) -> None:
    (burst,) = bursts(ANGER, silences=(silence,))
    assert burst.silence_before_ms == length_ms


def test_the_latest_silence_before_counts() -> None:
    (burst,) = bursts(ANGER, silences=((4_000, 6_000), (6_500, 9_500)))
    assert burst.silence_before_ms == 3_000


def test_good_is_a_neutral_reply_and_happiness_in_time() -> None:
    (burst,) = bursts(ANGER, REPLY, ("customer", 18_000, 19_000, "太好了", "HAPPY"))
    assert (burst.outcome, burst.reply_ms, burst.reply_emotion, burst.softened_ms) == (
        Soothing.GOOD,
        12_500,
        Emotion.NEUTRAL,
        18_000,
    )
    (late,) = bursts(ANGER, REPLY, ("customer", 18_001, 19_000, "太好了", "HAPPY"))
    assert (late.outcome, late.softened_ms) == (Soothing.OPEN, None)
    (laughing,) = bursts(ANGER, REPLY, laughs=(("customer", 15_500),))
    assert laughing.outcome is Soothing.GOOD
    (sad,) = bursts(("customer", 10_000, 12_000, "一", "SAD"), REPLY, laughs=(("customer", 15_500),))
    assert sad.outcome is Soothing.GOOD


def test_an_angry_reply_soothes_nobody() -> None:
    (burst,) = bursts(ANGER, ("agent", 12_500, 15_000, "你听我说", "ANGRY"), laughs=(("customer", 15_500),))
    assert burst.outcome is Soothing.OPEN


def test_the_agents_own_laughter_counts_only_when_the_card_says_so() -> None:
    (burst,) = bursts(ANGER, REPLY, laughs=(("agent", 15_500),))
    assert burst.outcome is Soothing.OPEN
    (burst,) = bursts(ANGER, REPLY, laughs=(("agent", 15_500),), card=SoothingCard(softened_by="either"))
    assert burst.outcome is Soothing.GOOD


def test_a_reply_lasts_until_the_customer_speaks() -> None:
    more: Row = ("agent", 15_500, 20_000, "今天就给您发货")
    (burst,) = bursts(ANGER, REPLY, more, laughs=(("customer", 22_900),))
    assert burst.outcome is Soothing.GOOD
    (burst,) = bursts(ANGER, REPLY, ("customer", 15_200, 15_400, "嗯"), more, laughs=(("customer", 22_900),))
    assert burst.outcome is Soothing.OPEN


def test_an_answer_that_cuts_the_last_word_off_is_the_reply() -> None:
    (burst,) = bursts(ANGER, ("agent", 11_800, 15_000, "我帮您查"))
    assert burst.reply_ms == 11_800
    # Said into the anger and over before it: no reply to it. Too late: none either.
    (burst,) = bursts(ANGER, ("agent", 10_500, 11_000, "嗯"), ("agent", 22_001, 23_000, "喂"))
    assert burst.reply_ms is None


def test_poor_is_neutral_and_then_silent() -> None:
    (burst,) = bursts(ANGER, REPLY, ("customer", 15_500, 16_000, "然后呢"), silences=((16_000, 18_000),))
    assert (burst.outcome, burst.silence_after_ms) == (Soothing.POOR, 2_000)
    (mute,) = bursts(ANGER, silences=((12_000, 15_000),))
    assert (mute.outcome, mute.silence_after_ms, mute.reply_ms) == (Soothing.POOR, 3_000, None)


def test_poor_is_about_anger_alone() -> None:
    (burst,) = bursts(("customer", 10_000, 12_000, "一", "SAD"), REPLY, silences=((16_000, 18_000),))
    assert (burst.outcome, burst.silence_after_ms) == (Soothing.OPEN, 2_000)


def test_an_agent_who_is_moved_is_not_poor() -> None:
    (burst,) = bursts(
        ANGER,
        REPLY,
        ("agent", 15_100, 15_400, "真对不起", "SAD"),
        ("customer", 15_500, 16_000, "嗯"),
        silences=((16_000, 18_000),),
    )
    assert burst.outcome is Soothing.OPEN


def test_a_silence_long_after_is_another_matter() -> None:
    (burst,) = bursts(ANGER, REPLY, silences=((25_001, 28_000),))
    assert (burst.outcome, burst.silence_after_ms) == (Soothing.OPEN, 0)


def test_nobody_spoke() -> None:
    assert bursts() == ()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fifty_calls_say_what_their_table_says(seed: int) -> None:
    interpreter = Interpreter(load_rulebook(None), ConversationOptions())
    anger = after_silence = 0
    soothed: dict[str, list[float]] = defaultdict(lambda: [0, 0])
    for call in fifty_calls(seed=seed):
        meaning = interpreter.interpret(call.hearing, call.metadata).meaning
        angry = [burst for burst in meaning.bursts if burst.emotion is Emotion.ANGRY]
        anger += len(angry)
        after_silence += sum(burst.silence_before_ms > 0 for burst in angry)
        for score in meaning.scores:
            if score.scorecard == SOOTHING:
                soothed[str(call.metadata.agent_id)][0] += score.score
                soothed[str(call.metadata.agent_id)][1] += score.max_score
    assert (anger, after_silence) == (ANGER_BURSTS, ANGER_AFTER_SILENCE) == (41, 30)
    assert round(100 * after_silence / anger) == 73
    assert {agent: tuple(points) for agent, points in soothed.items()} == SOOTHED


def test_the_table_is_counted_right() -> None:
    letters = "".join(PATTERN.values())
    assert len(letters) == 50
    assert sum(letters.upper().count(letter) for letter in "GPO") == ANGER_BURSTS
    assert sum(letters.count(letter) for letter in "GPO") == ANGER_AFTER_SILENCE
    for agent, row in PATTERN.items():
        good = sum(row.upper().count(letter) for letter in "GS")
        assert (good, good + row.upper().count("P")) == SOOTHED[agent]


def test_a_customer_alone_is_heard() -> None:
    assert all(segment.role is Role.CUSTOMER for segment in play([ANGER]))
    (burst,) = bursts(ANGER)
    assert burst.outcome is Soothing.OPEN
