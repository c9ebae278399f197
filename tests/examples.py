"""Records with every field filled, for tests that carry them somewhere."""

from __future__ import annotations

from callscope.calls import (
    AudioFacts,
    CallAnalysis,
    CallMetadata,
    Emotion,
    EventKind,
    Hearing,
    Language,
    Role,
    Segment,
    Word,
)
from callscope.meaning.conversation import ConversationOptions
from callscope.meaning.interpret import Interpreter
from callscope.meaning.rules.book import Rulebook, load_rulebook


def a_segment(
    *,
    channel: int = 0,
    role: Role = Role.AGENT,
    start_ms: int = 0,
    end_ms: int = 1_000,
    text: str = "你好。",
    emotion: Emotion = Emotion.NEUTRAL,
    is_speech: bool = True,
) -> Segment:
    rest = [other for other in Emotion if other is not emotion]
    return Segment(
        channel=channel,
        role=role,
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        language=Language.ZH,
        emotion=emotion,
        emotion_distribution={emotion: 0.92} | dict.fromkeys(rest, 0.01),
        event=EventKind.SPEECH,
        event_probability=0.97,
        words=(Word("你", start_ms + 60, start_ms + 120), Word("好", start_ms + 120, start_ms + 240)),
        loudness_dbfs=-21.5,
        is_speech=is_speech,
    )


def a_hearing(*, checkpoint: str = "demo-0123abcd", segments: tuple[Segment, ...] | None = None) -> Hearing:
    """Two turns with a silence of 1.8 s between them, which is the customer's."""
    found = (
        a_segment(),
        a_segment(channel=1, role=Role.CUSTOMER, start_ms=2_800, end_ms=4_000, text="三天了。", emotion=Emotion.ANGRY),
    )
    return Hearing(
        checkpoint=checkpoint,
        engine="torch-fp32",
        device="cpu",
        audio=AudioFacts("wav", "pcm_mulaw", 8_000, 2, 5_000, truncated=False, dual_mono=False),
        segments=found if segments is None else segments,
        timings_ms={"fetch": 3, "decode": 4, "detect": 5, "transcribe": 60, "measure": 1},
    )


def an_interpreter(rulebook: Rulebook | None = None) -> Interpreter:
    return Interpreter(rulebook or load_rulebook(None), ConversationOptions())


def an_analysis(*, checkpoint: str = "demo-0123abcd", segments: tuple[Segment, ...] | None = None) -> CallAnalysis:
    return an_interpreter().interpret(a_hearing(checkpoint=checkpoint, segments=segments), CallMetadata())
