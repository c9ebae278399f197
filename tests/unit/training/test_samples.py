import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from training.scenes import ROLES, Turn, find_crosstalks, find_silences, load_calls
from training.voices import EMOTIONS, SAMPLE_VOICES

pytestmark = pytest.mark.unit

_SAMPLES = Path(__file__).parents[3] / "samples"
_REFERENCES = sorted((_SAMPLES / "reference").glob("*.json"))


def _turn(role: str, start_ms: int, end_ms: int) -> Turn:
    return Turn(role, start_ms, end_ms, "", "zh", "NEUTRAL")


def test_a_silence_belongs_to_the_party_that_did_not_speak_last() -> None:
    turns = [_turn("customer", 500, 2_000), _turn("agent", 3_800, 5_000), _turn("customer", 6_100, 7_000)]
    assert find_silences(turns, stereo=True) == [{"owner": "agent", "start_ms": 2_000, "end_ms": 3_800}]
    assert find_silences(turns, stereo=False) == [{"owner": "unknown", "start_ms": 2_000, "end_ms": 3_800}]


def test_a_turn_inside_another_does_not_end_the_talking() -> None:
    turns = [_turn("agent", 0, 9_000), _turn("customer", 2_000, 3_000), _turn("agent", 11_000, 12_000)]
    assert find_silences(turns, stereo=True) == [{"owner": "customer", "start_ms": 9_000, "end_ms": 11_000}]


def test_crosstalk_is_an_overlap_of_two_legs_of_300_ms_or_more() -> None:
    turns = [_turn("agent", 0, 2_000), _turn("customer", 1_700, 3_000), _turn("agent", 2_710, 5_000)]
    assert find_crosstalks(turns) == [{"start_ms": 1_700, "end_ms": 2_000}]


def test_there_is_a_reference_and_a_recording_for_every_script_and_no_other() -> None:
    names = [call["name"] for call in load_calls()]
    assert [path.stem for path in _REFERENCES] == sorted(names)
    assert len(names) >= 9
    assert {call[role]["voice"] for call in load_calls() for role in ROLES} <= set(SAMPLE_VOICES)


@pytest.mark.parametrize("path", _REFERENCES, ids=lambda path: path.stem)
def test_a_reference_is_consistent(path: Path) -> None:
    reference: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert (_SAMPLES / reference["file"]).stat().st_size > 10_000
    assert reference["key"].endswith("/" + reference["file"])
    assert 20_000 <= reference["duration_ms"] <= 90_000
    for name in ("turns", "events", "silences", "crosstalks"):
        spans = [(span["start_ms"], span["end_ms"]) for span in reference[name]]
        assert spans == sorted(spans)
        assert all(0 <= start_ms < end_ms <= reference["duration_ms"] for start_ms, end_ms in spans)
    for turn in reference["turns"]:
        assert turn["emotion"] in EMOTIONS
        assert turn["end_ms"] - turn["start_ms"] <= 12_000
        assert turn["role"] in {"agent", "customer", "unknown"}
        assert ("speaker" in turn) == (turn["role"] == "unknown")


@pytest.mark.parametrize("path", _REFERENCES, ids=lambda path: path.stem)
def test_turns_of_a_leg_are_apart_and_nothing_is_ambiguous(path: Path) -> None:
    reference: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    for key in {turn.get("speaker", turn["role"]) for turn in reference["turns"]}:
        mine = [turn for turn in reference["turns"] if turn.get("speaker", turn["role"]) == key]
        assert all(after["start_ms"] - before["end_ms"] >= 700 for before, after in pairwise(mine))
    reached_ms = reference["turns"][0]["end_ms"]
    for turn in reference["turns"][1:]:
        gap_ms = turn["start_ms"] - reached_ms
        assert not 1_000 <= gap_ms <= 1_400
        assert not -400 <= gap_ms <= -200
        reached_ms = max(reached_ms, turn["end_ms"])


@pytest.mark.parametrize("path", _REFERENCES, ids=lambda path: path.stem)
def test_silences_are_free_of_turns_and_turns_with_gaps_fill_the_rest(path: Path) -> None:
    reference: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    first_ms, last_ms = reference["turns"][0]["start_ms"], max(turn["end_ms"] for turn in reference["turns"])
    spans = [(span["start_ms"], span["end_ms"]) for span in [*reference["turns"], *reference["silences"]]]
    reached_ms = first_ms
    for start_ms, end_ms in sorted(spans):
        assert start_ms - reached_ms < 1_200
        reached_ms = max(reached_ms, end_ms)
    assert reached_ms == last_ms
    for silence in reference["silences"]:
        assert silence["end_ms"] - silence["start_ms"] >= 1_200
        for turn in reference["turns"]:
            assert turn["end_ms"] <= silence["start_ms"] or turn["start_ms"] >= silence["end_ms"]
