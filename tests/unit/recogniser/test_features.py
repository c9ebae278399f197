"""Features against Kaldi's own filter bank, as FunASR's front ends stack it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from kaldi_native_fbank import FbankOptions, OnlineFbank  # type: ignore[import-untyped]
from numpy.typing import NDArray

from callscope.ports import NARROWBAND_HZ, SAMPLE_RATE_HZ, Channel
from tests.sounds import babble
from workers.recogniser.checkpoint import Cmvn, FrontendConfig, read_sense_voice, read_vad
from workers.recogniser.features import FilterBank, FrontEnd
from workers.recogniser.hub import CheckpointFolder
from workers.recogniser.waves import Waves, excerpt

pytestmark = pytest.mark.unit

SENSE_VOICE = FrontendConfig(lfr_m=7, lfr_n=6)
VAD = FrontendConfig(lfr_m=5, lfr_n=1)
ROOT = Path(__file__).parents[3]
NARROWBAND_CALLS = ("refund-zh.wav", "allergy-zh.wav", "shipping-delay-zh.wav", "bad-review-zh.wav")

Floats = NDArray[np.float32]


def _wave(channel: Channel) -> torch.Tensor:
    waves: torch.Tensor = Waves()([excerpt(channel, 0, channel.duration_ms * SAMPLE_RATE_HZ // 1000)])
    return waves


def _kaldi(samples: Floats) -> Floats:
    options = FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 80
    options.energy_floor = 0
    bank = OnlineFbank(options)
    bank.accept_waveform(SAMPLE_RATE_HZ, (samples * 32_768).tolist())
    bank.input_finished()
    frames: list[Floats] = [bank.get_frame(index) for index in range(bank.num_frames_ready)]
    return np.stack(frames)


def _in_double_precision(samples: Floats) -> Floats:
    """Kaldi's definition, step by step, without its rounding."""
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64) * 32_768, 400)[::160]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - 0.97 * np.concatenate((frames[:, :1], frames[:, :-1]), axis=1)
    power = np.abs(np.fft.rfft(frames * np.hamming(400), n=512)) ** 2
    mel = 1127 * np.log1p(np.arange(257) * (SAMPLE_RATE_HZ / 512) / 700)
    corners = np.linspace(1127 * np.log1p(20 / 700), 1127 * np.log1p(8_000 / 700), 82)
    bands = [np.interp(mel, corners[band : band + 3], [0, 1, 0]) for band in range(80)]
    energies = np.maximum(power @ np.stack(bands, axis=1), np.finfo(np.float32).eps)
    logarithms: Floats = np.log(energies).astype(np.float32)
    return logarithms


@pytest.mark.parametrize(
    "samples",
    [
        _wave(babble(3_000, seed=1)),
        _wave(babble(3_000, seed=1, sample_rate_hz=NARROWBAND_HZ)),
        torch.randn(1, 48_000, generator=torch.Generator().manual_seed(1)) * 0.1,
        torch.zeros(1, 8_000),
        _wave(babble(1_000, seed=2)).sign(),
        _wave(babble(1_000, seed=3)) + 0.02,
        torch.full((1, 8_000), 1_000 / 32_768),
    ],
    ids=["voiced", "doubled", "noise", "digital silence", "clipped", "offset", "constant"],
)
def test_the_filter_bank_is_kaldi_s(samples: torch.Tensor) -> None:
    ours = FilterBank(SENSE_VOICE)(samples)[0].numpy()
    theirs = _kaldi(samples[0].numpy())
    assert ours.shape == theirs.shape
    # A band that a frame happens to leave almost empty holds what rounding leaves there.
    np.testing.assert_allclose(ours, theirs, atol=5e-3)
    assert (np.abs(ours - theirs) < 2e-4).mean() > 0.999


@pytest.fixture(scope="module")
def front_ends() -> list[FrontEnd]:
    """Both of the demo checkpoint, with the normalisation of real speech."""
    demo = ROOT / "checkpoints" / "demo"
    recogniser = read_sense_voice(CheckpointFolder("demo", demo))
    detector = read_vad(CheckpointFolder("vad", demo / "vad"))
    return [FrontEnd(read.config.frontend_conf, read.cmvn) for read in (recogniser, detector)]


def _deviations(front_end: FrontEnd, ours: Floats, theirs: Floats) -> Floats:
    """What two filter banks differ by once they are stacked and normalised."""
    frames = [len(ours)]
    one, other = (front_end.stack(torch.from_numpy(each).unsqueeze(0), frames) for each in (ours, theirs))
    return (one - other).abs().numpy()


def test_features_are_within_1e_4_of_kaldi_s(front_ends: list[FrontEnd]) -> None:
    samples = _wave(babble(5_000, seed=4))
    kaldi = _kaldi(samples[0].numpy())
    for front_end in front_ends:
        frames = [front_end.filter_bank.frames(samples.shape[1])]
        reference = front_end.stack(torch.from_numpy(kaldi).unsqueeze(0), frames)
        np.testing.assert_allclose(front_end(samples, frames), reference, atol=1e-4)


@pytest.mark.parametrize("name", NARROWBAND_CALLS)
def test_features_of_telephony_are_as_near_to_kaldi_s_as_float32_is(front_ends: list[FrontEnd], name: str) -> None:
    # Above 4 kHz a doubled call holds little but the window's leakage, 70 dB below the voice: there the rounding of
    # any float32 transform shows, Kaldi's own as well.
    pcm, rate = soundfile.read(ROOT / "samples" / name, dtype="int16", always_2d=True)
    samples = _wave(Channel(np.ascontiguousarray(pcm[:, 0]), rate))
    ours = front_ends[0].filter_bank(samples)[0].numpy()
    kaldi, exact = _kaldi(samples[0].numpy()), _in_double_precision(samples[0].numpy())
    assert rate == NARROWBAND_HZ
    for front_end in front_ends:
        difference = _deviations(front_end, ours, kaldi)
        assert (difference < 1e-4).mean() > 0.9998
        assert difference.max() < 5e-4
        assert _deviations(front_end, ours, exact).max() < 3e-4
        assert _deviations(front_end, kaldi, exact).max() > 1e-4


def _plain(config: FrontendConfig) -> FrontEnd:
    return FrontEnd(config, Cmvn(np.zeros(config.features, np.float32), np.ones(config.features, np.float32)))


@pytest.mark.parametrize(
    ("config", "frames", "expected"),
    [
        (SENSE_VOICE, 1, [[0] * 7]),
        (SENSE_VOICE, 6, [[0, 0, 0, 0, 1, 2, 3]]),
        (SENSE_VOICE, 8, [[0, 0, 0, 0, 1, 2, 3], [3, 4, 5, 6, 7, 7, 7]]),
        (VAD, 3, [[0, 0, 0, 1, 2], [0, 0, 1, 2, 2], [0, 1, 2, 2, 2]]),
    ],
)
def test_frames_are_stacked_around_their_middle(config: FrontendConfig, frames: int, expected: list[list[int]]) -> None:
    energies = torch.arange(frames).float().view(1, frames, 1).expand(1, frames, 80)
    stacked = _plain(config).stack(energies, [frames])
    assert stacked.shape[1] == len(expected)
    assert stacked[0].view(len(expected), -1, 80)[:, :, 0].tolist() == expected


@pytest.mark.parametrize("config", [SENSE_VOICE, VAD])
def test_padding_reaches_no_frame_of_a_shorter_sound(config: FrontendConfig) -> None:
    front_end = _plain(config)
    sounds = [_wave(babble(duration_ms, seed=duration_ms))[0] for duration_ms in (700, 2_000, 25)]
    frames = [front_end.filter_bank.frames(len(sound)) for sound in sounds]
    padded = [torch.nn.functional.pad(sound, (0, 40_000 - len(sound)), value=0.9) for sound in sounds]
    together = front_end(torch.stack(padded), frames)
    assert together.shape[1] == front_end.stacks(32_000)
    for sound, own, row in zip(sounds, frames, together, strict=True):
        alone = front_end(sound.unsqueeze(0), [own])[0]
        np.testing.assert_allclose(row[: len(alone)], alone, atol=1e-5)


def test_the_steps_of_a_long_sound_leave_no_seam() -> None:
    bank = FilterBank(VAD)
    samples = _wave(babble(12_345, seed=7))
    at_once = bank._energies(samples, 0, bank.frames(samples.shape[1]))
    np.testing.assert_allclose(bank(samples), at_once, atol=1e-5)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_a_frame_counts_only_when_it_is_whole(samples: int, frames: int) -> None:
    assert FilterBank(SENSE_VOICE).frames(samples) == frames
