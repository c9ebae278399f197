"""The graph computes what the module does, whatever its sizes."""

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from callscope.calls import Language
from workers.recogniser.checkpoint import EncoderConfig
from workers.recogniser.encoder import SenseVoice, query_rows
from workers.recogniser.onnx_graph import Dtype, build_graph

pytestmark = pytest.mark.unit

FEATURES = 48
LENGTHS = [30, 1, 17, 29]
LANGUAGES = [None, Language.ZH, None, Language.JA]
SMALL = EncoderConfig(output_size=32, attention_heads=4, linear_units=64, num_blocks=2, tp_blocks=1)
SIZES = {
    "small": (SMALL, 100),
    "several slices of the vocabulary": (SMALL, 9_000),
    "as many tokens as fill the groups": (SMALL, 128),
    "a way around the first block": (SMALL.model_copy(update={"output_size": FEATURES}), 100),
    "a memory that looks ahead less": (SMALL.model_copy(update={"sanm_shfit": 3}), 100),
    "an even kernel": (SMALL.model_copy(update={"kernel_size": 6}), 100),
    "no second stack": (SMALL.model_copy(update={"tp_blocks": 0}), 100),
}


def _network(config: EncoderConfig, vocabulary: int) -> SenseVoice:
    torch.manual_seed(7)
    return SenseVoice(config, features=FEATURES, vocabulary=vocabulary).eval()


def _features() -> torch.Tensor:
    return torch.randn(len(LENGTHS), max(LENGTHS), FEATURES, generator=torch.Generator().manual_seed(8))


def _run(
    network: SenseVoice, config: EncoderConfig, features: torch.Tensor, *, dtype: Dtype, largest: int = 127
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    graph = build_graph(network.state_dict(), config, dtype=dtype, largest=largest)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    queries = np.array(query_rows(LANGUAGES))
    ids, scores = session.run(
        ["ids", "scores"], {"features": features.numpy(), "lengths": np.array(LENGTHS), "queries": queries}
    )
    return ids, scores


@pytest.mark.parametrize(("config", "vocabulary"), SIZES.values(), ids=SIZES)
@torch.inference_mode()
def test_the_graph_reads_what_the_module_reads(config: EncoderConfig, vocabulary: int) -> None:
    network, features = _network(config, vocabulary), _features()
    expected = network.logits(network(features, LENGTHS, LANGUAGES))
    ids, scores = _run(network, config, features, dtype="fp32")
    assert ids.shape == (4, 34)
    assert scores.shape == (4, 3, vocabulary)
    np.testing.assert_allclose(scores, expected[:, :3], atol=1e-5)
    for item, length in enumerate(LENGTHS):
        assert ids[item, : 4 + length].tolist() == expected[item, : 4 + length].argmax(dim=1).tolist()


@pytest.mark.parametrize("largest", [127, 63])
@torch.inference_mode()
def test_int8_is_near(largest: int) -> None:
    network, features = _network(SMALL, 100), _features()
    expected = network.logits(network(features, LENGTHS, LANGUAGES))
    ids, scores = _run(network, SMALL, features, dtype="int8", largest=largest)
    np.testing.assert_allclose(scores, expected[:, :3], atol=0.1)
    own = np.arange(34) < np.array(LENGTHS)[:, np.newaxis] + 4
    assert (ids == expected.argmax(dim=2).numpy())[own].mean() > 0.8


@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_what_padding_holds_changes_nothing(dtype: Dtype) -> None:
    network, features = _network(SMALL, 100), _features()
    ids, scores = _run(network, SMALL, features, dtype=dtype)
    for item, length in enumerate(LENGTHS):
        features[item, length:] = 1e4
    again, scores_again = _run(network, SMALL, features, dtype=dtype)
    np.testing.assert_array_equal(scores, scores_again)
    for item, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(ids[item, : 4 + length], again[item, : 4 + length])


@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_weights_and_sound_that_are_all_zero_are_read(dtype: Dtype) -> None:
    network = _network(SMALL, 100)
    for weight in network.parameters():
        weight.data.zero_()
    ids, scores = _run(network, SMALL, torch.zeros_like(_features()), dtype=dtype)
    assert not ids.any()  # the first of equals
    assert not scores.any()


@pytest.mark.parametrize("largest", [127, 63])
def test_each_output_of_a_layer_has_its_own_scale(largest: int) -> None:
    graph = build_graph(_network(SMALL, 128).state_dict(), SMALL, dtype="int8", largest=largest)
    layers = [numpy_helper.to_array(constant) for constant in graph.graph.initializer]
    layers = [layer for layer in layers if layer.dtype == np.int8]
    assert len(layers) == 3 * 6 + 1
    assert all((np.abs(layer.astype(np.int16)).max(axis=0) == largest).all() for layer in layers)
