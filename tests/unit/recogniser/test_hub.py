"""Which folder a checkpoint's name stands for."""

from pathlib import Path

import pytest

from callscope.errors import CheckpointMissing
from workers.recogniser.hub import PUBLISHED_VAD, CheckpointFolder, find_recogniser, find_vad

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).parents[3]


def test_the_demo_checkpoint_is_the_repository_s() -> None:
    assert find_recogniser("demo") == CheckpointFolder("demo", REPOSITORY / "checkpoints" / "demo")


def test_a_folder_is_itself_and_its_detector_lies_in_it(folder: Path) -> None:
    assert find_recogniser(str(folder)) == CheckpointFolder("tiny", folder)
    assert find_vad(None, recogniser=str(folder)) == CheckpointFolder("vad", folder / "vad")


def test_a_detector_of_another_place_may_be_named(folder: Path) -> None:
    assert find_vad(str(folder / "vad"), recogniser="demo").path == folder / "vad"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing, match=r"there is no checkpoint folder .*/nowhere"):
        find_recogniser(str(tmp_path / "nowhere"))


def test_a_recogniser_without_a_detector_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMissing) as missing:
        find_vad(None, recogniser=str(tmp_path))
    assert "CALLSCOPE_VAD_CHECKPOINT" in missing.value.why
    assert PUBLISHED_VAD in missing.value.why
