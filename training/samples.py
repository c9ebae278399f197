"""Makes `samples/`: the calls of `calls.yaml` in the formats of real recordings, each with its reference."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import signal

from training.channel import mu_law
from training.scenes import load_calls, perform, reference
from training.voices import SAMPLE_RATE_HZ, Signal, Synthesiser

# A lossless file pays for every bit of noise.
_NOISE_DBFS: Final = {"flac": -93.0}
_USUAL_NOISE_DBFS: Final = -66.0


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a recording is written: extension, rate, what ffmpeg is told."""

    extension: str
    sample_rate_hz: int
    arguments: tuple[str, ...]


ENCODINGS: Final = {
    "mulaw": Encoding("wav", 8_000, ("-c:a", "pcm_mulaw")),
    "alaw": Encoding("wav", 8_000, ("-c:a", "pcm_alaw")),
    "pcm": Encoding("wav", 8_000, ("-c:a", "pcm_s16le")),
    "mp3": Encoding("mp3", 16_000, ("-c:a", "libmp3lame", "-b:a", "48k")),
    "flac": Encoding("flac", 16_000, ("-c:a", "flac")),
    "opus": Encoding("ogg", 16_000, ("-c:a", "libopus", "-b:a", "48k", "-application", "voip")),
    "m4a": Encoding("m4a", 16_000, ("-c:a", "aac", "-b:a", "56k")),
}


def make_samples(folder: Path, *, seed: int) -> None:
    """
    Perform every call, encode it and write its reference.

    Parameters
    ----------
    folder : Path
        ``<name>.<ext>`` goes here, ``reference/<name>.json`` below.
    seed : int
        Same seed, same calls.

    Raises
    ------
    subprocess.CalledProcessError
        ffmpeg refused.
    """
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    synthesiser = Synthesiser()
    for number, call in enumerate(load_calls()):
        random = np.random.default_rng((seed, number))
        scene = perform(call, synthesiser, random)
        encoding = ENCODINGS[call["encoding"]]
        name, file = call["name"], f"{call['name']}.{encoding.extension}"
        legs = np.stack([_send(leg, encoding, random) for leg in (scene.agent, scene.customer)])
        match call.get("layout"):
            case "mono":
                legs = legs.sum(axis=0, keepdims=True)
            case "dual-mono":
                legs = np.tile(legs.sum(axis=0, keepdims=True), (2, 1))
        _encode(legs, encoding, folder / file)
        record = {
            "name": name,
            "file": file,
            "key": f"{call['queue']}/{call['date']}/{call['agent']['id']}/{file}",
            "duration_ms": legs.shape[1] * 1_000 // encoding.sample_rate_hz,
            "sample_rate_hz": encoding.sample_rate_hz,
            "channels": len(legs),
            **reference(call, scene),
        }
        write_reference(folder / "reference" / f"{name}.json", record)


def write_reference(path: Path, record: Mapping[str, Any]) -> None:
    """
    Write a reference, one entry a line.

    Parameters
    ----------
    path : Path
        The file.
    record : mapping
        What it says.
    """
    path.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _send(leg: Signal, encoding: Encoding, random: np.random.Generator) -> Signal:
    noise_dbfs = _NOISE_DBFS.get(encoding.extension, _USUAL_NOISE_DBFS)
    leg = leg + np.float32(10 ** (noise_dbfs / 20)) * random.standard_normal(len(leg)).astype(np.float32)
    if encoding.sample_rate_hz == SAMPLE_RATE_HZ:
        return leg
    narrow = signal.resample_poly(leg, 1, 2).astype(np.float32)
    return mu_law(narrow) if encoding.arguments[-1] == "pcm_s16le" else narrow


def _encode(legs: Signal, encoding: Encoding, path: Path) -> None:
    samples = (np.clip(legs.T, -1.0, 1.0) * 32_767).round().astype("<i2")
    source = ("-f", "s16le", "-ar", str(encoding.sample_rate_hz), "-ac", str(len(legs)), "-i", "pipe:0")
    command = ("ffmpeg", "-v", "error", "-y", *source, "-fflags", "+bitexact", "-flags:a", "+bitexact")
    subprocess.run([*command, *encoding.arguments, str(path)], input=samples.tobytes(), check=True)  # noqa: S603
