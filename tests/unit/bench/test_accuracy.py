"""Errors and tags counted on transcripts whose score is known, and what they are counted on."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import soundfile
from rich.console import Console

from bench.accuracy import HELDOUT, TURNS, Accuracy, Utterance, find_utterances, score
from bench.stage import Missing
from callscope.calls import Emotion, EventKind, Language, Transcript
from tests.sounds import babble, whole

pytestmark = pytest.mark.unit


def utterance(text: str, language: Language = Language.ZH) -> Utterance:
    return Utterance(whole(babble(500, seed=1)), text, language, Emotion.SAD, EventKind.SPEECH)


def transcript(text: str, language: Language = Language.ZH, emotion: Emotion = Emotion.SAD) -> Transcript:
    return Transcript(
        text=text,
        language=language,
        emotion_distribution={emotion: 1.0},
        event_distribution={EventKind.SPEECH: 1.0},
        words=(),
        token_ids=(),
    )


TRUTH = [utterance("三天没有发货。"), utterance("Refund, please!", Language.EN), utterance("", Language.NOSPEECH)]
EXACT = [
    transcript("三天没有发货。"),
    transcript("refund, pleas", Language.EN, Emotion.HAPPY),
    transcript("", Language.NOSPEECH),
]
WORSE = [transcript("三天没有货"), transcript("refund please", Language.JA), transcript("嗯", Language.NOSPEECH)]


def test_errors_are_counted_by_language_and_in_all() -> None:
    exact = score(TRUTH, EXACT, exact=EXACT)
    assert (exact.errors.edits, exact.errors.characters) == (1, 6 + 12)
    assert {language: errors.edits for language, errors in exact.by_language.items()} == {"zh": 0, "en": 1}
    assert [hits.found for hits in (exact.language, exact.emotion, exact.event, exact.same)] == [3, 2, 3, 3]


def test_what_is_heard_where_nobody_speaks_is_an_error() -> None:
    worse = score(TRUTH, WORSE, exact=EXACT)
    assert worse.errors.edits == 2
    assert [hits.found for hits in (worse.language, worse.emotion, worse.same)] == [2, 3, 0]


def test_an_engine_is_told_by_its_distance_to_the_exact_one() -> None:
    exact, worse = score(TRUTH, EXACT, exact=EXACT), score(TRUTH, WORSE, exact=EXACT)
    found = Accuracy(HELDOUT, 3, exact, {"torch-fp32": exact, "torch-bf16": worse, "onnx-int8": Missing("onnxruntime")})
    engines = found.as_data()["engines"]
    assert isinstance(engines, dict)
    assert engines["torch-fp32"]["points"] == 0
    assert engines["torch-bf16"]["points"] == pytest.approx(100 / 18, abs=1e-3)
    assert engines["torch-bf16"]["by_language"]["en"]["points"] == pytest.approx(-100 / 12, abs=1e-3)
    assert engines["onnx-int8"]["install"] == "pip install onnxruntime"
    out = io.StringIO()
    for table in found.tables():
        Console(file=out, width=200).print(table)
    assert "+5.56" in out.getvalue()


def test_the_held_out_set_is_read_by_its_manifest(tmp_path: Path) -> None:
    channel = babble(700, seed=2)
    soundfile.write(tmp_path / "0000.wav", channel.samples, channel.sample_rate_hz)
    record = {
        "audio": "0000.wav",
        "text": "",
        "language": "nospeech",
        "emotion": "EMO_UNKNOWN",
        "events": ["EVENT_UNK"],
    }
    (tmp_path / "manifest.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    material, [read] = find_utterances(tmp_path)
    assert material == HELDOUT
    assert (read.language, read.emotion, read.event) == (Language.NOSPEECH, Emotion.EMO_UNKNOWN, EventKind.EVENT_UNK)
    assert read.clip.interval.duration_ms == 700
    assert (read.clip.channel.samples == channel.samples).all()


def test_without_it_the_sample_calls_turns_stand_in(tmp_path: Path) -> None:
    material, turns = find_utterances(tmp_path)
    assert material == TURNS
    assert {turn.language for turn in turns} == set(Language) - {Language.NOSPEECH}
    assert {turn.event for turn in turns} == {EventKind.SPEECH, EventKind.BGM}
    assert all(turn.text and turn.clip.interval.end_ms <= turn.clip.channel.duration_ms for turn in turns)
