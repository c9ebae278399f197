"""The double that unit tests use keeps the same promises as the recogniser it stands for."""

import pytest

from callscope.calls import EventKind
from callscope.ports import Recogniser
from tests.doubles import ScriptedRecogniser
from tests.sounds import babble, whole

pytestmark = pytest.mark.integration

CHANNELS = [babble(ms, seed=ms) for ms in (0, 9, 333, 1_001, 4_321)]


@pytest.fixture(params=["scripted", "torch"])
def recogniser(request: pytest.FixtureRequest, ours: Recogniser) -> Recogniser:
    return ours if request.param == "torch" else ScriptedRecogniser({0.5: ("三天了", EventKind.SPEECH)})


def test_every_whole_frame_has_a_score(recogniser: Recogniser) -> None:
    scores = recogniser.speech_scores(CHANNELS)
    assert len(scores) == len(CHANNELS)
    for channel, score in zip(CHANNELS, scores, strict=True):
        assert len(channel.samples) // 160 - 3 <= len(score) <= -(-len(channel.samples) // 160)
        assert ((score >= 0) & (score <= 1)).all()


def test_every_clip_has_a_whole_transcript_in_its_place(recogniser: Recogniser) -> None:
    clips = [whole(channel) for channel in CHANNELS]
    together = recogniser.transcribe(clips)
    assert [t.token_ids for t in together] == [recogniser.transcribe([clip])[0].token_ids for clip in clips]
    for clip, transcript in zip(clips, together, strict=True):
        assert sum(transcript.emotion_distribution.values()) == pytest.approx(1)
        assert sum(transcript.event_distribution.values()) == pytest.approx(1)
        bounds = [bound for word in transcript.words for bound in (word.start_ms, word.end_ms)]
        assert bounds == sorted(bounds)
        assert all(0 <= bound <= clip.interval.duration_ms for bound in bounds)


def test_nothing_to_read_is_nothing_read(recogniser: Recogniser) -> None:
    assert recogniser.transcribe([]) == []
    assert recogniser.speech_scores([]) == []
