"""Linear layers as a CPU wants them: weights laid out for its matrix units, what follows fused into the product."""

from __future__ import annotations

import os

import torch
from torch import Tensor, nn
from typing_extensions import override

from workers.recogniser.encoder import Linear

# What torch's compiler emits for a CPU; there is no public way to it but compiling, which needs a C++ compiler on the
# host. The exact version of torch is pinned, and a test holds these to the plain layers.
_reorder = torch.ops.mkldnn._reorder_linear_weight  # noqa: SLF001
_product = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
_knows_bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported  # noqa: SLF001


_CORE_KERNELS = 32
"""What oneDNN keeps for each core: a batch needs a dozen, one for each shape of a layer and of its input."""


def bound_kernel_caches(cores: int) -> None:
    """
    Keep oneDNN, and torch's layer above it, from remembering a thousand shapes: nearly every batch has another.

    To be called before the first batch. A worker would grow by a gigabyte within its first hundreds of recordings; to
    prepare a kernel anew costs less than can be measured.
    """
    for variable in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(variable, str(_CORE_KERNELS * cores))  # noqa: TID251 - there is no other way to tell them


class _PackedLinear(nn.Module):
    """A `Linear` whose weight only oneDNN can read."""

    def __init__(self, linear: Linear) -> None:
        super().__init__()
        self.weight = _reorder(linear.weight.detach())
        self.bias = linear.bias.detach()

    @override
    def forward(self, x: Tensor, *, added: Tensor | None = None, relu: bool = False) -> Tensor:
        y: Tensor
        if added is None:
            y = _product(x, self.weight, self.bias, "relu" if relu else "none", [], "")
        else:
            y = _product.binary(x, added, self.weight, self.bias, "add")
        return y


def can_pack(dtype: torch.dtype) -> bool:
    """Say whether this CPU's kernels know that number format."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return dtype is torch.float32 or (dtype is torch.bfloat16 and bool(_knows_bf16()))


def pack(network: nn.Module) -> None:
    """Replace each `Linear` in a network, which is on the CPU, by one that is packed; the weights themselves go."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, Linear):
                setattr(module, name, _PackedLinear(child))
