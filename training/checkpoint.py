"""The checkpoint folder in FunASR's own format, with the published file names."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from training.features import FRONTEND, MELS, STACK, STRIDE

BPE_FILE: Final = "chn_jpn_yue_eng_ko_spectok.bpe.model"
CMVN_FILE: Final = "am.mvn"
ENCODER: Final[dict[str, Any]] = {
    "output_size": 128,
    "attention_heads": 4,
    "linear_units": 512,
    "num_blocks": 6,
    "tp_blocks": 1,
    "dropout_rate": 0.0,
    "positional_dropout_rate": 0.0,
    "attention_dropout_rate": 0.0,
    "input_layer": "pe",
    "pos_enc_class": "SinusoidalPositionEncoder",
    "normalize_before": True,
    "kernel_size": 11,
    "sanm_shfit": 0,
    "selfattention_layer_type": "sanm",
}
VAD_STACK: Final = 5
VAD_ENCODER: Final[dict[str, Any]] = {
    "input_dim": MELS * VAD_STACK,
    "input_affine_dim": 96,
    "fsmn_layers": 4,
    "linear_dim": 128,
    "proj_dim": 96,
    "lorder": 20,
    "rorder": 12,
    "lstride": 1,
    "rstride": 1,
    "output_affine_dim": 96,
    "output_dim": 2,
}
_RECOGNISER: Final[dict[str, Any]] = {
    "model": "SenseVoiceSmall",
    "model_conf": {"length_normalized_loss": True, "sos": 1, "eos": 2, "ignore_id": -1},
    "encoder": "SenseVoiceEncoderSmall",
    "encoder_conf": ENCODER,
    "tokenizer": "SentencepiecesTokenizer",
    "tokenizer_conf": {"bpemodel": None, "unk_symbol": "<unk>", "split_with_space": True},
    "frontend": "WavFrontend",
    "frontend_conf": {**FRONTEND, "lfr_m": STACK, "lfr_n": STRIDE, "cmvn_file": None},
    "ctc_conf": {"dropout_rate": 0.0, "ctc_type": "builtin", "reduce": True, "ignore_nan_grad": True},
}
_VAD: Final[dict[str, Any]] = {
    "model": "FsmnVADStreaming",
    "model_conf": {
        "sample_rate": 16_000,
        "detect_mode": 1,
        "snr_mode": 0,
        "max_end_silence_time": 800,
        "max_start_silence_time": 3_000,
        "do_start_point_detection": True,
        "do_end_point_detection": True,
        "window_size_ms": 200,
        "sil_to_speech_time_thres": 150,
        "speech_to_sil_time_thres": 150,
        "speech_2_noise_ratio": 1.0,
        "do_extend": 1,
        "lookback_time_start_point": 200,
        "lookahead_time_end_point": 100,
        "max_single_segment_time": 60_000,
        "snr_thres": -100.0,
        "noise_frame_num_used_for_snr": 100,
        "decibel_thres": -100.0,
        "speech_noise_thres": 0.6,
        "fe_prior_thres": 0.0001,
        "silence_pdf_num": 1,
        "sil_pdf_ids": [0],
        "speech_noise_thresh_low": -0.1,
        "speech_noise_thresh_high": 0.3,
        "output_frame_probs": False,
        "frame_in_ms": 10,
        "frame_length_ms": 25,
    },
    "encoder": "FSMN",
    "encoder_conf": VAD_ENCODER,
    "frontend": "WavFrontendOnline",
    "frontend_conf": {**FRONTEND, "lfr_m": VAD_STACK, "lfr_n": 1, "cmvn_file": None},
}


def write_recogniser(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """
    Write everything of the recogniser but its tokenizer and its ``am.mvn``, which training left there.

    Parameters
    ----------
    folder : Path
        The checkpoint.
    weights : mapping of str to Tensor
        The state of a ``SenseVoiceSmall``; stored as fp16.
    """
    metas = {
        "init_param": "model.pt",
        "config": "config.yaml",
        "tokenizer_conf": {"bpemodel": BPE_FILE},
        "frontend_conf": {"cmvn_file": CMVN_FILE},
    }
    _write_folder(folder, _RECOGNISER, weights, metas, "auto-speech-recognition")


def write_vad(folder: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """
    Write everything of the voice activity detector but its ``am.mvn``.

    Parameters
    ----------
    folder : Path
        The checkpoint.
    weights : mapping of str to Tensor
        The state of a ``FsmnVADStreaming``; stored as fp32, it is small.
    """
    metas = {"init_param": "model.pt", "config": "config.yaml", "frontend_conf": {"cmvn_file": CMVN_FILE}}
    _write_folder(folder, _VAD, weights, metas, "voice-activity-detection", half=False)


def write_cmvn(path: Path, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> None:
    """
    Write the normalisation of features in Kaldi's text form.

    Parameters
    ----------
    path : Path
        The file.
    mean, deviation : ndarray of float32, shape (d,)
        Of each stacked feature.
    """
    shift = " ".join(f"{value:.5f}" for value in -mean)
    scale = " ".join(f"{value:.6f}" for value in 1.0 / deviation)
    size = len(mean)
    path.write_text(
        f"<Nnet>\n<Splice> {size} {size}\n[ 0 ]\n"
        f"<AddShift> {size} {size}\n<LearnRateCoef> 0 [ {shift} ]\n"
        f"<Rescale> {size} {size}\n<LearnRateCoef> 0 [ {scale} ]\n</Nnet>\n",
        encoding="utf-8",
    )


def write_checksums(folder: Path) -> None:
    """
    Write ``SHA256SUMS`` over every file of a checkpoint, its sub-folders included.

    Parameters
    ----------
    folder : Path
        The checkpoint.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}" for path in paths]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_folder(
    folder: Path,
    config: Mapping[str, Any],
    weights: Mapping[str, torch.Tensor],
    metas: Mapping[str, Any],
    task: str,
    *,
    half: bool = True,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
    configuration = {
        "framework": "pytorch",
        "task": task,
        "model": {"type": "funasr"},
        "file_path_metas": metas,
    }
    (folder / "configuration.json").write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")
    kept = {name: (tensor.half() if half else tensor.float()).cpu() for name, tensor in weights.items()}
    torch.save(kept, folder / "model.pt")
