"""Checkpoint folders for tests: the bench's builder, and a detector whose scores are random."""

from __future__ import annotations

from pathlib import Path

from bench.checkpoint import (
    BPE_MODEL,
    PUBLISHED,
    TAGS,
    VAD_FEATURES,
    Sizes,
    VadSizes,
    build_sense_voice,
    vad_weights,
    write_vad,
)

__all__ = ["BPE_MODEL", "PUBLISHED", "TAGS", "Sizes", "build_sense_voice", "build_vad"]


def build_vad(folder: Path, *, seed: int = 1, rorder: int = 0) -> Path:
    """Write a speech detector's folder; the same arguments give the same weights."""
    sizes = VadSizes(
        input_affine_dim=48,
        fsmn_layers=3,
        linear_dim=64,
        proj_dim=32,
        rorder=rorder,
        output_affine_dim=48,
        output_dim=24,
    )
    # As torch draws them, the biases outweigh the sound and every score is the same.
    weights = {name: value * (1.8 if value.dim() > 1 else 0.3) for name, value in vad_weights(sizes, seed=seed).items()}
    shift = [-8.0 - 0.005 * index for index in range(VAD_FEATURES)]
    scale = [0.15 + 0.0001 * index for index in range(VAD_FEATURES)]
    return write_vad(folder, sizes, weights, shift=shift, scale=scale)
