"""What only speed is made of changes nothing: packed weights, tiles, the search for the best token, the memory."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.checkpoints import BPE_MODEL
from workers.recogniser.checkpoint import EncoderConfig, SenseVoiceCheckpoint, load_weights
from workers.recogniser.encoder import Linear, SenseVoice, _Attention
from workers.recogniser.packing import can_pack, pack
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.torch_network import _GROUP, TorchNetwork, _fill_up, _most_probable

pytestmark = pytest.mark.unit


def _random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_a_packed_layer_is_the_layer(dtype: torch.dtype) -> None:
    if not can_pack(dtype):
        pytest.skip(f"no packed kernels for {dtype} on this CPU")
    torch.manual_seed(2)
    plain = nn.ModuleDict({"layer": Linear(48, 80)}).to(dtype)
    packed = nn.ModuleDict({"layer": Linear(48, 80)}).to(dtype)
    packed.load_state_dict(plain.state_dict())
    pack(packed)
    assert not isinstance(packed["layer"], Linear)
    x, added = _random(3, 17, 48).to(dtype), _random(3, 17, 80, seed=3).to(dtype)
    atol, rtol = (1e-5, 1e-5) if dtype is torch.float32 else (0.03, 0.02)
    for options in ({}, {"relu": True}, {"added": added}):
        torch.testing.assert_close(packed["layer"](x, **options), plain["layer"](x, **options), atol=atol, rtol=rtol)


@torch.inference_mode()
def test_a_layer_adds_and_cuts_off() -> None:
    layer, x, added = Linear(6, 5), _random(2, 3, 6), _random(2, 3, 5, seed=2)
    product = functional.linear(x, layer.weight, layer.bias)
    kept = added.clone()
    torch.testing.assert_close(layer(x, added=added), product + added)
    torch.testing.assert_close(layer(x, relu=True), product.clamp_min(0))
    assert torch.equal(added, kept)


@pytest.mark.parametrize("shift", [0, 2])
@torch.inference_mode()
def test_the_memory_is_stock_funasr_s_convolution(shift: int) -> None:
    config = EncoderConfig(output_size=16, attention_heads=2, kernel_size=11, sanm_shfit=shift)
    attention = _Attention(config, 16)
    values = _random(2, 9, 16)
    margins = (5 + shift, 5 - shift)
    expected = attention.fsmn_block(functional.pad(values.transpose(1, 2), margins)).transpose(1, 2)
    torch.testing.assert_close(attention._remember(values), expected)


@pytest.fixture
def network(checkpoint: SenseVoiceCheckpoint) -> SenseVoice:
    with torch.device("meta"):
        network = SenseVoice(
            checkpoint.config.encoder_conf, features=560, vocabulary=Tokenizer(checkpoint.tokenizer).size
        )
    load_weights(network, checkpoint.weights, folder=checkpoint.folder)
    return network.float().eval()


@torch.inference_mode()
def test_padding_to_tiles_changes_no_frame(network: SenseVoice) -> None:
    lengths = [24, 13, 1]
    features = _random(3, 24, 560)
    exact = network(features, lengths, [None] * 3)
    network.tiles = (29,)
    assert network._spare(28) == 1
    tiled = network(features, lengths, [None] * 3)
    assert tiled.shape == exact.shape == (3, 28, 64)
    for item, length in enumerate(lengths):
        torch.testing.assert_close(tiled[item, : 4 + length], exact[item, : 4 + length], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("frames", "spare"), [(96, 0), (90, 0), (91, 5), (87, 1), (84, 4), (37, 0), (39, 1), (241, 15), (5, 0)]
)
def test_only_tiles_that_are_near_are_filled(network: SenseVoice, frames: int, spare: int) -> None:
    network.tiles = (16, 8)
    assert network._spare(frames) == spare
    network.tiles = ()
    assert network._spare(frames) == 0


@torch.inference_mode()
def test_what_a_frame_s_padding_holds_changes_nothing(network: SenseVoice) -> None:
    features = _random(2, 20, 560)
    exact = network(features[1:, :7], [7], [None])
    features[1, 7:] = 1e3
    torch.testing.assert_close(network(features, [20, 7], [None] * 2)[1:, :11], exact, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_most_probable_token_is_the_first_of_the_highest(dtype: torch.dtype) -> None:
    scores = (_random(50, 3 * _GROUP) * 4).round().to(dtype)
    assert torch.equal(_most_probable(scores), scores.float().argmax(dim=1))


@torch.inference_mode()
def test_the_vocabulary_is_filled_up_with_what_is_never_said() -> None:
    head = Linear(8, 300)
    head.bias.fill_(-1e4)
    x = _random(4, 8)
    expected = head(x)
    _fill_up(head)
    scores = head(x)
    assert scores.shape == (4, 2 * _GROUP)
    torch.testing.assert_close(scores[:, :300], expected)
    assert (scores[:, 300:] == -math.inf).all()
    assert (_most_probable(scores) < 300).all()


def test_the_network_says_what_it_is_and_what_of_whom(checkpoint: SenseVoiceCheckpoint) -> None:
    vocabulary = Tokenizer(checkpoint.folder / BPE_MODEL).size
    network = TorchNetwork(checkpoint, vocabulary=vocabulary, device=torch.device("cpu"), dtype="bf16")
    assert network.name == "torch-bf16"
    ids, scores = network.read(_random(2, 10, 560), [10, 8], [None, None])
    assert ids.shape == (2, 14)
    assert ids.dtype == torch.int64
    assert scores.shape == (2, 3, vocabulary)
    assert scores.dtype == torch.float32


def test_the_published_shape_has_its_parameters() -> None:
    config = EncoderConfig(output_size=512, attention_heads=4, linear_units=2048, num_blocks=50, tp_blocks=20)
    with torch.device("meta"):
        network = SenseVoice(config, features=560, vocabulary=25_055)
    assert sum(weight.numel() for weight in network.parameters()) == 233_999_167
