"""Files that appear whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from callscope.errors import StorageUnavailable


@contextmanager
def landing(target: Path) -> Iterator[IO[bytes]]:
    """
    Yield a new file beside ``target`` that becomes it when the block ends well, and vanishes when it doesn't.

    Raises
    ------
    StorageUnavailable
        The disk here is full or can't be written: an outage, since nothing in the recording is wrong.
    """
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise StorageUnavailable(f"{target} can't be written", why=str(error)) from error
    finally:
        part.unlink(missing_ok=True)
