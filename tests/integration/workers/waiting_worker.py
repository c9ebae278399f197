"""A worker with the real lanes, whose only task waits until the test lets it go; its arguments are the slots."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from callscope.jobs import ANALYSE_QUEUE
from callscope.settings import load_settings
from workers.celery import app
from workers.urgent import CountingPool, Lanes

TASK = "wait"
STARTED = "started"
"""File in the state folder with the names of those that began, a line each."""

_LOOK_UP_S = 0.01


def let_go(name: str) -> str:
    """Return the file in the state folder that ends the task of that name."""
    return f"let-go-{name}"


def main() -> None:
    """Work until told to stop."""
    slots, urgent_slots = map(int, sys.argv[1:])
    folder = load_settings().state_folder

    @app.task(name=TASK)  # type: ignore[untyped-decorator]
    def _wait(name: str) -> None:
        # Files, since the tests break connections to the broker.
        with (folder / STARTED).open("a", encoding="utf-8") as started:
            started.write(f"{name}\n")
        while not Path(folder / let_go(name)).exists():
            time.sleep(_LOOK_UP_S)

    app.steps["consumer"].add(Lanes)
    code: int | None = app.Worker(
        pool=CountingPool,
        concurrency=slots + urgent_slots,
        urgent_slots=urgent_slots,
        queues=[ANALYSE_QUEUE],
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    ).start()
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
