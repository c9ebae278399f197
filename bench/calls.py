"""
The load: realistic calls, made by the bench itself and the same for every run of one seed.

Agent and customer take turns on a channel each, 8 kHz, 16 bit. Each speaks for about 40 % of the call, in turns of 1
to 15 s, with pauses between them, now and then both at once; comfort noise lies under all of it. What is said is cut
from the sample calls. Durations are heavy-tailed, from half a minute to a quarter of an hour.
"""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from callscope.errors import ServerMissing
from callscope.evaluation import read_reference
from callscope.ports import NARROWBAND_HZ, Samples
from callscope.timeline import Interval, union

RECIPE = 1
"""Raise it with every change that makes another sound of the same call: files on disk are named by it."""

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
CHANNELS = 2
SHORTEST_MS = 30_000
LONGEST_MS = 900_000

_PER_MS = NARROWBAND_HZ // 1000
_SPREAD = 1.1
"""Of the logarithms of what is above the shortest: most calls are short, most of the sound is in long ones."""
_TURN_MEDIAN_MS, _TURN_SPREAD = 4_000, 0.55
_TURN_LEAST_MS, _TURN_MOST_MS = 1_000, 15_000
_PAUSE_LEAST_MS, _PAUSE_MEAN_MS = 250, 1_000
_CROSSTALK_SHARE = 0.08
"""Turns that begin while the other party still speaks."""
_CROSSTALK_MS = (300, 1_500)
_LEAD_MS = 500
_BREATHER_MS = 150
"""Between two pieces of one turn: short enough to stay one region."""
_GAIN_DB = (-6.0, 3.0)
_NOISE_DBFS = -66.0
_NOISE_MS = 60_000
_FADE_MS = 5
_FULL_SCALE = 32_768.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Which load a device works off in a time that a person waits."""

    mean_ms: int
    """Mean duration of a call."""
    recordings: tuple[int, ...]
    """End to end: how many beside stock FunASR; then each of them by callscope alone."""
    paired_files: int
    """File to result: how many recordings beside stock FunASR."""
    files: int
    """File to result: how many recordings by callscope alone, all at once."""


PROFILES = {
    "cpu": Profile(mean_ms=52_000, recordings=(100, 1_000), paired_files=24, files=60),
    "gpu": Profile(mean_ms=240_000, recordings=(100, 1_000), paired_files=24, files=1_000),
    "quick": Profile(mean_ms=33_000, recordings=(6, 12), paired_files=3, files=6),
}


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """When a party speaks."""

    channel: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the load, as planned; its file is written by `Load`."""

    number: int
    duration_ms: int
    turns: tuple[SpokenTurn, ...]
    """Ascending by start."""

    def speech_share(self, channel: int) -> float:
        """Return the share of the call in which a channel speaks."""
        spoken = union(turn.interval for turn in self.turns if turn.channel == channel)
        return sum(interval.duration_ms for interval in spoken) / self.duration_ms


@dataclass(frozen=True, slots=True)
class CallFile:
    """A call on disk."""

    path: Path
    call: Call

    @property
    def duration_s(self) -> float:
        """Seconds of the recording; both channels together count once."""
        return self.call.duration_ms / 1000


class Load:
    """
    Calls without end, each a function of the seed and its number; files are written when they are first asked for.

    Parameters
    ----------
    folder : Path
        Gets the files; those that are there already are taken.
    mean_ms : int
        Mean duration, at least `SHORTEST_MS`.
    seed : int
        Another seed is another load.
    """

    def __init__(self, folder: Path, *, mean_ms: int, seed: int = 1) -> None:
        self.mean_ms = mean_ms
        self.seed = seed
        self._folder = folder / f"recipe-{RECIPE}-mean-{mean_ms}-seed-{seed}"

    def plan(self, count: int, *, start: int = 0) -> list[Call]:
        """Return the calls from number ``start`` on, without their sound."""
        return [plan_call(number, mean_ms=self.mean_ms, seed=self.seed) for number in range(start, start + count)]

    def take(self, count: int, *, start: int = 0) -> list[CallFile]:
        """Return the calls from number ``start`` on, written to disk."""
        return [self._write(call) for call in self.plan(count, start=start)]

    def of_length(self, duration_ms: int) -> CallFile:
        """Return a call of exactly this length."""
        return self._write(plan_call(0, mean_ms=self.mean_ms, seed=self.seed, duration_ms=duration_ms))

    @cached_property
    def _voices(self) -> list[Samples]:
        return read_voices()

    def _write(self, call: Call) -> CallFile:
        path = self._folder / f"call-{call.number:05d}-{call.duration_ms}.wav"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            write_wav(new, render(call, self._voices, seed=self.seed))
            new.rename(path)
        return CallFile(path, call)


def plan_call(number: int, *, mean_ms: int, seed: int = 1, duration_ms: int | None = None) -> Call:
    """
    Return who speaks when in a call.

    Parameters
    ----------
    number : int >= 0
        Of the call within its load.
    mean_ms : int
        Mean duration of the load's calls.
    seed : int
        Of the load.
    duration_ms : int, optional
        Of this call; None: drawn from [`SHORTEST_MS`, `LONGEST_MS`].
    """
    draw = np.random.default_rng((seed, number))
    if duration_ms is None:
        duration_ms = _draw_duration(draw, mean_ms)
    turns: list[SpokenTurn] = []
    at_ms, channel = _LEAD_MS, int(draw.integers(CHANNELS))
    free_at_ms = [0] * CHANNELS
    while True:
        length_ms = round(np.clip(draw.lognormal(np.log(_TURN_MEDIAN_MS), _TURN_SPREAD), _TURN_LEAST_MS, _TURN_MOST_MS))
        start_ms = max(at_ms, free_at_ms[channel])
        if start_ms + length_ms > duration_ms - _LEAD_MS:
            return Call(number, duration_ms, tuple(turns))
        turns.append(SpokenTurn(channel, Interval(start_ms, start_ms + length_ms)))
        free_at_ms[channel] = start_ms + length_ms + _PAUSE_MEAN_MS
        if draw.random() < _CROSSTALK_SHARE:
            at_ms = start_ms + length_ms - min(int(draw.integers(*_CROSSTALK_MS)), length_ms // 2)
        else:
            at_ms = start_ms + length_ms + _PAUSE_LEAST_MS + round(draw.exponential(_PAUSE_MEAN_MS - _PAUSE_LEAST_MS))
        channel = 1 - channel


def render(call: Call, voices: Sequence[Samples], *, seed: int = 1) -> NDArray[np.int16]:
    """
    Return a call's sound.

    Parameters
    ----------
    call : Call
        Who speaks when.
    voices : sequence of array of int16, shape (n,)
        Pieces of speech at 8 kHz that the turns are put together from.
    seed : int
        Of the load.

    Returns
    -------
    array of int16, shape (samples, 2)
    """
    draw = np.random.default_rng((seed, call.number, 1))
    sound = np.stack([_noise(draw, call.duration_ms * _PER_MS) for _ in range(CHANNELS)], axis=1)
    for turn in call.turns:
        gain = 10 ** (draw.uniform(*_GAIN_DB) / 20)
        start, end = turn.interval.start_ms * _PER_MS, turn.interval.end_ms * _PER_MS
        # In int32 and clipped: a loud voice over noise must not wrap around.
        spoken = sound[start:end, turn.channel] + gain * _speak(draw, voices, end - start)
        sound[start:end, turn.channel] = np.clip(spoken, -32_768, 32_767).astype(np.int16)
    return sound


def read_voices() -> list[Samples]:
    """
    Return each turn of those sample calls that are telephony as it is recorded: 8 kHz WAV.

    Raises
    ------
    ServerMissing
        The samples aren't beside the code: this isn't a checkout.
    """
    voices: list[Samples] = []
    for path in sorted((SAMPLES / "reference").glob("*.json")):
        reference = read_reference(path)
        if reference.file.endswith(".wav"):  # the others are no telephony, or lossy twice
            sound, _ = soundfile.read(SAMPLES / reference.file, dtype="int16", always_2d=True)
            voices += [sound[turn.start_ms * _PER_MS : turn.end_ms * _PER_MS, turn.channel] for turn in reference.turns]
    if not voices:
        raise ServerMissing(f"there are no sample calls in {SAMPLES}", why="the bench's voices are cut from them")
    return voices


def write_wav(path: Path, sound: NDArray[np.int16]) -> None:
    """Write 16-bit PCM at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(NARROWBAND_HZ)
        file.writeframes(sound.tobytes())


def _draw_duration(draw: np.random.Generator, mean_ms: int) -> int:
    """Return a duration: lognormal above the shortest, so that the mean is as asked."""
    above_ms = max(1, mean_ms - SHORTEST_MS)
    drawn_ms = SHORTEST_MS + draw.lognormal(np.log(above_ms) - _SPREAD**2 / 2, _SPREAD)
    return int(min(drawn_ms, LONGEST_MS)) // 10 * 10


def _noise(draw: np.random.Generator, length: int) -> Samples:
    """Return comfort noise: one minute drawn, repeated for as long as it takes."""
    minute = draw.standard_normal(min(length, _NOISE_MS * _PER_MS), dtype=np.float32)
    minute *= _FULL_SCALE * 10 ** (_NOISE_DBFS / 20)
    noise: Samples = np.resize(minute.astype(np.int16), length)
    return noise


def _speak(draw: np.random.Generator, voices: Sequence[Samples], length: int) -> NDArray[np.float32]:
    """Return speech of exactly this length, put together from as many pieces as it takes."""
    speech = np.zeros(length, np.float32)
    at = 0
    while at < length:
        voice = voices[int(draw.integers(len(voices)))]
        piece = voice[: length - at].astype(np.float32)
        fade = min(_FADE_MS * _PER_MS, len(piece) // 2)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        piece[:fade] *= ramp
        piece[len(piece) - fade :] *= ramp[::-1]
        speech[at : at + len(piece)] = piece
        at += len(piece) + _BREATHER_MS * _PER_MS
    return speech
