"""What a line does to a voice: band, G.711, lossy codecs, level, noise."""

from typing import TypeAlias

import numpy as np
from scipy import signal

from training.voices import SAMPLE_RATE_HZ, Signal

Generator: TypeAlias = np.random.Generator


def set_level(wave: Signal, level_dbfs: float) -> Signal:
    """Scale a wave so that its loudest 20 ms have this root mean square, in dB of full scale."""
    frames = wave[: max(len(wave) // 320, 1) * 320].reshape(-1, 320) if len(wave) >= 320 else wave[None]
    loudest = float(np.sqrt((frames.astype(np.float64) ** 2).mean(axis=1).max()))
    scaled: Signal = (wave * (10 ** (level_dbfs / 20) / max(loudest, 1e-6))).astype(np.float32)
    return scaled


def telephone(wave: Signal, random: Generator) -> Signal:
    """Send 16 kHz through an 8 kHz G.711 mu-law line and back to 16 kHz, half the time with the line's high-pass."""
    narrow = signal.resample_poly(wave, 1, 2)
    if random.random() < 0.5:
        narrow = signal.lfilter(*signal.butter(2, random.uniform(150, 300), "highpass", fs=8_000), narrow)
    sent: Signal = signal.resample_poly(mu_law(narrow), 2, 1).astype(np.float32)
    return sent


def mu_law(wave: Signal) -> Signal:
    """Quantise to the 8 bits of G.711 mu-law; out of [-1, 1] is clipped."""
    clipped = np.clip(wave, -1.0, 1.0)
    coded = np.sign(clipped) * np.log1p(255 * np.abs(clipped)) / np.log(256)
    coded = np.round(coded * 127) / 127
    decoded: Signal = (np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255).astype(np.float32)
    return decoded


def lossy(wave: Signal, random: Generator) -> Signal:
    """Lose what a perceptual codec loses: the top of the band and the bins far under the loudest of their frame."""
    frequencies, _, spectrum = signal.stft(wave, SAMPLE_RATE_HZ, nperseg=512)
    magnitude = np.abs(spectrum)
    floor = magnitude.max(axis=0, keepdims=True) * 10 ** (-random.uniform(35, 55) / 20)
    spectrum[magnitude < floor] *= 0.1
    spectrum[frequencies > random.uniform(3_600, 8_000)] *= 0.01
    lost: Signal = signal.istft(spectrum, SAMPLE_RATE_HZ, nperseg=512)[1][: len(wave)].astype(np.float32)
    return lost


def pass_line(wave: Signal, random: Generator) -> Signal:
    """
    Send a clip through a line drawn by chance: 65 % telephone, 15 % a lossy codec, 20 % clean.

    Parameters
    ----------
    wave : ndarray of float32, shape (n,)
        16 kHz, at its level.
    random : Generator
        Draws the line and its noise (-80 to -45 dBFS).

    Returns
    -------
    ndarray of float32, shape (n,)
        16 kHz, in [-1, 1].
    """
    noise_rms = 10 ** (random.uniform(-80, -45) / 20)
    if random.random() < 0.8:
        wave = wave + noise_rms * random.standard_normal(len(wave)).astype(np.float32)
    draw = random.random()
    if draw < 0.65:
        wave = telephone(wave[: len(wave) // 2 * 2], random)
    elif draw < 0.8:
        wave = lossy(wave, random)
    return np.clip(wave, -1.0, 1.0).astype(np.float32)
