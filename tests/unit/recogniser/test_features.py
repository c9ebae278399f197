"""Features against Kaldi's own filter bank, as FunASR's front ends stack it."""

import numpy as np
import pytest
import torch
from kaldi_native_fbank import FbankOptions, OnlineFbank  # type: ignore[import-untyped]
from numpy.typing import NDArray

from callscope.ports import SAMPLE_RATE_HZ, Samples
from tests.sounds import babble
from workers.recogniser.checkpoint import Cmvn, FrontendConfig, SenseVoiceCheckpoint
from workers.recogniser.features import FilterBank, FrontEnd

pytestmark = pytest.mark.unit

SENSE_VOICE = FrontendConfig(lfr_m=7, lfr_n=6)
VAD = FrontendConfig(lfr_m=5, lfr_n=1)


def _kaldi(samples: Samples) -> NDArray[np.float32]:
    options = FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = 80
    options.energy_floor = 0
    bank = OnlineFbank(options)
    bank.accept_waveform(SAMPLE_RATE_HZ, (samples * 32_768).tolist())
    bank.input_finished()
    return np.stack([bank.get_frame(index) for index in range(bank.num_frames_ready)])


@pytest.mark.parametrize(
    "samples",
    [
        babble(3_000, seed=1),
        np.random.default_rng(1).normal(scale=0.1, size=48_000).astype(np.float32),
        np.zeros(8_000, dtype=np.float32),
        np.sign(babble(1_000, seed=2)),
        babble(1_000, seed=3) + np.float32(0.02),
    ],
    ids=["voiced", "noise", "digital silence", "clipped", "offset"],
)
def test_the_filter_bank_is_kaldi_s(samples: Samples) -> None:
    ours = FilterBank(SENSE_VOICE)(torch.from_numpy(samples)).numpy()
    theirs = _kaldi(samples)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_features_are_within_1e_4_of_kaldi_s(checkpoint: SenseVoiceCheckpoint) -> None:
    samples = babble(5_000, seed=4)
    front_end = FrontEnd(SENSE_VOICE, checkpoint.cmvn)
    energies = torch.from_numpy(_kaldi(samples)).unsqueeze(0)
    frames = energies.shape[1]
    reference = front_end.stack(energies, [frames], first=0, count=front_end.stacks(len(samples)))
    ours = front_end(torch.from_numpy(samples).unsqueeze(0), [frames])
    np.testing.assert_allclose(ours, reference, atol=1e-4)


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
    stacked = _plain(config).stack(energies, [frames], first=0, count=len(expected))
    assert stacked[0].view(len(expected), -1, 80)[:, :, 0].tolist() == expected


def test_padding_reaches_no_frame_of_a_shorter_sound(checkpoint: SenseVoiceCheckpoint) -> None:
    front_end = FrontEnd(SENSE_VOICE, checkpoint.cmvn)
    short, long = torch.from_numpy(babble(700, seed=5)), torch.from_numpy(babble(2_000, seed=6))
    frames = [front_end.filter_bank.frames(len(sound)) for sound in (short, long)]
    padded = torch.nn.functional.pad(short, (0, len(long) - len(short)), value=0.9)
    both = front_end(torch.stack((padded, long)), frames)
    alone = front_end(short.unsqueeze(0), frames[:1])[0]
    np.testing.assert_allclose(both[0, : len(alone)], alone, atol=1e-5)


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_a_frame_counts_only_when_it_is_whole(samples: int, frames: int) -> None:
    assert FilterBank(SENSE_VOICE).frames(samples) == frames
