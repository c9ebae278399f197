"""
Checkpoint folders in FunASR's own format with weights of our own: the published shape, or as small as a test wants.

What a network costs does not depend on its weights' values, so these stand in for the published ones wherever only
speed is measured. They load in callscope and in stock funasr alike. Two things are set by hand, lest the load differ
from a real one: the speech detector follows the sound's energy, so that it finds the turns which are there; and the
recogniser's blank wins about as often as in real speech, so that as many tokens are spelt and stored.
"""

from __future__ import annotations

import io
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import yaml
from torch import Tensor

from callscope.meaning.tags import EMOTION_TAGS, EVENT_TAGS, ITN_TAGS, LANGUAGE_TAGS

RECIPE = 1
"""Raise it with every change that makes other weights of the same arguments: folders are named by it."""

BPE_MODEL = "chn_jpn_yue_eng_ko_spectok.bpe.model"
TAGS = tuple(f"<|{name}|>" for name in (*LANGUAGE_TAGS, *EMOTION_TAGS, *EVENT_TAGS, *ITN_TAGS))
MELS = 80

_SENTENCES = (
    "the parcel was not shipped for three days",
    "i want a refund please",
    "good morning how can i help you",
    "your order number is one two three four five six",
)
_CHARACTERS = "你好我的订单三天没有发货满减请退款谢谢，。？！0123456789はいありがとうカタコト네감사합니다"
_FIRST_IDEOGRAPH = 0x4E00
_CONTROL_PIECES = 3
_BYTE_PAIRS = 60
_QUERIES = 16

_STACKED, _STRIDE = 7, 6
"""Frames that the recogniser's front end stacks, and the step from one stack to the next."""
_VAD_STACKED = 5
VAD_FEATURES = MELS * _VAD_STACKED

_BLANK_BIAS = 2.85
"""With it the published shape spells about four tokens a second of speech; without it, fourteen."""

_SHIFT = -10.0
_SCALE = 0.2
"""The detector's normalisation: a telephone band's log energies come to lie around 0."""
_HEARD_BANDS = 50
"""Mel bands that a telephone carries; those above are empty."""
_LOUD = 0.0
"""Mean normalised energy from which on the detector calls it speech."""
_LIFT = 1.0
"""Added on the way through the layers, whose rectifiers let nothing negative pass."""
_STEEPNESS = 10.0
"""Log odds by unit of energy; more would saturate, and stock FunASR takes the logarithm of what is left of 1."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a recogniser; the defaults are quick."""

    output_size: int = 64
    attention_heads: int = 4
    linear_units: int = 128
    num_blocks: int = 3
    tp_blocks: int = 2
    kernel_size: int = 11
    vocabulary: int = 0
    """Ideographs are added up to this many tokens; 0: only what the sentences need."""


@dataclass(frozen=True, slots=True)
class VadSizes:
    """Of a speech detector; the defaults are the published ones."""

    input_affine_dim: int = 140
    fsmn_layers: int = 4
    linear_dim: int = 250
    proj_dim: int = 128
    lorder: int = 20
    rorder: int = 0
    output_affine_dim: int = 140
    output_dim: int = 248


QUICK = Sizes()
PUBLISHED = Sizes(output_size=512, linear_units=2048, num_blocks=50, tp_blocks=20, vocabulary=25_055)
"""234.0 M weights with its head."""


def bench_checkpoint(folder: Path, sizes: Sizes = PUBLISHED) -> Path:
    """
    Return a recogniser's folder with its detector under ``vad/``; built when it isn't there yet.

    Parameters
    ----------
    folder : Path
        Made under another name first, so that an interrupted run leaves no half of it.
    sizes : Sizes
        Of the recogniser; the detector is always of the published shape.
    """
    if not folder.is_dir():
        new = folder.with_name(folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        build_sense_voice(new, sizes, blank_bias=_BLANK_BIAS)
        write_vad(new / "vad", VadSizes(), energy_detector_weights())
        new.rename(folder)
    return folder


def build_sense_voice(
    folder: Path, sizes: Sizes = QUICK, *, seed: int = 1, fp16: bool = True, blank_bias: float = 0.0
) -> Path:
    """Write a recogniser's folder; the same arguments give the same weights."""
    folder.mkdir(parents=True)
    vocabulary = _write_tokenizer(folder / BPE_MODEL, least=sizes.vocabulary)
    weights = sense_voice_weights(sizes, vocabulary=vocabulary, seed=seed)
    weights["ctc.ctc_lo.bias"][0] += blank_bias
    encoder = {
        "output_size": sizes.output_size,
        "attention_heads": sizes.attention_heads,
        "linear_units": sizes.linear_units,
        "num_blocks": sizes.num_blocks,
        "tp_blocks": sizes.tp_blocks,
        "dropout_rate": 0.1,
        "input_layer": "pe",
        "normalize_before": True,
        "kernel_size": sizes.kernel_size,
        "sanm_shfit": 0,
        "selfattention_layer_type": "sanm",
    }
    _write(
        folder,
        weights,
        fp16=fp16,
        shift=[-8.0 - 0.005 * index for index in range(MELS * _STACKED)],
        scale=[0.15 + 0.0001 * index for index in range(MELS * _STACKED)],
        config={
            "encoder": "SenseVoiceEncoderSmall",
            "encoder_conf": encoder,
            "model": "SenseVoiceSmall",
            "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
            "tokenizer": "SentencepiecesTokenizer",
            "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
            "frontend": "WavFrontend",
            "frontend_conf": _frontend(lfr_m=_STACKED, lfr_n=_STRIDE),
        },
        metas={"tokenizer_conf": {"bpemodel": BPE_MODEL}},
    )
    return folder


def write_vad(
    folder: Path,
    sizes: VadSizes,
    weights: Mapping[str, Tensor],
    *,
    shift: Sequence[float] = (_SHIFT,) * VAD_FEATURES,
    scale: Sequence[float] = (_SCALE,) * VAD_FEATURES,
) -> Path:
    """Write a speech detector's folder with these weights and this normalisation of its `VAD_FEATURES`."""
    folder.mkdir(parents=True)
    _write(
        folder,
        weights,
        fp16=False,
        shift=shift,
        scale=scale,
        config={
            "encoder": "FSMN",
            "encoder_conf": {
                "input_dim": VAD_FEATURES,
                "input_affine_dim": sizes.input_affine_dim,
                "fsmn_layers": sizes.fsmn_layers,
                "linear_dim": sizes.linear_dim,
                "proj_dim": sizes.proj_dim,
                "lorder": sizes.lorder,
                "rorder": sizes.rorder,
                "lstride": 1,
                "rstride": 1 if sizes.rorder else 0,
                "output_affine_dim": sizes.output_affine_dim,
                "output_dim": sizes.output_dim,
            },
            "model": "FsmnVADStreaming",
            "model_conf": {"sample_rate": 16_000, "silence_pdf_num": 1, "sil_pdf_ids": [0]},
            "frontend": "WavFrontendOnline",
            "frontend_conf": _frontend(lfr_m=_VAD_STACKED, lfr_n=1),
        },
        metas={},
    )
    return folder


def sense_voice_weights(sizes: Sizes, *, vocabulary: int, seed: int = 1) -> dict[str, Tensor]:
    """Return random weights under FunASR's names; the same arguments give the same weights."""
    draw = torch.Generator().manual_seed(seed)
    size, features = sizes.output_size, MELS * _STACKED
    weights: dict[str, Tensor] = {}

    def linear(name: str, inputs: int, outputs: int) -> None:
        weights[f"{name}.weight"] = _uniform(draw, outputs, inputs)
        weights[f"{name}.bias"] = _uniform(draw, outputs, fan=inputs)

    def norm(name: str, width: int) -> None:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = torch.ones(width), torch.zeros(width)

    def block(name: str, inputs: int) -> None:
        linear(f"{name}.self_attn.linear_q_k_v", inputs, 3 * size)
        linear(f"{name}.self_attn.linear_out", size, size)
        weights[f"{name}.self_attn.fsmn_block.weight"] = _uniform(draw, size, 1, sizes.kernel_size)
        linear(f"{name}.feed_forward.w_1", size, sizes.linear_units)
        linear(f"{name}.feed_forward.w_2", sizes.linear_units, size)
        norm(f"{name}.norm1", inputs)
        norm(f"{name}.norm2", size)

    block("encoder.encoders0.0", features)
    for number in range(sizes.num_blocks - 1):
        block(f"encoder.encoders.{number}", size)
    for number in range(sizes.tp_blocks):
        block(f"encoder.tp_encoders.{number}", size)
    norm("encoder.after_norm", size)
    norm("encoder.tp_norm", size)
    linear("ctc.ctc_lo", size, vocabulary)
    weights["embed.weight"] = torch.randn(_QUERIES, features, generator=draw)
    return weights


def vad_weights(sizes: VadSizes, *, seed: int = 1) -> dict[str, Tensor]:
    """Return a speech detector's random weights under FunASR's names; the same arguments give the same weights."""
    draw = torch.Generator().manual_seed(seed)
    weights: dict[str, Tensor] = {}

    def linear(name: str, inputs: int, outputs: int, *, bias: bool = True) -> None:
        weights[f"encoder.{name}.linear.weight"] = _uniform(draw, outputs, inputs)
        if bias:
            weights[f"encoder.{name}.linear.bias"] = _uniform(draw, outputs, fan=inputs)

    linear("in_linear1", VAD_FEATURES, sizes.input_affine_dim)
    linear("in_linear2", sizes.input_affine_dim, sizes.linear_dim)
    for number in range(sizes.fsmn_layers):
        layer = f"fsmn.{number}"
        linear(f"{layer}.linear", sizes.linear_dim, sizes.proj_dim, bias=False)
        memory = f"encoder.{layer}.fsmn_block"
        weights[f"{memory}.conv_left.weight"] = _uniform(draw, sizes.proj_dim, 1, sizes.lorder, 1)
        if sizes.rorder:
            weights[f"{memory}.conv_right.weight"] = _uniform(draw, sizes.proj_dim, 1, sizes.rorder, 1)
        linear(f"{layer}.affine", sizes.proj_dim, sizes.linear_dim)
    linear("out_linear1", sizes.linear_dim, sizes.output_affine_dim)
    linear("out_linear2", sizes.output_affine_dim, sizes.output_dim)
    return weights


def energy_detector_weights(sizes: VadSizes = VadSizes(), *, seed: int = 1) -> dict[str, Tensor]:
    """
    Return weights that call a frame speech when it is loud.

    One unit of each layer hands on the mean log energy of the telephone's bands and nothing else; the silence output
    falls with it. All other weights are random and small, and there for what they cost.
    """
    weights = {name: 0.1 * value for name, value in vad_weights(sizes, seed=seed).items()}

    def carry(name: str, *, gain: float = 1.0, bias: float = 0.0) -> None:
        row = weights[f"encoder.{name}.linear.weight"][0]
        row.zero_()
        row[0] = gain
        if f"encoder.{name}.linear.bias" in weights:
            weights[f"encoder.{name}.linear.bias"][0] = bias

    carry("in_linear1")
    middle = MELS * (_VAD_STACKED // 2)
    weights["encoder.in_linear1.linear.weight"][0].zero_()[middle : middle + _HEARD_BANDS] = 1 / _HEARD_BANDS
    carry("in_linear2", bias=_LIFT - _LOUD)
    for number in range(sizes.fsmn_layers):
        carry(f"fsmn.{number}.linear")
        weights[f"encoder.fsmn.{number}.fsmn_block.conv_left.weight"][0].zero_()
        carry(f"fsmn.{number}.affine")
    carry("out_linear1")
    # At the threshold silence is as probable as all other outputs together.
    carry("out_linear2", gain=-_STEEPNESS, bias=_STEEPNESS * _LIFT + math.log(sizes.output_dim - 1))
    return weights


def _uniform(draw: torch.Generator, *shape: int, fan: int | None = None) -> Tensor:
    """Return weights that keep a signal's size, as torch's own layers are drawn."""
    bound = 1 / math.sqrt(fan or math.prod(shape[1:]))
    return torch.rand(shape, generator=draw).mul_(2 * bound).sub_(bound)


def _frontend(*, lfr_m: int, lfr_n: int) -> dict[str, Any]:
    return {
        "fs": 16_000,
        "window": "hamming",
        "n_mels": MELS,
        "frame_length": 25,
        "frame_shift": 10,
        "lfr_m": lfr_m,
        "lfr_n": lfr_n,
        "cmvn_file": None,
    }


def _write_tokenizer(path: Path, *, least: int) -> int:
    """Write a sentencepiece model with the tags and single characters as symbols; return its size."""
    symbols = [*TAGS, *dict.fromkeys(_CHARACTERS)]
    pieces = _CONTROL_PIECES + len(symbols) + _BYTE_PAIRS
    ideographs = (chr(_FIRST_IDEOGRAPH + offset) for offset in range(max(0, least - pieces) + len(symbols)))
    symbols += [character for character in ideographs if character not in symbols][: max(0, least - pieces)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_SENTENCES * 5),
        model_writer=model,
        model_type="bpe",
        vocab_size=max(pieces, least),
        user_defined_symbols=symbols,
        add_dummy_prefix=False,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        minloglevel=2,
    )
    path.write_bytes(model.getvalue())
    return int(sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()).get_piece_size())


def _write(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    fp16: bool,
    shift: Sequence[float],
    scale: Sequence[float],
    config: Mapping[str, Any],
    metas: Mapping[str, Any],
) -> None:
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    file_path_metas = {
        "init_param": "model.pt",
        "config": "config.yaml",
        "frontend_conf": {"cmvn_file": "am.mvn"},
        **metas,
    }
    configuration = {"framework": "pytorch", "model": {"type": "funasr"}, "file_path_metas": file_path_metas}
    (folder / "configuration.json").write_text(json.dumps(configuration), encoding="utf-8")
    size = len(shift)
    (folder / "am.mvn").write_text(
        f"<Nnet> \n<Splice> {size} {size} \n[ 0 ]\n"
        f"<AddShift> {size} {size} \n<LearnRateCoef> 0 [ {_vector(shift)} ]\n"
        f"<Rescale> {size} {size} \n<LearnRateCoef> 0 [ {_vector(scale)} ]\n</Nnet> \n",
        encoding="utf-8",
    )
    torch.save({name: value.half() if fp16 else value for name, value in weights.items()}, folder / "model.pt")


def _vector(values: Sequence[float]) -> str:
    return " ".join(f"{value:.6f}" for value in values)
