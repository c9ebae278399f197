from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.checkpoint import PUBLISHED, QUICK, VadSizes, bench_checkpoint, sense_voice_weights, vad_weights
from workers.recogniser.checkpoint import EncoderConfig, FsmnConfig, read_sense_voice, read_vad
from workers.recogniser.encoder import SenseVoice
from workers.recogniser.hub import CheckpointFolder
from workers.recogniser.vad import Fsmn

pytestmark = pytest.mark.unit


def test_the_published_shape_has_234_million_weights() -> None:
    config = EncoderConfig(output_size=512, linear_units=2048, num_blocks=50, tp_blocks=20)
    with torch.device("meta"):
        network = SenseVoice(config, features=560, vocabulary=PUBLISHED.vocabulary)
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(234.0e6, rel=1e-4)
    assert (PUBLISHED.output_size, PUBLISHED.linear_units) == (config.output_size, config.linear_units)
    assert (PUBLISHED.num_blocks, PUBLISHED.tp_blocks) == (config.num_blocks, config.tp_blocks)


def test_weights_have_the_names_and_shapes_of_the_network() -> None:
    sizes = QUICK
    config = EncoderConfig(
        output_size=sizes.output_size,
        linear_units=sizes.linear_units,
        num_blocks=sizes.num_blocks,
        tp_blocks=sizes.tp_blocks,
    )
    with torch.device("meta"):
        network = SenseVoice(config, features=560, vocabulary=99).state_dict()
    weights = sense_voice_weights(sizes, vocabulary=99)
    assert {name: weight.shape for name, weight in weights.items()} == {n: w.shape for n, w in network.items()}


def test_the_detector_is_of_the_published_shape() -> None:
    config = FsmnConfig(
        input_dim=400,
        input_affine_dim=140,
        fsmn_layers=4,
        linear_dim=250,
        proj_dim=128,
        lorder=20,
        rorder=0,
        lstride=1,
        rstride=0,
        output_affine_dim=140,
        output_dim=248,
    )
    with torch.device("meta"):
        network = Fsmn(config).state_dict()
    weights = vad_weights(VadSizes())
    assert {name: w.shape for name, w in weights.items()} == {f"encoder.{n}": w.shape for n, w in network.items()}


def test_a_checkpoint_is_built_once_and_the_same_every_time(tmp_path: Path) -> None:
    folder = bench_checkpoint(tmp_path / "first", QUICK)
    built = (folder / "model.pt").stat().st_mtime_ns
    assert (bench_checkpoint(folder, QUICK) / "model.pt").stat().st_mtime_ns == built
    other = bench_checkpoint(tmp_path / "other", QUICK)
    first, second = (read_sense_voice(CheckpointFolder("bench", each)) for each in (folder, other))
    assert first.weights.keys() == second.weights.keys()
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert read_vad(CheckpointFolder("bench", folder / "vad")).config.encoder_conf.output_dim == 248
