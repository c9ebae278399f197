"""`callscope evaluate` on the demo checkpoint's held-out set gives the figures of its model card."""

from __future__ import annotations

import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from callscope.cli import callscope
from callscope.meaning.tags import EVENT_TAGS

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[3]
CARD = (ROOT / "checkpoints" / "demo" / "MODEL_CARD.md").read_text(encoding="utf-8")
ROUNDED = 0.0005 + 1e-9
"""The card has a tenth of a per cent."""


def card_table(heading: str) -> dict[str, list[str]]:
    """Return the cells of a table of the card by their row's name; the heading is the first of its columns."""
    lines = CARD.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: rest for name, *rest in cells}


def share(cell: str) -> float:
    return float(cell.rstrip("%")) / 100


def has_espeak() -> bool:
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if not has_espeak():
        pytest.skip("the held-out set is synthesised by espeak-ng: apt install espeak-ng")
    folder = tmp_path_factory.mktemp("heldout")
    subprocess.run([sys.executable, "-m", "training", "held-out", str(folder)], cwd=ROOT, check=True)
    words = ["--whole-clips", "--engine", "torch", "--dtype", "fp32", "--json"]
    result = CliRunner().invoke(callscope, ["evaluate", str(folder / "manifest.jsonl"), *words])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_every_clip_is_evaluated(found: dict[str, Any]) -> None:
    (clips,) = re.findall(r"([\d,]+) clips,\s+language `auto`", CARD)
    assert (found["clips"], found["bad_rows"]) == (int(clips), [])


def test_error_rates_and_tags_of_each_language_are_the_card_s(found: dict[str, Any]) -> None:
    card = card_table("language | clips")
    assert {own["language"] for own in found["languages"]} == card.keys()
    for own in found["languages"]:
        clips, cer, _, language, emotion = card[own["language"]]
        assert own["items"] == int(clips)
        assert own["cer"]["value"] == pytest.approx(share(cer), abs=ROUNDED), own["language"]
        assert own["language_right"]["value"] == pytest.approx(share(language), abs=ROUNDED), own["language"]
        assert own["emotion_right"]["value"] == pytest.approx(share(emotion), abs=ROUNDED), own["language"]


def test_tags_of_all_clips_are_the_card_s(found: dict[str, Any]) -> None:
    card = {name: share(cells[0]) for name, cells in card_table("tag, all clips | right").items()}
    assert found["language_right"]["value"] == pytest.approx(card["language"], abs=ROUNDED)
    assert found["emotions"]["accuracy"]["value"] == pytest.approx(card["emotion"], abs=ROUNDED)
    assert found["clip_events"]["exact"]["value"] == pytest.approx(card["event"], abs=ROUNDED)


def test_each_emotion_is_the_card_s(found: dict[str, Any]) -> None:
    ours = {own["kind"]: own for own in found["emotions"]["classes"]}
    card = card_table("emotion | clips")
    assert card
    for name, (clips, right) in card.items():
        assert ours[name]["support"] == int(clips)
        assert ours[name]["recall"]["value"] == pytest.approx(share(right), abs=ROUNDED), name


def test_each_event_is_the_card_s(found: dict[str, Any]) -> None:
    ours = {own["kind"]: own for own in found["clip_events"]["classes"]}
    card = card_table("event | clips")
    assert card
    for name, (clips, right) in card.items():
        kind = EVENT_TAGS[name].value
        assert ours[kind]["support"] == int(clips)
        assert ours[kind]["recall"]["value"] == pytest.approx(share(right), abs=ROUNDED), name
