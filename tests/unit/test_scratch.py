"""A process's scratch folder is its own, and whoever is killed leaves nothing for long."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from callscope.scratch import scratch_folder

pytestmark = pytest.mark.unit

HOLD = """
import sys
from pathlib import Path
from callscope.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "recording.wav").write_bytes(b"half of it")
    print(folder, flush=True)
    sys.stdin.read()
"""


def folders(state_folder: Path) -> list[Path]:
    return [path for path in (state_folder / "scratch").iterdir() if path.is_dir()]


def test_it_is_removed_at_the_end_with_all_that_is_in_it(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        (folder / "recording.wav").write_bytes(b"all of it")
        assert folders(tmp_path) == [folder]
    assert folders(tmp_path) == []


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with scratch_folder(tmp_path):
            assert (theirs / "recording.wav").exists()
        other.send_signal(signal.SIGKILL)
    assert theirs.exists()
    with scratch_folder(tmp_path) as ours:
        assert folders(tmp_path) == [ours]
