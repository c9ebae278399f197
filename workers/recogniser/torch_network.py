"""SenseVoiceSmall on torch, on any of its devices, in fp32 or bf16."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from callscope.calls import Language
from callscope.errors import CheckpointInvalid
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, load_weights
from workers.recogniser.encoder import PREFIX_FRAMES, Linear, SenseVoice
from workers.recogniser.packing import can_pack, pack

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_CPU_BATCH_FRAMES, _BATCH_FRAMES = 1_500, 10_000
"""Frames (60 ms) of a batch: more than 90 s of speech gain nothing on a core; a GPU is estimated to fill with 600 s."""
_CPU_TILES = (16, 8)
"""Frames: a CPU's attention in bf16 takes up to twice the time where a batch isn't a multiple of one of them."""
_GROUP = 256
"""Tokens whose highest score is found before the group that holds it is searched: the CPU's argmax isn't vectorised."""
_CPU_SLICE, _SLICE = 128, 4_096
"""Frames whose scores over the whole vocabulary are held at once: they fit a CPU's caches; 200 MB of a GPU, in bf16."""


class TorchNetwork:
    """
    The `workers.recogniser.encoder.Network` of a checkpoint.

    Parameters
    ----------
    checkpoint : SenseVoiceCheckpoint
        Weights and config.
    vocabulary : int
        Number of tokens, the blank included.
    device : torch.device
        Where it runs.
    dtype : {"fp32", "bf16"}
        Of the encoder and the CTC head; prefix and positions are always fp32.

    Raises
    ------
    CheckpointInvalid
        The weights aren't those of the config and the tokenizer.
    """

    def __init__(
        self,
        checkpoint: SenseVoiceCheckpoint,
        *,
        vocabulary: int,
        device: torch.device,
        dtype: Literal["fp32", "bf16"],
    ) -> None:
        config = checkpoint.config
        if config.encoder_conf.output_size % config.encoder_conf.attention_heads:
            raise CheckpointInvalid(f"{checkpoint.folder}: output_size isn't a multiple of attention_heads")
        with torch.device("meta"):
            network = SenseVoice(config.encoder_conf, features=config.frontend_conf.features, vocabulary=vocabulary)
        load_weights(network, checkpoint.weights, folder=checkpoint.folder)
        network.embed.to(device, torch.float32)
        for part in (network.encoder, network.ctc):
            part.to(device, _DTYPES[dtype])
        self.name = f"torch-{dtype}"
        self.batch_frames = _CPU_BATCH_FRAMES if device.type == "cpu" else _BATCH_FRAMES
        self._network = network.eval().requires_grad_(requires_grad=False)
        self._vocabulary = vocabulary
        self._slice = _SLICE
        _fill_up(cast("Linear", network.ctc["ctc_lo"]))
        if device.type == "cpu":
            self._slice = _CPU_SLICE
            if dtype == "bf16":
                network.tiles = _CPU_TILES
            if can_pack(_DTYPES[dtype]):
                pack(network)

    @torch.inference_mode()
    def read(
        self, features: Tensor, lengths: Sequence[int], languages: Sequence[Language | None]
    ) -> tuple[Tensor, Tensor]:
        """Read a batch; see `Network.read`."""
        encoded: Tensor = self._network(features, lengths, languages)
        # The scores of all frames over the whole vocabulary would be a hundred times the features: slice by slice.
        slices = torch.split(encoded.flatten(0, 1), self._slice)
        ids = torch.cat([_most_probable(self._network.logits(part)) for part in slices])
        scores = self._network.logits(encoded[:, : PREFIX_FRAMES - 1])[..., : self._vocabulary]
        return ids.view(encoded.shape[:2]), scores.float()


def _fill_up(head: Linear) -> None:
    """Fill the vocabulary of the CTC head up to whole groups, with tokens that are impossible."""
    spare = -len(head.bias) % _GROUP
    head.weight = nn.Parameter(functional.pad(head.weight, (0, 0, 0, spare)), requires_grad=False)
    head.bias = nn.Parameter(functional.pad(head.bias, (0, spare), value=-math.inf), requires_grad=False)


def _most_probable(scores: Tensor) -> Tensor:
    """Return the index of the highest score in each row, the first of equal ones, shape (rows,)."""
    groups = scores.view(len(scores), -1, _GROUP)
    best = groups.amax(dim=2).argmax(dim=1, keepdim=True)
    within = groups.take_along_dim(best.unsqueeze(2), dim=1).argmax(dim=2)
    return (best * _GROUP + within).squeeze(1)
