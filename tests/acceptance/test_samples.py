"""The sample calls, whose sentences and voices the checkpoint never heard, against their references."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from callscope.calls import CallAnalysis, Emotion
from callscope.cli import callscope
from callscope.evaluation import CallScore, Reference, read_reference, score_call, total
from callscope.meaning.interpret import Interpreter
from callscope.ports import Recogniser
from callscope.settings import Settings
from workers.offline import analyse_file
from workers.recogniser import load_recogniser

pytestmark = pytest.mark.acceptance

SAMPLES = Path(__file__).parents[2] / "samples"
REFERENCES = sorted((SAMPLES / "reference").glob("*.json"))


@pytest.fixture(scope="module")
def recogniser() -> Iterator[Recogniser]:
    # The same tokens on every machine, and stock FunASR's.
    with load_recogniser(Settings(engine="torch", dtype="fp32")) as recogniser:
        yield recogniser


@pytest.fixture(scope="module")
def analyses(recogniser: Recogniser) -> list[tuple[Reference, CallAnalysis]]:
    references = [read_reference(path) for path in REFERENCES]
    interpreter = Interpreter.of(Settings())
    return [(r, analyse_file(SAMPLES / r.file, recogniser, Settings(), interpreter)) for r in references]


@pytest.fixture(scope="module")
def score(analyses: list[tuple[Reference, CallAnalysis]]) -> CallScore:
    return total([score_call(reference, found.hearing.segments, found.meaning.events) for reference, found in analyses])


def test_there_are_samples_of_every_language_and_form(analyses: list[tuple[Reference, CallAnalysis]]) -> None:
    assert len(analyses) >= 8
    assert {turn.language.value for reference, _ in analyses for turn in reference.turns} == {
        "zh",
        "yue",
        "en",
        "ja",
        "ko",
    }
    facts = [analysis.hearing.audio for _, analysis in analyses]
    assert {f.codec for f in facts} >= {"pcm_mulaw", "pcm_alaw", "mp3", "flac", "opus", "aac"}
    assert any(f.channels == 1 for f in facts)
    assert any(f.dual_mono for f in facts)


def test_character_error_rate(score: CallScore) -> None:
    assert score.cer <= 0.15


def test_languages(score: CallScore) -> None:
    assert score.languages.share >= 0.98


def test_emotions(score: CallScore) -> None:
    assert score.emotions.share >= 0.90


def test_every_sound_silence_and_crosstalk_is_found(analyses: list[tuple[Reference, CallAnalysis]]) -> None:
    for reference, found in analyses:
        one = score_call(reference, found.hearing.segments, found.meaning.events)
        assert one.events.share == 1, reference.name
        assert one.silences.share == 1, reference.name
        assert one.crosstalks.share == 1, reference.name


def test_roles(score: CallScore) -> None:
    assert score.roles.share == 1


def test_the_articles_scene(analyses: list[tuple[Reference, CallAnalysis]]) -> None:
    found = next(found for reference, found in analyses if reference.name == "shipping-delay-zh")
    emotions = {s.emotion for s in found.hearing.segments if s.role == "customer" and s.is_speech}
    assert Emotion.ANGRY in emotions
    kinds = {event.kind.value for event in found.meaning.events}
    assert kinds >= {"BREATH", "LAUGHTER", "BGM", "SILENCE"}
    text = "".join(segment.text for segment in found.hearing.segments)
    assert "202611183574" in text
    # 满300减50 is said; the checkpoint hears the coupon, with a nought missing.
    assert re.search(r"满\d+减50", text)


@pytest.fixture(scope="module")
def printed() -> dict[str, list[dict[str, object]]]:
    result = CliRunner().invoke(callscope, ["analyse", str(SAMPLES / "shipping-delay-zh.wav"), "--json"])
    assert result.exit_code == 0, result.output
    document: dict[str, list[dict[str, object]]] = json.loads(result.stdout)
    return document


def test_analyse_prints_segments_with_everything_in_them(printed: dict[str, list[dict[str, object]]]) -> None:
    assert printed["segments"]
    for segment in printed["segments"]:
        assert segment.keys() >= {
            "channel",
            "role",
            "start_ms",
            "end_ms",
            "text",
            "language",
            "emotion",
            "emotion_distribution",
            "event",
            "words",
        }
        distribution = segment["emotion_distribution"]
        assert isinstance(distribution, dict)
        assert sum(distribution.values()) == pytest.approx(1, abs=1e-3)
        words = segment["words"]
        assert isinstance(words, list)
        for word in words:
            assert segment["start_ms"] <= word["start_ms"] <= word["end_ms"] <= segment["end_ms"]


def test_analyse_prints_events_with_everything_in_them(printed: dict[str, list[dict[str, object]]]) -> None:
    assert printed["events"]
    for event in printed["events"]:
        assert event.keys() >= {"kind", "origin", "owner", "start_ms", "end_ms"}


def test_a_file_that_is_no_audio_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    lie = tmp_path / "lie.wav"
    lie.write_text("<html>not a call</html>")
    result = CliRunner().invoke(callscope, ["analyse", str(lie), str(SAMPLES / "shipping-delay-zh.wav"), "--json"])
    assert result.exit_code == 1
    assert "undecodable" in result.stderr
    assert "do:" in result.stderr
    assert len(result.stdout.splitlines()) == 1
