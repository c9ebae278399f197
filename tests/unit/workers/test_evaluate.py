"""Rows through the workers' code with a recogniser that reads what a script says; the command from end to end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from typing_extensions import override

import workers.evaluate
from callscope.calls import Emotion, EventKind, Language, Transcript
from callscope.cli import callscope
from callscope.errors import DeviceLost, RecogniserFailed, UsageError
from callscope.ports import Clip
from tests.doubles import ScriptedRecogniser

pytestmark = pytest.mark.unit

RATE_HZ = 8_000
SPEECH, LAUGHTER = EventKind.SPEECH, EventKind.LAUGHTER
SCRIPT = {
    0.9: ("三天了", SPEECH),
    0.7: ("抱歉", SPEECH),
    0.5: ("hello there", SPEECH),
    0.3: ("", LAUGHTER),
    0.1: ("坏", SPEECH),
    0.2: ("没了", SPEECH),
}
FEELINGS: Mapping[str, Mapping[Emotion, float]] = {
    "三天了": {Emotion.ANGRY: 0.9, Emotion.NEUTRAL: 0.1},
    "抱歉": {Emotion.NEUTRAL: 0.8, Emotion.ANGRY: 0.2},
}


class FeelingRecogniser(ScriptedRecogniser):
    """Feels what it reads, and reads Latin letters as English."""

    def __init__(self) -> None:
        super().__init__(SCRIPT, deaf_to=(0.3,))
        self.is_open = True

    @override
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        return [self._feel(transcript) for transcript in super().transcribe(clips, language=language)]

    def close(self) -> None:
        self.is_open = False

    def _feel(self, transcript: Transcript) -> Transcript:
        if transcript.text == "坏":
            raise RecogniserFailed("clip 0 can't be read", why="it is broken")
        if transcript.text == "没了":
            raise DeviceLost("the device is gone")
        spoken = Language.EN if transcript.text.isascii() and transcript.text else transcript.language
        felt = FEELINGS.get(transcript.text, transcript.emotion_distribution)
        return replace(transcript, language=spoken, emotion_distribution=felt)


@pytest.fixture
def recogniser(monkeypatch: pytest.MonkeyPatch) -> FeelingRecogniser:
    scripted = FeelingRecogniser()
    monkeypatch.setattr(workers.evaluate, "load_recogniser", lambda _: scripted)
    return scripted


def sound(duration_ms: int, *bursts: tuple[float, int, int]) -> np.ndarray:
    """Return noise bursts of the given peaks over silence."""
    per_ms = RATE_HZ // 1_000
    wave = np.zeros(duration_ms * per_ms)
    random = np.random.default_rng(7)
    for peak, start_ms, end_ms in bursts:
        burst = random.uniform(-1, 1, (end_ms - start_ms) * per_ms)
        wave[start_ms * per_ms : end_ms * per_ms] = burst / np.abs(burst).max() * peak
    return wave


def write(folder: Path, name: str, *channels: np.ndarray) -> str:
    soundfile.write(folder / name, np.stack(channels, axis=1), RATE_HZ, subtype="PCM_16")
    return name


def run(folder: Path, rows: Sequence[object], *words: str) -> Result:
    manifest = folder / "manifest.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    manifest.write_text("\n".join(lines), encoding="utf-8")
    return CliRunner().invoke(callscope, ["evaluate", str(manifest), *words])


def clips(folder: Path) -> list[dict[str, object]]:
    """One that is angry, one that says sorry between pauses, and English that is labelled otherwise."""
    angry = write(folder, "angry.wav", sound(2_500, (0.9, 500, 2_000)))
    sorry = write(folder, "sorry.wav", sound(6_000, (0.7, 500, 2_000), (0.7, 3_500, 5_000)))
    hello = write(folder, "hello.wav", sound(2_500, (0.5, 500, 2_000)))
    return [
        {"audio": angry, "language": "zh", "text": "三天了。", "emotion": "ANGRY", "events": ["SPEECH"]},
        {"audio": sorry, "language": "zh", "text": "抱歉，抱歉。", "emotion": "NEUTRAL", "events": ["SPEECH"]},
        {"audio": hello, "language": "en", "text": "Hello their!", "emotion": "SAD", "events": ["LAUGHTER"]},
    ]


def test_clips_are_heard_as_the_workers_hear_them(tmp_path: Path, recogniser: FeelingRecogniser) -> None:
    result = run(tmp_path, clips(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert not recogniser.is_open
    assert found["setup"] == {
        "manifest": "manifest.jsonl",
        "checkpoint": "scripted-00000000",
        "engine": "scripted",
        "device": "cpu",
        "whole_clips": False,
    }
    chinese, english = found["languages"]
    assert (chinese["cer"]["value"], chinese["wer"]) == (0, None)
    assert (english["wer"]["value"], english["language_right"]["value"]) == (0.5, 1)
    assert found["emotions"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert found["clip_events"]["exact"]["value"] == pytest.approx(2 / 3)
    assert found["sweep"]["operating"]["threshold"] == pytest.approx(0.9)
    # Two bursts, two regions: the detector's.
    assert len(recogniser.clips) == 4


def test_whole_clips_are_read_as_one_region(tmp_path: Path, recogniser: FeelingRecogniser) -> None:
    result = run(tmp_path, clips(tmp_path), "--whole-clips", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert sorted(interval.end_ms for interval in recogniser.clips) == [2_500, 2_500, 6_000]
    assert {interval.start_ms for interval in recogniser.clips} == {0}
    # Read in one go, it says sorry once.
    assert found["languages"][0]["deletions"] == 2


@pytest.mark.usefixtures("recogniser")
def test_a_call_is_heard_and_interpreted(tmp_path: Path) -> None:
    agent = sound(12_000, (0.7, 6_000, 8_000), (0.3, 9_000, 10_000))
    customer = sound(12_000, (0.9, 500, 3_500), (0.9, 7_500, 8_500))
    call = {
        "audio": write(tmp_path, "call.wav", agent, customer),
        "language": "zh",
        "turns": [
            {"channel": 1, "role": "customer", "start_ms": 500, "end_ms": 3_500, "text": "三天了", "emotion": "ANGRY"},
            {"channel": 0, "role": "agent", "start_ms": 6_000, "end_ms": 8_000, "text": "抱歉", "emotion": "NEUTRAL"},
            {"channel": 1, "role": "customer", "start_ms": 7_500, "end_ms": 8_500, "text": "三天", "emotion": "SAD"},
        ],
        "events": [{"kind": "LAUGHTER", "channel": 0, "start_ms": 9_100, "end_ms": 9_900}],
        "silences": [
            {"owner": "agent", "start_ms": 3_500, "end_ms": 6_000},
            {"owner": "customer", "start_ms": 20_000, "end_ms": 22_000},
        ],
        "crosstalks": [{"start_ms": 7_500, "end_ms": 8_000}],
    }
    result = run(tmp_path, [call], "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["clips"], found["calls"], found["sound_ms"]) == (0, 1, 12_000)
    assert found["languages"][0]["insertions"] == 1
    assert found["languages"][0]["cer"] == {"value": pytest.approx(1 / 7), "low": None, "high": None}
    assert found["role_right"]["value"] == 1
    assert found["emotions"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert [own["kind"] for own in found["call_events"]["classes"]] == ["LAUGHTER"]
    assert found["call_events"]["macro_f1"]["value"] == 1
    silences = found["silences"]
    assert (silences["found"], silences["missed"], silences["owner_right"]["value"]) == (1, 1, 1)
    assert silences["start"]["mean_ms"] <= 30
    assert (found["crosstalks"]["found"], found["crosstalks"]["false"]) == (1, 0)


@pytest.mark.usefixtures("recogniser")
def test_bad_rows_are_told_at_the_end_and_the_rest_is_evaluated(tmp_path: Path) -> None:
    (tmp_path / "lie.wav").write_text("<html>not a call</html>")
    mono = write(tmp_path, "mono.wav", sound(2_500, (0.7, 500, 2_000)))
    broken = write(tmp_path, "broken.wav", sound(2_500, (0.1, 500, 2_000)))
    rows = [
        {"audio": broken, "emotion": "SAD"},
        "{oops",
        *clips(tmp_path),
        {"audio": "gone.wav", "emotion": "SAD"},
        {"audio": "lie.wav", "emotion": "SAD"},
        {"audio": mono, "turns": [{"channel": 1, "start_ms": 0, "end_ms": 900, "emotion": "SAD"}]},
    ]
    page = tmp_path / "page.html"
    result = run(tmp_path, rows, "--json", "--html", str(page))
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["clips"] == 3
    assert [(row["line"], row["code"]) for row in found["bad_rows"]] == [
        (1, "recogniser_failed"),
        (2, "usage"),
        (6, "usage"),
        (7, "undecodable"),
        (8, "usage"),
    ]
    assert "labels name channel 1, and the recording has 1" in found["bad_rows"][-1]["what"]
    for line in (1, 2, 6, 7, 8):
        assert f"manifest.jsonl, line {line}: " in result.stderr
    assert "it is broken" in result.stderr
    text = page.read_text(encoding="utf-8")
    assert "5 of 8 rows could not be evaluated" in text
    assert "lie.wav" in text


def test_a_clip_too_long_to_be_read_whole_is_a_bad_row(tmp_path: Path, recogniser: FeelingRecogniser) -> None:
    row = {"audio": write(tmp_path, "long.wav", sound(30_100, (0.7, 500, 2_000))), "emotion": "NEUTRAL"}
    result = run(tmp_path, [row], "--whole-clips", "--json")
    assert result.exit_code == 1
    assert recogniser.clips == []
    assert "leave out --whole-clips" in json.loads(result.stdout)["bad_rows"][0]["why"]
    assert run(tmp_path, [row]).exit_code == 0


def test_a_limit_leaves_the_rest_out(tmp_path: Path, recogniser: FeelingRecogniser) -> None:
    result = run(tmp_path, [*clips(tmp_path), "{oops"], "--limit", "1", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["clips"] == 1
    assert len(recogniser.clips) == 1


@pytest.mark.usefixtures("recogniser")
def test_tables_are_shown_and_the_verdict_last(tmp_path: Path) -> None:
    result = run(tmp_path, clips(tmp_path), "--precision", "0.8")
    assert result.exit_code == 0, result.output
    assert "ANGRY, wanted precision 80%" in result.stdout
    assert result.stdout.rstrip().endswith("Text: zh CER 0.0%, en WER 50.0%.")


@pytest.mark.usefixtures("recogniser")
def test_a_lost_device_is_no_fault_of_a_row(tmp_path: Path) -> None:
    lost = write(tmp_path, "lost.wav", sound(2_500, (0.2, 500, 2_000)))
    result = run(tmp_path, [{"audio": lost, "emotion": "SAD"}])
    assert isinstance(result.exception, DeviceLost)


@pytest.mark.usefixtures("recogniser")
def test_wrong_usage_is_told_before_the_work(tmp_path: Path) -> None:
    assert run(tmp_path, clips(tmp_path), "--precision", "0").exit_code == 2
    assert isinstance(run(tmp_path, [""]).exception, UsageError)
    nowhere = str(tmp_path / "gone" / "page.html")
    assert isinstance(run(tmp_path, clips(tmp_path), "--html", nowhere).exception, UsageError)
