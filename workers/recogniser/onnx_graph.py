"""
The network of SenseVoiceSmall as an ONNX graph, made of the operators that ONNX Runtime is fastest at on a CPU.

It computes what `workers.recogniser.encoder` does, in fp32, or with its linear layers in int8: weights on a scale for
each output, activations on one for the whole batch, found as they come. Weights are signed and activations are not:
the pairing that VNNI and AMX have instructions for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from typing_extensions import override

from workers.recogniser.checkpoint import EncoderConfig
from workers.recogniser.encoder import PREFIX_FRAMES

GRAPH_VERSION = 1
"""Raised with every change here that changes a graph: what an older version built is then built anew."""

Weights = Mapping[str, Tensor]
"""By FunASR's names, in any number format."""
Dtype = Literal["fp32", "int8"]
Edge = str
"""Output of a node, a constant, or an input of the graph."""

_OPSETS = [helper.make_opsetid("", 24), helper.make_opsetid("com.microsoft", 1)]
_IR_VERSION = 11
_EPSILON = 1e-5
"""Of torch's layer norm."""
_SLICE_TOKENS = 4_096
"""Tokens that every frame is scored for at once: a whole vocabulary's scores would be the largest tensor by far."""
_GROUP_TOKENS = 64
"""The best token is looked for in the best group of so many: the maximum of a group is vectorised, its place isn't."""
_IMPOSSIBLE = -1e30
"""Score of what fills up the last group."""
_SMALLEST_SCALE = np.float32(1e-20)
"""Of activations or weights that are all zero."""


def build_graph(weights: Weights, config: EncoderConfig, *, dtype: Dtype, largest: int = 127) -> onnx.ModelProto:
    """
    Build the graph.

    Parameters
    ----------
    weights : mapping of str to Tensor
        All of the network's, in the shapes that the config says.
    config : EncoderConfig
        Sizes.
    dtype : {"fp32", "int8"}
        Of the linear layers; everything else is fp32.
    largest : int
        What the largest weight of an output becomes in int8; 127 at most.

    Returns
    -------
    ModelProto
        Takes ``features`` (float32, shape (batch, frames, features)), ``lengths`` (int64, shape (batch,)) and
        ``queries`` (int64, shape (batch, PREFIX_FRAMES): rows of the query embedding). Returns ``ids`` (int64, shape
        (batch, PREFIX_FRAMES + frames)) and ``scores`` (float32, shape (batch, PREFIX_FRAMES - 1, vocabulary)).
    """
    network = _QuantisedNetwork(weights, config, largest=largest) if dtype == "int8" else _Network(weights, config)
    network.read()
    features, vocabulary = weights["embed.weight"].shape[1], len(weights["ctc.ctc_lo.bias"])
    inputs = {
        "features": (TensorProto.FLOAT, ("batch", "frames", features)),
        "lengths": (TensorProto.INT64, ("batch",)),
        "queries": (TensorProto.INT64, ("batch", PREFIX_FRAMES)),
    }
    outputs = {
        "ids": (TensorProto.INT64, ("batch", "output_frames")),
        "scores": (TensorProto.FLOAT, ("batch", PREFIX_FRAMES - 1, vocabulary)),
    }
    graph = helper.make_graph(
        network.nodes,
        "sense_voice",
        inputs=[helper.make_tensor_value_info(name, *kind) for name, kind in inputs.items()],
        outputs=[helper.make_tensor_value_info(name, *kind) for name, kind in outputs.items()],
        initializer=network.constants,
    )
    return helper.make_model(graph, opset_imports=_OPSETS, ir_version=_IR_VERSION, producer_name="callscope")


class _Writer:
    """A graph, written node by node."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: Edge, output: Edge = "", **attributes: Any) -> Edge:  # noqa: ANN401 - as in ONNX
        """Add an operator with one output."""
        output = output or f"{kind}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, value: NDArray[np.generic] | np.generic) -> Edge:
        """Add a constant, scalars as such."""
        name = f"constant.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def integers(self, *values: int) -> Edge:
        """Add a vector of int64: a shape, or axes."""
        return self.constant(np.array(values, dtype=np.int64))

    def count(self, length: Edge) -> Edge:
        """Return 0, 1, ... up to a length, which is a vector of one."""
        zero, one = self.constant(np.int64(0)), self.constant(np.int64(1))
        return self.op("Range", zero, self.op("Squeeze", length), one)


@dataclass(frozen=True, slots=True)
class _Batch:
    """How the rows of a batch, its frames one below the other, belong together."""

    lengths: Edge
    """int64, shape (batch,): own frames of each item, its prefix among them."""
    own: Edge
    """0 or 1, shape (rows, 1): whether a row is an item's own or padding."""
    grid: Edge
    """Shape (batch, frames)."""
    items: Edge
    """Shape (batch, frames, size)."""
    images: Edge
    """Shape (batch, 1, frames, size)."""


class _Network(_Writer):
    """The graph in fp32. Edges are rows, shape (batch * frames, size), but where neighbours are looked at."""

    def __init__(self, weights: Weights, config: EncoderConfig) -> None:
        super().__init__()
        self.weights = weights
        self.config = config

    def read(self) -> None:
        """Write all of it."""
        x, batch = self._enter()
        for index in range(self.config.num_blocks):
            name = f"encoder.encoders.{index - 1}" if index else "encoder.encoders0.0"
            x = self._block(x, batch, name)
        x = self._norm(x, "encoder.after_norm")
        for index in range(self.config.tp_blocks):
            x = self._block(x, batch, f"encoder.tp_encoders.{index}")
        self._name_tokens(self._norm(x, "encoder.tp_norm"), batch)

    def linear(self, x: Edge, name: str, outputs: slice = slice(None), *, multiple: int = 1) -> Edge:
        """Multiply by some of a layer's outputs, which are filled up to a multiple, and add its bias."""
        weight, bias = self._layer(name, outputs, multiple)
        return self.op("Gemm", x, self.constant(weight), self.constant(bias), transB=1)

    def relu(self, x: Edge) -> Edge:
        """Return what is positive, in the form that `linear` takes."""
        return self.op("Relu", x)

    def weight(self, name: str, outputs: slice = slice(None)) -> NDArray[np.float32]:
        """Return a weight, not to be written to; all of them at once would be a gigabyte."""
        array: NDArray[np.float32] = self.weights[name][outputs].float().numpy()
        return array

    def _layer(self, name: str, outputs: slice, multiple: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight, bias = (self.weight(f"{name}.{part}", outputs) for part in ("weight", "bias"))
        more = -len(bias) % multiple
        return np.pad(weight, ((0, more), (0, 0))), np.pad(bias, (0, more), constant_values=_IMPOSSIBLE)

    def _enter(self) -> tuple[Edge, _Batch]:
        """Put the prefix ahead of the features, add positions, and take padding out."""
        embedding = self.weight("embed.weight")
        prefix = self.op("Gather", self.constant(embedding), "queries")
        x = self.op("Concat", prefix, "features", axis=1)
        size, frames, any_size = self.op("Shape", x, end=1), self.op("Shape", x, start=1, end=2), self.integers(-1)
        grid = self.op("Concat", size, frames, axis=0)
        lengths = self.op("Add", "lengths", self.constant(np.int64(PREFIX_FRAMES)))
        places = self.count(frames)
        own = self.op("Less", places, self.op("Unsqueeze", lengths, self.integers(1)))
        batch = _Batch(
            lengths=lengths,
            own=self.op("Reshape", self.op("Cast", own, to=TensorProto.FLOAT), self.integers(-1, 1)),
            grid=grid,
            items=self.op("Concat", grid, any_size, axis=0),
            images=self.op("Concat", size, self.integers(1), frames, any_size, axis=0),
        )
        scale = np.float32(self.config.output_size**0.5)
        x = self.op("Add", self.op("Mul", x, self.constant(scale)), self._positions(places, embedding.shape[1]))
        x = self.op("Reshape", x, self.integers(-1, embedding.shape[1]))
        # Padding takes part in the scale of a quantised batch: it must not be what decides it.
        return self.op("Mul", x, batch.own), batch

    def _positions(self, places: Edge, size: int) -> Edge:
        """Return sines, then cosines, of positions from 1; shape (frames, size)."""
        rates = np.exp(np.arange(size // 2, dtype=np.float32) * np.float32(-np.log(10_000.0) / (size // 2 - 1)))
        positions = self.op("Cast", self.op("Add", places, self.constant(np.int64(1))), to=TensorProto.FLOAT)
        angles = self.op("Mul", self.op("Unsqueeze", positions, self.integers(1)), self.constant(rates))
        return self.op("Concat", self.op("Sin", angles), self.op("Cos", angles), axis=1)

    def _block(self, x: Edge, batch: _Batch, name: str) -> Edge:
        attended = self._attention(self._norm(x, f"{name}.norm1"), batch, f"{name}.self_attn")
        # The first block has no way around its attention where it changes the size.
        is_residual = len(self.weights[f"{name}.norm1.bias"]) == self.config.output_size
        x = self.op("Add", x, attended) if is_residual else attended
        inner = self.relu(self.linear(self._norm(x, f"{name}.norm2"), f"{name}.feed_forward.w_1"))
        return self.op("Add", x, self.linear(inner, f"{name}.feed_forward.w_2"))

    def _norm(self, x: Edge, name: str) -> Edge:
        weight, bias = (self.constant(self.weight(f"{name}.{part}")) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, weight, bias, epsilon=_EPSILON)

    def _attention(self, x: Edge, batch: _Batch, name: str) -> Edge:
        size, heads = self.config.output_size, self.config.attention_heads
        # Three products, because splitting one of them would cost a copy.
        query, key, value = (
            self.linear(x, f"{name}.linear_q_k_v", slice(start, start + size)) for start in (0, size, 2 * size)
        )
        items = (self.op("Reshape", edge, batch.items) for edge in (query, key, value))
        attended = self.op("Attention", *items, "", "", "", batch.lengths, q_num_heads=heads, kv_num_heads=heads)
        joined = self.linear(self.op("Reshape", attended, self.integers(-1, size)), f"{name}.linear_out")
        return self.op("Add", joined, self._memory(value, batch, f"{name}.fsmn_block"))

    def _memory(self, value: Edge, batch: _Batch, name: str) -> Edge:
        """Convolve each channel over an item's own frames, and add the channel itself."""
        kernel = self.weight(f"{name}.weight").copy()
        size, _, length = kernel.shape
        before = (length - 1) // 2 + self.config.sanm_shfit
        kernel[:, 0, before] += 1  # adds the channel itself
        # As images of one line: ONNX Runtime has a vectorised layout for these alone.
        x = self.op("Reshape", self.op("Mul", value, batch.own), batch.images)
        x = self.op(
            "Conv",
            self.op("Transpose", x, perm=(0, 3, 1, 2)),
            self.constant(kernel[:, :, np.newaxis, :]),
            group=size,
            kernel_shape=(1, length),
            pads=(0, before, 0, length - 1 - before),
        )
        return self.op("Reshape", self.op("Transpose", x, perm=(0, 2, 3, 1)), self.integers(-1, size))

    def _name_tokens(self, x: Edge, batch: _Batch) -> None:
        """Return the best token of each frame and the scores of the prefixes, slice by slice of the vocabulary."""
        vocabulary = len(self.weights["ctc.ctc_lo.bias"])
        rows = self.op("Reshape", self.count(self.op("Shape", x, end=1)), batch.grid)
        tags = self.op("Slice", rows, self.integers(0), self.integers(PREFIX_FRAMES - 1), self.integers(1))
        peaks, ids, scores_of_tags = [], [], []
        for start in range(0, vocabulary, _SLICE_TOKENS):
            scores = self.linear(x, "ctc.ctc_lo", slice(start, start + _SLICE_TOKENS), multiple=_GROUP_TOKENS)
            groups = self.op("Reshape", scores, self.integers(0, -1, _GROUP_TOKENS))
            group = self.op("ArgMax", self.op("ReduceMax", groups, self.integers(2), keepdims=0), axis=1)
            best_group = self.op("GatherND", groups, group, batch_dims=1)
            first = self.op("Mul", group, self.constant(np.int64(_GROUP_TOKENS)))
            token = self.op("Add", first, self.op("ArgMax", best_group, axis=1))
            ids.append(self.op("Add", token, self.constant(np.int64(start))))
            peaks.append(self.op("ReduceMax", best_group, self.integers(1)))
            scores_of_tags.append(self.op("Gather", scores, tags))
        best = self.op("ArgMax", self.op("Concat", *peaks, axis=1), axis=1)
        token = self.op("GatherElements", self.op("Concat", *ids, axis=1), best, axis=1)
        self.op("Reshape", token, batch.grid, output="ids")
        scores = self.op("Concat", *scores_of_tags, axis=2)
        self.op("Slice", scores, self.integers(0), self.integers(vocabulary), self.integers(2), output="scores")


@dataclass(frozen=True, slots=True)
class _Quantised:
    """Activations in eight unsigned bits: ``(values - zero) * scale``."""

    values: Edge
    scale: Edge
    zero: Edge


class _QuantisedNetwork(_Network):
    """The graph with linear layers in int8."""

    def __init__(self, weights: Weights, config: EncoderConfig, *, largest: int) -> None:
        super().__init__(weights, config)
        self.largest = np.float32(largest)
        self._quantised: dict[Edge, _Quantised] = {}

    @override
    def linear(self, x: Edge, name: str, outputs: slice = slice(None), *, multiple: int = 1) -> Edge:
        weight, bias = self._layer(name, outputs, multiple)
        scale = np.maximum(np.abs(weight).max(axis=1) / self.largest, _SMALLEST_SCALE)
        integers = np.rint(weight / scale[:, np.newaxis]).astype(np.int8).T
        y = self._quantise(x)
        edges = (y.values, self.constant(integers), y.scale, self.constant(scale), y.zero, "", self.constant(bias))
        return self.op("MatMulIntegerToFloat", *edges, domain="com.microsoft")

    @override
    def relu(self, x: Edge) -> Edge:
        # What lies below the smallest integer is cut off: with zero there, quantising is the ReLU, and saves a pass.
        peak = self.op("Div", self.op("ReduceMax", x, keepdims=0), self.constant(np.float32(255)))
        scale, zero = self.op("Max", peak, self.constant(_SMALLEST_SCALE)), self.constant(np.uint8(0))
        self._quantised[x] = _Quantised(self.op("QuantizeLinear", x, scale, zero), scale, zero)
        return x

    def _quantise(self, x: Edge) -> _Quantised:
        """Return the same for every layer that takes this edge."""
        if x not in self._quantised:
            names = [f"{x}.{part}" for part in ("values", "scale", "zero")]
            self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], names, name=f"{x}.quantised"))
            self._quantised[x] = _Quantised(*names)
        return self._quantised[x]
