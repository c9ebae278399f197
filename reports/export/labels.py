"""Stretches that people corrected, as a manifest of clips that `callscope evaluate` reads."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import soundfile

from callscope.calls import Language, RecordingRef
from callscope.errors import AttemptFailed, ObjectGone, PermanentFailure
from callscope.ports import Channel, Samples, Storage
from callscope.sound.audio import Audio, AudioLimits, decode
from callscope.storage.landing import landing
from models.annotations import LabelledStretch, labelled_stretches
from models.session import Engine, transaction

CONTEXT_MS = 120
"""On both sides of a stretch: as much as the recogniser is given around a region."""


@dataclass(frozen=True, slots=True)
class LostRecording:
    """A recording whose labels aren't in the manifest, and why."""

    key: str
    why: str


@dataclass(frozen=True, slots=True)
class Labels:
    """What was written."""

    clips: int
    lost: tuple[LostRecording, ...]


def export_labels(engine: Engine, storage: Storage, folder: Path, *, limits: AudioLimits) -> Labels:
    """
    Write ``manifest.jsonl`` and a clip of each corrected stretch into a folder.

    A recording whose object is gone, or isn't what it was, is passed over and told; outages end the export.

    Raises
    ------
    StorageUnavailable, DatabaseUnavailable
        A server doesn't answer, or the folder can't be written. The manifest appears last, and whole.
    """
    clips, lost = folder / "clips", list[LostRecording]()
    clips.mkdir(parents=True, exist_ok=True)
    count = 0
    with transaction(engine) as session, landing(folder / "manifest.jsonl") as manifest:
        for ref, stretches in groupby(labelled_stretches(session), key=lambda stretch: stretch.ref):
            try:
                audio = _fetch(storage, ref, limits)
            except (ObjectGone, PermanentFailure, AttemptFailed) as error:
                lost.append(LostRecording(ref.key, error.what))
                continue
            for row in _rows(audio, list(stretches), clips):
                manifest.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                count += 1
    return Labels(count, tuple(lost))


def _fetch(storage: Storage, ref: RecordingRef, limits: AudioLimits) -> Audio:
    with tempfile.TemporaryDirectory(prefix="callscope-") as folder:
        # The suffix counts: headerless formats are known by it alone.
        target = Path(folder) / f"recording{Path(ref.key).suffix}"
        storage.fetch(ref, target)
        return decode(target, limits=limits)


def _rows(audio: Audio, stretches: list[LabelledStretch], clips: Path) -> Iterator[dict[str, object]]:
    for stretch in stretches:
        said = stretch.correction
        # Of a dual-mono call one channel is left, which is all of them.
        channel = audio.channels[min(said.channel, len(audio.channels) - 1)]
        path = clips / f"{stretch.recording_id}-{said.channel}-{said.start_ms}-{said.end_ms}.wav"
        with landing(path) as file:
            soundfile.write(
                file, _cut(channel, said.start_ms, said.end_ms), channel.sample_rate_hz, "PCM_16", format="WAV"
            )
        language = said.language or stretch.heard_language
        is_spoken = language not in {None, Language.NOSPEECH}
        yield {
            "audio": f"{clips.name}/{path.name}",
            **({"language": language} if language else {}),
            # Without its language nobody knows whether words or characters are counted.
            **({"text": said.text} if said.text is not None and is_spoken else {}),
            **({"emotion": said.emotion} if said.emotion else {}),
        }


def _cut(channel: Channel, start_ms: int, end_ms: int) -> Samples:
    per_ms = channel.sample_rate_hz // 1_000
    return channel.samples[max(0, start_ms - CONTEXT_MS) * per_ms : (end_ms + CONTEXT_MS) * per_ms]
