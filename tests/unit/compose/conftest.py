import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.compose.files import COMPOSE


@pytest.fixture
def made_by_init(tmp_path: Path) -> Path:
    """Return a copy of compose/ in which init.sh has run."""
    folder = tmp_path / "compose"
    folder.mkdir()
    for name in ("init.sh", ".env.example"):
        shutil.copy(COMPOSE / name, folder)
    subprocess.run([folder / "init.sh"], check=True)
    return folder
