"""
Stock FunASR doing callscope's work: ``AutoModel(model=…, vad_model=…)`` on each channel of a recording.

In its best settings for a correct result: the channels apart, `merge_vad` off, dither 0, FunASR's own numbers for the
end of speech. The sound is resampled once, here, where FunASR itself would do it twice. What it doesn't tell (words'
times, loudness, probabilities) is left out of its rows.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from callscope.calls import (
    Emotion,
    EventKind,
    Hearing,
    Language,
    Role,
    Segment,
)
from callscope.meaning.tags import parse_tags
from callscope.ports import SAMPLE_RATE_HZ
from callscope.settings import Settings
from callscope.sound.audio import Audio, AudioLimits, decode
from callscope.sound.frames import SILENCE_DBFS
from callscope.timeline import Interval

ENGINE = "funasr-fp32"


class StockFunasr:
    """
    Stock FunASR with callscope's records at its end. Not for use from several threads: FunASR isn't.

    Parameters
    ----------
    settings : Settings
        `checkpoint` and `vad_checkpoint` are folders; `device`, and `cpu_threads`, which FunASR sets process-wide.
    batch_size_s : int > 0
        Seconds of speech that FunASR puts into one batch; means nothing on a CPU.
    """

    def __init__(self, settings: Settings, *, batch_size_s: int) -> None:
        checkpoint = Path(settings.checkpoint)
        self.batch_size_s = batch_size_s
        self._settings = settings
        self._checkpoint = f"stock-{checkpoint.name}"
        self._calls: list[tuple[bool, list[dict[str, Any]]]] = []
        self._model = _load(checkpoint, Path(settings.vad_checkpoint or checkpoint / "vad"), settings)
        infer = self._model.inference

        def remembered(*args: Any, **kwargs: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - FunASR has no types
            """Remember what each step returned: `generate` joins the texts and drops the regions."""
            results: list[dict[str, Any]] = infer(*args, **kwargs)
            self._calls.append((kwargs.get("model") is self._model.vad_model, results))
            return results

        self._model.inference = remembered

    def analyse(self, path: Path) -> Hearing:
        """Decode a file and analyse it."""
        return self.analyse_audio(decode(path, limits=AudioLimits(max_duration_ms=self._settings.max_duration_ms)))

    def analyse_audio(self, audio: Audio) -> Hearing:
        """Analyse a decoded recording."""
        roles = self._settings.channel_roles
        segments = [
            _segment(index, roles[index] if index < len(roles) else Role.UNKNOWN, interval, text)
            for index, channel in enumerate(audio.channels)
            for interval, text in self.read(to_float(channel.samples, channel.sample_rate_hz))
        ]
        return Hearing(
            checkpoint=self._checkpoint,
            engine=ENGINE,
            device=self._settings.device,
            audio=audio.facts,
            segments=tuple(sorted(segments, key=lambda segment: (segment.interval, segment.channel))),
            timings_ms={},
        )

    def read(self, samples: NDArray[np.float32]) -> list[tuple[Interval, str]]:
        """
        Return FunASR's regions of one channel, each with its text and tags.

        Parameters
        ----------
        samples : array of float32, shape (n,)
            In [-1, 1] at 16 kHz.
        """
        self._calls.clear()
        # FunASR prints what it thinks; standard output belongs to results.
        with contextlib.redirect_stdout(sys.stderr):
            self._model.generate(
                input=samples, language="auto", use_itn=True, merge_vad=False, batch_size_s=self.batch_size_s
            )
        [regions] = [results[0]["value"] for is_vad, results in self._calls if is_vad]
        texts = [result["text"] for is_vad, results in self._calls if not is_vad for result in results]
        # It reads the short ones first.
        by_length = sorted(range(len(regions)), key=lambda index: regions[index][1] - regions[index][0])
        read = [(Interval(*regions[index]), text) for index, text in zip(by_length, texts, strict=True)]
        return sorted(read, key=lambda one: one[0])


def to_float(samples: NDArray[np.int16], sample_rate_hz: int) -> NDArray[np.float32]:
    """Return int16 samples as FunASR takes them: float32 in [-1, 1] at 16 kHz."""
    sound = samples.astype(np.float32) / np.float32(32_768)
    if sample_rate_hz == SAMPLE_RATE_HZ:
        return sound
    doubled: NDArray[np.float32] = resample_poly(sound, SAMPLE_RATE_HZ // sample_rate_hz, 1)
    return doubled


def _load(checkpoint: Path, vad: Path, settings: Settings) -> Any:  # noqa: ANN401 - FunASR has no types
    with contextlib.redirect_stdout(sys.stderr):
        from funasr import AutoModel  # noqa: PLC0415 - takes 6 s

        return AutoModel(
            model=str(checkpoint),
            vad_model=str(vad),
            device=settings.device,
            ncpu=settings.cpu_threads,
            # FunASR's default makes the features random from run to run.
            frontend_conf={"dither": 0.0},
            vad_kwargs={"frontend_conf": {"dither": 0.0}, "max_end_silence_time": 800, "disable_pbar": True},
            # Without this an index is asked for a newer FunASR, with no time-out.
            disable_update=True,
            disable_pbar=True,
            trust_remote_code=False,
            log_level="ERROR",
        )


def _segment(channel: int, role: Role, interval: Interval, tagged: str) -> Segment:
    parsed = parse_tags(tagged)
    emotion, event = parsed.emotion or Emotion.EMO_UNKNOWN, parsed.event or EventKind.EVENT_UNK
    return Segment(
        channel=channel,
        role=role,
        start_ms=interval.start_ms,
        end_ms=interval.end_ms,
        text=parsed.text,
        language=parsed.language or Language.NOSPEECH,
        emotion=emotion,
        emotion_distribution={emotion: 1.0},
        event=event,
        event_probability=1.0,
        words=(),
        loudness_dbfs=SILENCE_DBFS,
        is_speech=True,
    )
