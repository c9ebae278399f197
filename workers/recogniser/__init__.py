"""The sole door to torch, onnxruntime and funasr: checkpoints, features, engines, and the queue in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callscope.settings import Settings

if TYPE_CHECKING:
    from workers.recogniser.recogniser import BatchingRecogniser


def load_recogniser(settings: Settings) -> BatchingRecogniser:
    """Load the recogniser that the settings name; see `workers.recogniser.load.load_recogniser`."""
    # Importing torch takes seconds, and the writers' host may not even have it.
    from workers.recogniser import load  # noqa: PLC0415

    return load.load_recogniser(settings)
