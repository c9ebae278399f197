"""A recogniser that reads what a test wrote; `tests/integration/recogniser/test_contract.py` holds it to the port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from callscope.calls import Emotion, EventKind, Language, Transcript, Word
from callscope.ports import SCORE_FRAME_MS, Channel, Clip, Samples, Scores
from callscope.timeline import Interval

_FULL_SCALE = 32_768
_LOUD = 0.02


class ScriptedRecogniser:
    """
    Takes every loud frame for speech and reads a clip as what the script says of its channel.

    Parameters
    ----------
    script : mapping of float to (text, EventKind)
        By the clip's peak in full scale, to one decimal: tests give each sound a level of its own.
    deaf_to : sequence of float
        Peaks that the detector drops.
    """

    checkpoint = "scripted-00000000"
    engine = "scripted"
    device = "cpu"

    def __init__(self, script: Mapping[float, tuple[str, EventKind]], *, deaf_to: Sequence[float] = ()) -> None:
        self._script = script
        self._deaf_to = [round(10 * peak) for peak in deaf_to]
        self.clips: list[Interval] = []

    def speech_scores(self, channels: Sequence[Channel]) -> list[Scores]:
        return [self._scores(channel) for channel in channels]

    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        self.clips += [clip.interval for clip in clips]
        return [self._read(clip, language or Language.ZH) for clip in clips]

    def _scores(self, channel: Channel) -> Scores:
        size = channel.sample_rate_hz * SCORE_FRAME_MS // 1_000
        frames = channel.samples[: len(channel.samples) // size * size].reshape(-1, size)
        peaks = np.maximum(frames.max(axis=1), -frames.min(axis=1, initial=0).astype(np.int32)) / _FULL_SCALE
        heard = (peaks > _LOUD) & ~np.isin(np.round(10 * peaks), self._deaf_to)
        scores: Scores = heard.astype(np.float32)
        return scores

    def _read(self, clip: Clip, language: Language) -> Transcript:
        per_ms = clip.channel.sample_rate_hz // 1_000
        samples = clip.channel.samples[clip.interval.start_ms * per_ms : clip.interval.end_ms * per_ms]
        text, event = self._script.get(round(_peak(samples), 1), ("", EventKind.EVENT_UNK))
        length_ms = clip.interval.duration_ms
        words = tuple(
            Word(char, i * length_ms // len(text), (i + 1) * length_ms // len(text)) for i, char in enumerate(text)
        )
        return Transcript(
            text=text,
            language=language if text else Language.NOSPEECH,
            emotion_distribution=dict.fromkeys(Emotion, 0.0) | {Emotion.NEUTRAL: 1.0},
            event_distribution={event: 1.0},
            words=words,
            token_ids=tuple(ord(char) for char in text),
        )


def _peak(samples: Samples) -> float:
    """Return the largest magnitude, full scale 1; int16 has none for its own least number."""
    return max(int(samples.max(initial=0)), -int(samples.min(initial=0))) / _FULL_SCALE
