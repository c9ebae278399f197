"""Checkpoint folders in FunASR's own format with random weights, as small or as large as a test wants them."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import yaml

from callscope.meaning.tags import EMOTION_TAGS, EVENT_TAGS, ITN_TAGS, LANGUAGE_TAGS
from workers.recogniser.checkpoint import EncoderConfig, FsmnConfig
from workers.recogniser.encoder import SenseVoice
from workers.recogniser.vad import Fsmn

BPE_MODEL = "chn_jpn_yue_eng_ko_spectok.bpe.model"
TAGS = tuple(f"<|{name}|>" for name in (*LANGUAGE_TAGS, *EMOTION_TAGS, *EVENT_TAGS, *ITN_TAGS))

_SENTENCES = (
    "the parcel was not shipped for three days",
    "i want a refund please",
    "good morning how can i help you",
    "your order number is one two three four five six",
)
_CHARACTERS = "你好我的订单三天没有发货满减请退款谢谢，。？！0123456789はいありがとうカタコト네감사합니다"
_FIRST_IDEOGRAPH = 0x4E00


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a recogniser; the defaults are quick."""

    output_size: int = 64
    attention_heads: int = 4
    linear_units: int = 128
    num_blocks: int = 3
    tp_blocks: int = 2
    vocabulary: int = 0
    """Ideographs are added up to this many tokens; 0: only what the sentences need."""


PUBLISHED = Sizes(output_size=512, attention_heads=4, linear_units=2048, num_blocks=50, tp_blocks=20, vocabulary=25_055)


def build_sense_voice(folder: Path, sizes: Sizes = Sizes(), *, seed: int = 1, fp16: bool = True) -> Path:
    """Write a recogniser's folder; the same arguments give the same weights."""
    folder.mkdir(parents=True)
    vocabulary = _write_tokenizer(folder / BPE_MODEL, least=sizes.vocabulary)
    encoder = {
        "output_size": sizes.output_size,
        "attention_heads": sizes.attention_heads,
        "linear_units": sizes.linear_units,
        "num_blocks": sizes.num_blocks,
        "tp_blocks": sizes.tp_blocks,
        "dropout_rate": 0.1,
        "input_layer": "pe",
        "normalize_before": True,
        "kernel_size": 11,
        "sanm_shfit": 0,
        "selfattention_layer_type": "sanm",
    }
    torch.manual_seed(seed)
    network = SenseVoice(EncoderConfig.model_validate(encoder), features=560, vocabulary=vocabulary)
    _write(
        folder,
        network.state_dict(),
        fp16=fp16,
        features=560,
        config={
            "encoder": "SenseVoiceEncoderSmall",
            "encoder_conf": encoder,
            "model": "SenseVoiceSmall",
            "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
            "tokenizer": "SentencepiecesTokenizer",
            "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
            "frontend": "WavFrontend",
            "frontend_conf": _frontend(lfr_m=7, lfr_n=6),
        },
        metas={"tokenizer_conf": {"bpemodel": BPE_MODEL}},
    )
    return folder


def build_vad(folder: Path, *, seed: int = 1, rorder: int = 0) -> Path:
    """Write a speech detector's folder; the same arguments give the same weights."""
    folder.mkdir(parents=True)
    encoder = {
        "input_dim": 400,
        "input_affine_dim": 48,
        "fsmn_layers": 3,
        "linear_dim": 64,
        "proj_dim": 32,
        "lorder": 20,
        "rorder": rorder,
        "lstride": 1,
        "rstride": 1 if rorder else 0,
        "output_affine_dim": 48,
        "output_dim": 24,
    }
    torch.manual_seed(seed)
    network = torch.nn.ModuleDict({"encoder": Fsmn(FsmnConfig.model_validate(encoder))})
    _write(
        folder,
        # As torch draws them, the biases outweigh the sound and every score is the same.
        {name: value * (1.8 if value.dim() > 1 else 0.3) for name, value in network.state_dict().items()},
        fp16=False,
        features=400,
        config={
            "encoder": "FSMN",
            "encoder_conf": encoder,
            "model": "FsmnVADStreaming",
            "model_conf": {"sample_rate": 16_000, "silence_pdf_num": 1, "sil_pdf_ids": [0]},
            "frontend": "WavFrontendOnline",
            "frontend_conf": _frontend(lfr_m=5, lfr_n=1),
        },
        metas={},
    )
    return folder


def _frontend(*, lfr_m: int, lfr_n: int) -> dict[str, Any]:
    return {
        "fs": 16_000,
        "window": "hamming",
        "n_mels": 80,
        "frame_length": 25,
        "frame_shift": 10,
        "lfr_m": lfr_m,
        "lfr_n": lfr_n,
        "cmvn_file": None,
    }


def _write_tokenizer(path: Path, *, least: int) -> int:
    """Write a sentencepiece model with the tags and single characters as symbols; return its size."""
    symbols = [*TAGS, *dict.fromkeys(_CHARACTERS)]
    pieces = 3 + len(symbols) + 60
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
    weights: Mapping[str, torch.Tensor],
    *,
    fp16: bool,
    features: int,
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
    shift = " ".join(f"{-8.0 - 0.005 * index:.6f}" for index in range(features))
    scale = " ".join(f"{0.15 + 0.0001 * index:.6f}" for index in range(features))
    (folder / "am.mvn").write_text(
        f"<Nnet> \n<Splice> {features} {features} \n[ 0 ]\n"
        f"<AddShift> {features} {features} \n<LearnRateCoef> 0 [ {shift} ]\n"
        f"<Rescale> {features} {features} \n<LearnRateCoef> 0 [ {scale} ]\n</Nnet> \n",
        encoding="utf-8",
    )
    torch.save({name: value.half() if fp16 else value for name, value in weights.items()}, folder / "model.pt")
