"""Signal generators for what is heard in calls besides speech: music, laughter, applause, crying, coughs and more."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from training.voices import SAMPLE_RATE_HZ, Signal

Generator: TypeAlias = np.random.Generator
Doubles: TypeAlias = NDArray[np.float64]


def make_music(duration_s: float, random: Generator) -> Signal:
    """Play chords and a tune over them, ``duration_s`` long, 16 kHz, peak 0.5."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    wave = np.zeros(count + SAMPLE_RATE_HZ * 3)
    root = 110.0 * 2 ** (random.integers(0, 12) / 12)
    scale = (0, 2, 4, 5, 7, 9, 11) if random.random() < 0.6 else (0, 2, 3, 5, 7, 8, 10)
    harmonics = np.array([1.0, *(random.uniform(0.05, 0.7) / order for order in range(2, 6))])
    beat_s = random.uniform(0.28, 0.6)
    at_s = 0.0
    beat = 0
    degree = 0
    while at_s < duration_s:
        if beat % 4 == 0:
            degree = int(random.choice((0, 3, 4, 5)))
            for third in (0, 2, 4):
                step = degree + third
                pitch = root * 2 ** (scale[step % 7] / 12 + step // 7)
                _add_note(wave, at_s, beat_s * 4.2, pitch=pitch, harmonics=0.35 * harmonics)
        if random.random() < 0.8:
            step = degree + int(random.choice((0, 1, 2, 4, 5, 7)))
            pitch = root * 2 ** (1 + scale[step % 7] / 12 + step // 7)
            _add_note(wave, at_s, beat_s * 1.4, pitch=pitch, harmonics=0.4 * harmonics)
        beat += 1
        at_s += beat_s
    return _finish(wave[:count])


def make_laughter(duration_s: float, random: Generator) -> Signal:
    """Laugh in voiced bursts of falling pitch, four to six a second, 16 kHz, peak 0.5."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    wave = np.zeros(count)
    pitch = random.uniform(170, 380)
    period_s = random.uniform(0.16, 0.24)
    formants = ((random.uniform(650, 850), 90), (random.uniform(1_100, 1_500), 120), (2_600, 180))
    at_s = 0.0
    while at_s < duration_s - 0.08:
        length = int(period_s * random.uniform(0.5, 0.65) * SAMPLE_RATE_HZ)
        start = int(at_s * SAMPLE_RATE_HZ)
        length = min(length, count - start)
        burst = _voice(np.linspace(1.15, 0.85, length) * pitch, random) + 0.25 * random.standard_normal(length)
        wave[start : start + length] += _resonate(burst, formants) * np.hanning(length)
        pitch *= random.uniform(0.93, 1.01)
        at_s += period_s * random.uniform(0.95, 1.05)
    return _finish(wave)


def make_applause(duration_s: float, random: Generator) -> Signal:
    """Clap with many hands, 16 kHz, peak 0.5."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    wave = np.zeros(count + 800)
    for start in random.integers(0, count, size=int(duration_s * random.uniform(50, 110))):
        length = int(random.integers(120, 420))
        decay = np.exp(-np.arange(length) / (length / 5))
        wave[start : start + length] += random.uniform(0.2, 1.0) * decay * random.standard_normal(length)
    low = random.uniform(700, 1_100)
    band = signal.butter(2, (low, low * 3.2), "bandpass", fs=SAMPLE_RATE_HZ)
    return _finish(signal.lfilter(*band, wave[:count]))


def make_cry(duration_s: float, random: Generator) -> Signal:
    """Sob: long trembling vowels of high pitch with gasps between, 16 kHz, peak 0.5."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    wave = np.zeros(count)
    base = random.uniform(320, 480)
    start = 0
    while start < count - 1_600:
        length = min(int(random.uniform(0.55, 1.0) * SAMPLE_RATE_HZ), count - start)
        time_s = np.arange(length) / SAMPLE_RATE_HZ
        bend = 1.0 + 0.25 * np.sin(np.pi * time_s / time_s[-1]) + 0.05 * np.sin(2 * np.pi * 7 * time_s)
        cry = _resonate(_voice(base * bend, random), ((900, 120), (1_400, 150), (2_900, 220)))
        wave[start : start + length] += cry * np.hanning(length) ** 0.5
        start += length
        gasp = min(int(random.uniform(0.12, 0.25) * SAMPLE_RATE_HZ), count - start)
        wave[start : start + gasp] += 0.15 * random.standard_normal(gasp) * np.hanning(gasp)
        start += gasp
    return _finish(wave)


def make_sneeze(duration_s: float, random: Generator) -> Signal:
    """Draw breath, then sneeze, 16 kHz, peak 0.5; under half a second leaves the breath out."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    inhale = int(count * random.uniform(0.4, 0.5))
    high = signal.butter(2, 1_200, "highpass", fs=SAMPLE_RATE_HZ)
    wave = random.standard_normal(count)
    wave[:inhale] *= 0.25 * np.linspace(0, 1, inhale) ** 1.5
    blast = count - inhale
    decay = np.exp(-np.arange(blast) / (blast / 3.2))
    voiced = _resonate(_voice(np.linspace(420, 180, blast), random), ((500, 120), (1_700, 200)))
    wave[inhale:] = signal.lfilter(*high, wave[inhale:]) * decay * 2.0 + 1.2 * voiced * decay**3
    wave[inhale - 400 : inhale] *= 0.1
    return _finish(wave)


def make_breath(duration_s: float, random: Generator) -> Signal:
    """Sigh: soft noise that swells quickly, falls slowly, and darkens, 16 kHz, peak 0.5."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    noise = random.standard_normal(count)
    rise = int(count * random.uniform(0.15, 0.3))
    shape = np.concatenate((np.linspace(0, 1, rise) ** 0.7, np.linspace(1, 0, count - rise) ** 1.6))
    bright = _resonate(noise, ((random.uniform(600, 900), 250), (random.uniform(1_500, 2_100), 400)))
    dark = _resonate(noise, ((random.uniform(350, 500), 200), (1_100, 350)))
    fade = np.linspace(0, 1, count)
    return _finish((bright * (1 - fade) + dark * fade) * shape)


def make_cough(duration_s: float, random: Generator) -> Signal:
    """Cough twice a second or so: a hard burst of noise, a rough voice after it, 16 kHz, peak 0.5."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    wave = np.zeros(count)
    start = 0
    while start < count - 2_000:
        length = min(int(random.uniform(0.2, 0.32) * SAMPLE_RATE_HZ), count - start)
        decay = np.exp(-np.arange(length) / (length / 4))
        rough = _voice(np.linspace(150, 90, length) * random.uniform(0.8, 1.6), random)
        burst = (random.standard_normal(length) + 2.0 * rough) * decay
        wave[start : start + length] += _resonate(burst, ((random.uniform(700, 1_000), 250), (1_900, 400)))
        start += int(random.uniform(0.32, 0.5) * SAMPLE_RATE_HZ)
    return _finish(wave)


def make_noise(duration_s: float, random: Generator) -> Signal:
    """Line noise: white, brown or humming, 16 kHz, peak 0.5."""
    count = int(duration_s * SAMPLE_RATE_HZ)
    noise = random.standard_normal(count)
    kind = random.integers(3)
    if kind == 1:
        noise = signal.lfilter([1.0], [1.0, -random.uniform(0.8, 0.97)], noise)
    elif kind == 2:
        hum = np.sin(2 * np.pi * random.choice((50.0, 60.0, 100.0)) * np.arange(count) / SAMPLE_RATE_HZ)
        noise = noise + 3.0 * hum
    return _finish(noise)


EVENTS: Final[dict[str, Callable[[float, Generator], Signal]]] = {
    "BGM": make_music,
    "Laughter": make_laughter,
    "Applause": make_applause,
    "Cry": make_cry,
    "Sneeze": make_sneeze,
    "Breath": make_breath,
    "Cough": make_cough,
}
DURATIONS_S: Final = {
    "BGM": (1.0, 10.0),
    "Laughter": (0.7, 2.5),
    "Applause": (1.0, 4.0),
    "Cry": (1.2, 4.0),
    "Sneeze": (0.7, 1.1),
    "Breath": (0.8, 1.8),
    "Cough": (0.7, 1.8),
}


def _add_note(wave: Doubles, at_s: float, length_s: float, *, pitch: float, harmonics: Doubles) -> None:
    start = int(at_s * SAMPLE_RATE_HZ)
    time_s = np.arange(min(int(length_s * SAMPLE_RATE_HZ), len(wave) - start)) / SAMPLE_RATE_HZ
    shape = np.minimum(time_s / 0.02, 1.0) * np.exp(-2.2 * time_s / length_s)
    for order, weight in enumerate(harmonics, start=1):
        wave[start : start + len(time_s)] += weight * shape * np.sin(2 * np.pi * pitch * order * time_s)


def _voice(pitch_hz: Doubles, random: Generator) -> Doubles:
    phase = np.cumsum(pitch_hz / SAMPLE_RATE_HZ) + random.random()
    return ((phase % 1.0) < 0.12).astype(np.float64) * 3.0 - 0.36


def _resonate(wave: Doubles, formants: tuple[tuple[float, float], ...]) -> Doubles:
    total: Doubles = np.zeros(len(wave))
    for order, (centre_hz, width_hz) in enumerate(formants):
        total += signal.lfilter(*signal.iirpeak(centre_hz, centre_hz / width_hz, fs=SAMPLE_RATE_HZ), wave) / (order + 1)
    return total


def _finish(wave: Doubles) -> Signal:
    return (0.5 * wave / max(float(np.abs(wave).max()), 1e-6)).astype(np.float32)
