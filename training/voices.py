"""espeak-ng through ctypes: voices, and the prosody that stands for an emotion here."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import signal

Signal: TypeAlias = NDArray[np.float32]

SAMPLE_RATE_HZ: Final = 16_000
EMOTIONS: Final = ("NEUTRAL", "HAPPY", "SAD", "ANGRY", "FEARFUL", "DISGUSTED", "SURPRISED")
TRAIN_VOICES: Final = (
    "m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f4", "f5", "Alex", "Andrea", "Andy", "Annie", "Denis", "Diogo",
    "Gene", "Jacky", "Lee", "Marco", "Mario", "michel", "miguel", "steph3", "anika", "adam", "aunty", "caleb",
    "david", "edward", "linda", "max", "norbert", "paul", "pedro", "rob", "sandro", "steph", "travis", "victor",
    "zac",
)  # fmt: skip
HELDOUT_VOICES: Final = ("m5", "Alicia", "Hugo", "belinda", "john")
SAMPLE_VOICES: Final = ("m8", "f3", "Mike", "steph2", "Michael", "robert", "antonio", "benjamin")
_ESPEAK_VOICES: Final = {"zh": "cmn-latn-pinyin", "yue": "yue", "en": "en-us", "ja": "ja", "ko": "ko"}
_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_callback_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Prosody:
    """How an emotion sounds: words a minute, pitch and range (0 to 99), and what is done to the wave."""

    rate_wpm: int
    pitch: int
    pitch_range: int
    tilt: float = 0.0
    drive: float = 0.0
    tremolo_hz: float = 0.0
    tremolo_depth: float = 0.0
    resonance_hz: float = 0.0


PROSODIES: Final = {
    "NEUTRAL": Prosody(175, 45, 45),
    "HAPPY": Prosody(195, 78, 95, tilt=0.25, tremolo_hz=4.0, tremolo_depth=0.35),
    "SAD": Prosody(138, 28, 10, tilt=-0.75),
    "ANGRY": Prosody(210, 58, 75, tilt=0.55, drive=6.0),
    "FEARFUL": Prosody(200, 72, 35, tremolo_hz=9.5, tremolo_depth=0.7),
    "DISGUSTED": Prosody(148, 24, 60, resonance_hz=1_000.0),
    "SURPRISED": Prosody(168, 92, 99, tilt=0.45),
}


class Synthesiser:
    """
    One espeak-ng, ready to speak; the library holds global state, so one a process.

    Attributes
    ----------
    rate_hz : int
        The library's own sample rate.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._libc = ctypes.CDLL(None)
        self.rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._chunks: list[NDArray[np.int16]] = []
        self._callback: Callable[..., Any] = _callback_type(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def say(self, text: str, language: str, voice: str, emotion: str, random: np.random.Generator) -> Signal:
        """
        Speak a text with an emotion.

        Parameters
        ----------
        text : str
            What `training.texts.Sentence.spoken` holds.
        language, voice, emotion : str
            Of `training.texts.LANGUAGES`, an espeak-ng variant, of `EMOTIONS`.
        random : Generator
            Small deviations of rate, pitch, range and vocal tract, so that no two clips of a voice are alike.

        Returns
        -------
        ndarray of float32, shape (n,)
            16 kHz, peak 0.5, silence trimmed at both ends, no inner pause over 300 ms.

        Raises
        ------
        ValueError
            The library knows no such voice.
        """
        prosody = PROSODIES[emotion]
        variant = f"{_ESPEAK_VOICES[language]}+{voice}"
        if self._library.espeak_SetVoiceByName(variant.encode()) != 0:
            message = f"espeak-ng has no voice {variant}"
            raise ValueError(message)
        self._libc.srand(int(random.integers(1 << 30)))
        self._set(_RATE, prosody.rate_wpm * random.uniform(0.94, 1.06))
        self._set(_PITCH, prosody.pitch + random.uniform(-5, 5))
        self._set(_RANGE, prosody.pitch_range * random.uniform(0.88, 1.05))
        self._chunks.clear()
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, _UTF8, None, None)
        wave = np.concatenate(self._chunks).astype(np.float32) / 32_768
        tract = random.uniform(0.95, 1.06)
        wave = signal.resample_poly(wave, int(SAMPLE_RATE_HZ / 50 / tract), round(self.rate_hz / 50)).astype(np.float32)
        return colour_emotion(tighten_pauses(wave), prosody, random)

    def _set(self, parameter: int, value: float) -> None:
        self._library.espeak_SetParameter(parameter, int(np.clip(value, 0, 450 if parameter == _RATE else 99)), 0)

    def _collect(self, samples: Any, count: int, _events: Any) -> int:  # noqa: ANN401 - ctypes pointers
        if count:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def colour_emotion(wave: Signal, prosody: Prosody, random: np.random.Generator) -> Signal:
    """
    Do to a wave what a prosody asks beyond pitch and rate: tilt, saturation, tremolo, resonance.

    Parameters
    ----------
    wave : ndarray of float32, shape (n,)
        16 kHz.
    prosody : Prosody
        What to do.
    random : Generator
        Phase and small deviations.

    Returns
    -------
    ndarray of float32, shape (n,)
        Peak 0.5.
    """
    shaped: NDArray[np.floating[Any]] = wave / max(float(np.abs(wave).max()), 1e-6)
    if prosody.drive:
        shaped = np.tanh(shaped * prosody.drive * random.uniform(0.8, 1.25))
    if prosody.tilt > 0:
        shaped = signal.lfilter([1.0, -prosody.tilt], [1.0], shaped)
    elif prosody.tilt < 0:
        shaped = signal.lfilter([1.0 + prosody.tilt], [1.0, prosody.tilt], shaped)
    if prosody.resonance_hz:
        taps = signal.iirpeak(prosody.resonance_hz * random.uniform(0.95, 1.05), 4.0, fs=SAMPLE_RATE_HZ)
        shaped = shaped + 3.0 * signal.lfilter(*taps, shaped)
    if prosody.tremolo_hz:
        time_s = np.arange(len(shaped)) / SAMPLE_RATE_HZ
        swing = np.sin(2 * np.pi * prosody.tremolo_hz * random.uniform(0.93, 1.07) * time_s + random.uniform(0, 6.28))
        shaped = shaped * (1.0 - prosody.tremolo_depth * (0.5 + 0.5 * swing))
    return (0.5 * shaped / max(float(np.abs(shaped).max()), 1e-6)).astype(np.float32)


def speech_frames(wave: Signal, *, fill_ms: int = 150, floor_db: float = -38.0) -> NDArray[np.bool_]:
    """
    Say for each 10 ms of clean speech whether there is speech in it.

    Parameters
    ----------
    wave : ndarray of float32, shape (n,)
        16 kHz, clean.
    fill_ms : int
        Shorter gaps (the closures of stops) count as speech.
    floor_db : float
        Frames this far under the loudest are silence.

    Returns
    -------
    ndarray of bool, shape (n // 160,)
        Frame i is samples 160 i to 160 i + 159.
    """
    frames = wave[: len(wave) // 160 * 160].reshape(-1, 160)
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    active: NDArray[np.bool_] = power > power.max(initial=1e-9) * 10 ** (floor_db / 10)
    edges = np.flatnonzero(np.diff(np.concatenate(([1], active.astype(np.int8), [1]))))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if start > 0 and end < len(active) and (end - start) * 10 <= fill_ms:
            active[start:end] = True
    return active


def tighten_pauses(wave: Signal, *, longest_ms: int = 300) -> Signal:
    """
    Trim silence at both ends and shorten the pauses inside.

    Parameters
    ----------
    wave : ndarray of float32, shape (n,)
        16 kHz, clean.
    longest_ms : int
        No pause is longer afterwards.

    Returns
    -------
    ndarray of float32, shape (m,)
        m <= n, a multiple of 160.
    """
    active = speech_frames(wave, fill_ms=0)
    keep = np.zeros(len(active), dtype=bool)
    spoken = np.flatnonzero(active)
    half = longest_ms // 20
    for offset in range(half + 1):
        keep[np.clip(spoken + offset, spoken[0], spoken[-1])] = True
        keep[np.clip(spoken - offset, spoken[0], spoken[-1])] = True
    return wave[: len(active) * 160].reshape(-1, 160)[keep].reshape(-1)
