from __future__ import annotations

import json
from pathlib import Path

import pytest

from callscope.calls import Emotion, EventKind, Language, Role
from callscope.errors import UsageError
from callscope.evaluation.manifest import (
    CallLabels,
    ClipLabels,
    CrosstalkLabel,
    SilenceLabel,
    SoundLabel,
    TurnLabel,
    read_manifest,
)

pytestmark = pytest.mark.unit

REFERENCE = {
    "name": "call",
    "file": "call.wav",
    "key": "q/call.wav",
    "duration_ms": 9_000,
    "turns": [
        {
            "channel": 1,
            "role": "customer",
            "start_ms": 0,
            "end_ms": 900,
            "text": "喂",
            "language": "zh",
            "emotion": "SAD",
        }
    ],
    "events": [{"kind": "BGM", "channel": 0, "start_ms": 5, "end_ms": 6}],
    "silences": [{"owner": "agent", "start_ms": 900, "end_ms": 2_400}],
    "crosstalks": [{"start_ms": 3_000, "end_ms": 3_400}],
}


def write(folder: Path, *rows: object) -> Path:
    """Write a manifest; what is no text yet becomes JSON."""
    (folder / "call.wav").touch()
    path = folder / "manifest.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_clip_is_read_with_what_it_tells(tmp_path: Path) -> None:
    clip = {"audio": "call.wav", "language": "ja", "text": "はい", "emotion": "ANGRY", "events": ["SPEECH", "BGM"]}
    rows, bad = read_manifest(write(tmp_path, clip, "", {"audio": "call.wav", "emotion": "HAPPY"}))
    assert not bad
    assert [(row.line, row.audio) for row in rows] == [(1, tmp_path / "call.wav"), (3, tmp_path / "call.wav")]
    full, sparse = (row.labels for row in rows)
    assert isinstance(full, ClipLabels)
    assert isinstance(sparse, ClipLabels)
    assert (full.language, full.text, full.emotion) == (Language.JA, "はい", Emotion.ANGRY)
    assert full.events == (EventKind.SPEECH, EventKind.BGM)
    assert (sparse.language, sparse.text, sparse.emotion, sparse.events) == (None, None, Emotion.HAPPY, None)


def test_a_call_is_read_with_what_it_tells(tmp_path: Path) -> None:
    call = {"audio": "call.wav", **{name: REFERENCE[name] for name in ("turns", "events", "silences", "crosstalks")}}
    sparse = {"audio": "call.wav", "turns": [{"channel": 0, "start_ms": 1, "end_ms": 2, "emotion": "ANGRY"}]}
    (whole, little), bad = read_manifest(write(tmp_path, call, sparse))
    assert not bad
    assert isinstance(whole.labels, CallLabels)
    assert whole.labels.turns == (
        TurnLabel(
            channel=1,
            role=Role.CUSTOMER,
            start_ms=0,
            end_ms=900,
            text="喂",
            language=Language.ZH,
            emotion=Emotion.SAD,
        ),
    )
    assert whole.labels.events == (SoundLabel(kind=EventKind.BGM, channel=0, start_ms=5, end_ms=6),)
    assert whole.labels.silences == (SilenceLabel(owner=Role.AGENT, start_ms=900, end_ms=2_400),)
    assert whole.labels.crosstalks == (CrosstalkLabel(start_ms=3_000, end_ms=3_400),)
    assert whole.labels.channels == 2
    assert isinstance(little.labels, CallLabels)
    assert (little.labels.silences, little.labels.channels) == (None, 1)


def test_a_reference_file_says_the_same_as_a_row(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "call.json").write_text(json.dumps(REFERENCE), encoding="utf-8")
    (tmp_path / "other.wav").touch()
    inline = {"audio": "call.wav", **{name: REFERENCE[name] for name in ("turns", "events", "silences", "crosstalks")}}
    named = {"reference": "reference/call.json"}
    rows, bad = read_manifest(write(tmp_path, inline, named, {**named, "audio": "other.wav"}))
    assert not bad
    assert [row.audio.name for row in rows] == ["call.wav", "call.wav", "other.wav"]
    first, *others = (row.labels for row in rows)
    assert isinstance(first, CallLabels)
    for other in others:
        assert isinstance(other, CallLabels)
        assert (other.turns, other.events, other.silences, other.crosstalks) == (
            first.turns,
            first.events,
            first.silences,
            first.crosstalks,
        )


def test_a_call_s_language_stands_for_its_turns_(tmp_path: Path) -> None:
    turn = {"channel": 0, "start_ms": 0, "end_ms": 9, "text": "hello"}
    rows, bad = read_manifest(
        write(
            tmp_path,
            {"audio": "call.wav", "language": "en", "turns": [turn]},
            {"audio": "call.wav", "turns": [turn]},
        )
    )
    assert [row.line for row in rows] == [1]
    assert "a text needs its language" in bad[0].why


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{not json", "Invalid JSON"),
        ("[1, 2]", "object"),
        ('{"audio": "call.wav", "emotion": "ANGRY"', "Invalid JSON"),
        ("\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "Invalid JSON"),
        ({"emotion": "ANGRY"}, "audio"),
        ({"audio": "gone.wav", "emotion": "ANGRY"}, "gone.wav isn't there"),
        ({"audio": ".", "emotion": "ANGRY"}, "isn't there"),
        ({"audio": "call.wav"}, "nothing is labelled"),
        ({"audio": "call.wav", "emotion": "CROSS"}, "emotion"),
        ({"audio": "call.wav", "emotions": "ANGRY"}, "emotions"),
        ({"audio": "call.wav", "text": "喂"}, "a text needs its language"),
        ({"audio": "call.wav", "text": "喂", "language": "nospeech"}, "a text needs its language"),
        ({"audio": "call.wav", "events": ["Laughter"]}, "events.0"),
        ({"audio": "call.wav", "silences": [{"start_ms": 5, "end_ms": 5}]}, "ends at 5 ms"),
        ({"audio": "call.wav", "silences": [{"start_ms": -1, "end_ms": 5}]}, "silences.0.start_ms"),
        ({"audio": "call.wav", "silences": [{"start_ms": 0.5, "end_ms": 5}]}, "silences.0.start_ms"),
        ({"audio": "call.wav", "turns": [{"channel": 0, "start_ms": 0, "end_ms": 5, "mood": "SAD"}]}, "turns.0.mood"),
        ({"reference": "gone.json"}, "gone.json can't be read"),
        ({"reference": "manifest.jsonl"}, "is no reference"),
    ],
)
def test_a_bad_row_is_told_and_the_others_are_read(tmp_path: Path, row: object, told: str) -> None:
    good = {"audio": "call.wav", "emotion": "SAD"}
    rows, bad = read_manifest(write(tmp_path, good, row, good))
    assert [own.line for own in rows] == [1, 3]
    assert [own.line for own in bad] == [2]
    assert told in f"{bad[0].what} {bad[0].why}"


def test_bytes_that_are_no_text_spoil_their_row_alone(tmp_path: Path) -> None:
    path = write(tmp_path, {"audio": "call.wav", "emotion": "SAD"})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b'\n{"audio": "\xff\xfe"}\r\n')
    rows, bad = read_manifest(path)
    assert ([own.line for own in rows], [own.line for own in bad]) == ([1], [2])


def test_a_limit_counts_rows_from_the_first(tmp_path: Path) -> None:
    rows, bad = read_manifest(write(tmp_path, "", "broken", *[{"audio": "call.wav", "emotion": "SAD"}] * 5), limit=3)
    assert ([own.line for own in rows], [own.line for own in bad]) == ([3, 4], [2])


def test_a_manifest_that_is_not_there_or_empty_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_manifest(tmp_path / "gone.jsonl")
    with pytest.raises(UsageError, match="has no rows"):
        read_manifest(write(tmp_path, "", "  "))
