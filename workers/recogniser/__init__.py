"""The sole door to torch and funasr: checkpoints, features, engines."""

from __future__ import annotations

from callscope.ports import Recogniser
from callscope.settings import Settings


def load_recogniser(settings: Settings) -> Recogniser:
    """Load the recogniser that the settings name; see `workers.recogniser.load.load_recogniser`."""
    # Importing torch takes seconds, and the writers' host may not even have it.
    from workers.recogniser import load  # noqa: PLC0415

    return load.load_recogniser(settings)
