"""What a checkpoint gets right: held-out clips through FunASR's stock ``AutoModel``, and turns cut from the samples."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import torch
from av.audio.frame import AudioFrame
from funasr import AutoModel
from numpy.typing import NDArray
from scipy import signal

from callscope.evaluation.edits import character_edits
from training.heldout import read_heldout
from training.voices import SAMPLE_RATE_HZ, Signal

_TAGS: Final = re.compile(r"<\|([^|]*)\|>")


@dataclass(frozen=True, slots=True)
class Heard:
    """What was in a clip and what the recogniser made of it, tags as (language, emotion, event)."""

    text: str
    heard: str
    tags: tuple[str, str, str]
    heard_tags: tuple[str, str, str]


def load_recogniser(folder: Path) -> AutoModel:
    """
    Load a checkpoint the way any FunASR user does.

    Parameters
    ----------
    folder : Path
        Of the recogniser or of the detector.

    Returns
    -------
    AutoModel
        On one CPU thread.
    """
    return AutoModel(
        model=str(folder), trust_remote_code=False, disable_update=True, disable_pbar=True, device="cpu", ncpu=1
    )


def hear(recogniser: AutoModel, wave: Signal, *, language: str = "auto", use_itn: bool = True) -> tuple[str, list[str]]:
    """
    Recognise one clip.

    Parameters
    ----------
    recogniser : AutoModel
        From `load_recogniser`.
    wave : ndarray of float32, shape (n,)
        16 kHz.
    language : str
        Asked for, or ``auto``.
    use_itn : bool
        Figures and punctuation, or none.

    Returns
    -------
    tuple of str and list of str
        The text, and the tags in order.
    """
    result: str = recogniser.generate(input=torch.from_numpy(wave), language=language, use_itn=use_itn)[0]["text"]
    return _TAGS.sub("", result), _TAGS.findall(result)


def hear_heldout(recogniser: AutoModel, folder: Path, *, use_itn: bool = True) -> list[Heard]:
    """
    Recognise the held-out set.

    Parameters
    ----------
    recogniser : AutoModel
        From `load_recogniser`.
    folder : Path
        What `training.heldout.make_heldout` wrote.
    use_itn : bool
        Compared with ``text`` or with ``plain_text``.

    Returns
    -------
    list of Heard
        One a clip.
    """
    heard = []
    for clip in read_heldout(folder):
        text, tags = hear(recogniser, clip.wave, use_itn=use_itn)
        heard.append(Heard(clip.text if use_itn else clip.plain_text, text, clip.tags, _three(tags)))
    return heard


def hear_samples(recogniser: AutoModel, folder: Path) -> dict[str, list[Heard]]:
    """
    Recognise every reference turn and stand-alone event, cut from the sample calls at its own times.

    Parameters
    ----------
    recogniser : AutoModel
        From `load_recogniser`.
    folder : Path
        `samples/`.

    Returns
    -------
    dict of str to list of Heard
        By call.
    """
    results = {}
    for path in sorted((folder / "reference").glob("*.json")):
        reference = json.loads(path.read_text(encoding="utf-8"))
        legs = read_legs(folder / reference["file"])
        turns, events = reference["turns"], reference["events"]
        alone = [event for event in events if not any(_overlap(event, turn) for turn in turns)]
        results[reference["name"]] = [
            _hear_part(recogniser, legs[part["channel"]], part, events) for part in [*turns, *alone]
        ]
    return results


def read_legs(path: Path) -> Signal:
    """
    Decode a recording.

    Parameters
    ----------
    path : Path
        Any format of the samples.

    Returns
    -------
    ndarray of float32, shape (channels, n)
        At 16 kHz.
    """
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        frames: Iterable[AudioFrame] = container.decode(audio=0)
        planes = [_to_float(frame) for frame in frames]
    wave = np.concatenate(planes, axis=1)
    resampled: Signal = signal.resample_poly(wave, SAMPLE_RATE_HZ // 1_000, rate // 1_000, axis=1).astype(np.float32)
    return resampled


def error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """
    Compute the character error rate as ``callscope evaluate`` does: punctuation, spaces and case left out.

    Parameters
    ----------
    pairs : sequence of tuple of str
        What was said, what was heard.

    Returns
    -------
    float
        Edits over characters said; 0 where nothing was said.
    """
    counted = [character_edits(said, heard) for said, heard in pairs]
    return sum(edits.total for edits in counted) / max(1, sum(edits.length for edits in counted))


def agreement(heard: Iterable[Heard], which: int) -> float:
    """
    Compute the share of clips whose tag is right.

    Parameters
    ----------
    heard : iterable of Heard
        The clips.
    which : int
        0 language, 1 emotion, 2 event.

    Returns
    -------
    float
        0 to 1.
    """
    right = [clip.tags[which] == clip.heard_tags[which] for clip in heard]
    return sum(right) / max(len(right), 1)


def _overlap(event: Mapping[str, Any], turn: Mapping[str, Any]) -> bool:
    same_leg: bool = event["channel"] == turn["channel"]
    return same_leg and event["start_ms"] < turn["end_ms"] and turn["start_ms"] < event["end_ms"]


def _hear_part(
    recogniser: AutoModel, leg: Signal, part: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> Heard:
    start = max(part["start_ms"] - 100, 0) * SAMPLE_RATE_HZ // 1_000
    end = (part["end_ms"] + 100) * SAMPLE_RATE_HZ // 1_000
    text, tags = hear(recogniser, np.ascontiguousarray(leg[start:end]))
    if "text" in part:
        event = "BGM" if any(_overlap(event, part) for event in events) else "Speech"
        return Heard(part["text"], text, (part["language"], part["emotion"], event), _three(tags))
    event = "BGM" if part["kind"] == "BGM" else part["kind"].capitalize()
    return Heard("", text, ("nospeech", "EMO_UNKNOWN", event), _three(tags))


def _three(tags: Sequence[str]) -> tuple[str, str, str]:
    language, emotion, event, *_ = [*tags, "", "", ""]
    return language, emotion, event


def _to_float(frame: AudioFrame) -> Signal:
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.int16:
        samples = samples / np.float32(32_768)
    return samples.astype(np.float32)
