"""A call in which every kind of record occurs, with every field filled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from callscope.calls import (
    AnalysedCall,
    AnalysisVersion,
    AudioFacts,
    Burst,
    CallAnalysis,
    CallMeasures,
    CallMetadata,
    Emotion,
    Entity,
    EntityKind,
    Event,
    EventKind,
    Evidence,
    EvidenceKind,
    Finding,
    Hearing,
    Language,
    Meaning,
    Origin,
    RecordingRef,
    Role,
    Score,
    ScoreItem,
    Severity,
    Soothing,
    Turn,
    WordCount,
)
from tests.examples import a_segment

CUSTOMER = replace(
    a_segment(channel=1, role=Role.CUSTOMER, start_ms=2_800, end_ms=4_000, text="订单202611090012三天了。"),
    emotion=Emotion.ANGRY,
    emotion_distribution={Emotion.ANGRY: 0.75, Emotion.NEUTRAL: 0.25},
    event_distribution={EventKind.SPEECH: 0.875, EventKind.BREATH: 0.125},
    role_confidence=0.5,
    pitch_hz=210.5,
    pitch_slope_st_s=2.25,
    level_slope_db_s=-3.5,
)
AGENT = a_segment()
REPLY = a_segment(start_ms=4_200, end_ms=4_900, text="对不起")
LAUGH = replace(
    a_segment(channel=1, role=Role.CUSTOMER, start_ms=4_950, end_ms=5_000, text="", is_speech=False),
    language=Language.NOSPEECH,
    event=EventKind.LAUGHTER,
    words=(),
)
PROOF = Evidence(EvidenceKind.SEGMENT, 1, 2_800, 4_000)


def a_whole_call(*, rules: str = "shop-00000001", checkpoint: str = "demo-0123abcd") -> CallAnalysis:
    """Agent, a silence of the agent's, an angry customer with an order number, a reply, laughter."""
    return CallAnalysis(
        version=AnalysisVersion(checkpoint, 3, rules),
        hearing=Hearing(
            checkpoint=checkpoint,
            engine="torch-fp32",
            device="cpu",
            audio=AudioFacts("wav", "pcm_mulaw", 8_000, 2, 5_000, truncated=False, dual_mono=False),
            segments=(AGENT, CUSTOMER, REPLY, LAUGH),
            timings_ms={"fetch": 3, "decode": 4},
        ),
        meaning=Meaning(
            speech_coverage=0.58,
            events=(
                Event(EventKind.SILENCE, Origin.DERIVED, None, Role.AGENT, 1_000, 2_800, 1.0),
                Event(EventKind.LAUGHTER, Origin.MODEL, 1, Role.CUSTOMER, 4_950, 5_000, 0.875),
            ),
            turns=(
                Turn(0, Role.AGENT, 0, 1_000, (0,), None, 2.0, 0.125, 0, -21.5, None),
                Turn(1, Role.CUSTOMER, 2_800, 4_000, (1,), 1_800, 4.5, 0.25, 1, -18.0, 2.25),
            ),
            entities=(Entity(1, EntityKind.ORDER_NUMBER, "202611090012", "********0012", 2, 14, 2_900, 3_500, 0.75),),
            bursts=(
                Burst(
                    emotion=Emotion.ANGRY,
                    probability=0.75,
                    start_ms=2_800,
                    end_ms=4_000,
                    segment_nos=(1,),
                    silence_before_ms=1_800,
                    silence_after_ms=0,
                    reply_ms=4_200,
                    reply_emotion=Emotion.NEUTRAL,
                    softened_ms=4_950,
                    outcome=Soothing.GOOD,
                ),
            ),
            words=(WordCount("订单", Language.ZH, 2, 1), WordCount("三天", Language.ZH, 1, 1)),
            measures=CallMeasures(
                agent_speech_ms=1_700,
                customer_speech_ms=1_200,
                silence_count=1,
                silence_ms=1_800,
                longest_silence_ms=1_800,
                agent_silence_ms=1_800,
                turn_count=3,
                agent_response_ms=200,
                agent_units_per_s=2.0,
                customer_units_per_s=4.5,
            ),
            findings=(
                Finding(
                    rule="anger-after-silence",
                    severity=Severity.HIGH,
                    score=-5.0,
                    role=Role.AGENT,
                    start_ms=1_000,
                    end_ms=4_000,
                    probability=0.75,
                    evidence=(Evidence(EvidenceKind.EVENT, 0, 1_000, 2_800), PROOF),
                ),
            ),
            scores=(Score("soothing", 1.0, 2.0, (ScoreItem("burst 1", 1.0, 2.0, (PROOF,)),)),),
        ),
    )


METADATA = CallMetadata(
    call_id="c-1",
    agent_id="a-7",
    queue="returns",
    direction="inbound",
    started_at=datetime(2026, 11, 9, 8, 30, tzinfo=UTC),
    channel_roles=(Role.AGENT, Role.CUSTOMER),
    extra={"vip": "yes"},
)


def an_analysed_call(analysis: CallAnalysis | None = None, metadata: CallMetadata = METADATA) -> AnalysedCall:
    return AnalysedCall(
        recording_id=17,
        ref=RecordingRef("calls", "returns/2026-11-09/a-7/c-1.wav", "v1", 80_044),
        analysis_id=42,
        call_date=date(2026, 11, 9),
        stored_at=datetime(2026, 11, 9, 9, tzinfo=UTC),
        metadata=metadata,
        analysis=analysis or a_whole_call(),
    )
