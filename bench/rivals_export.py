"""
The ONNX models that the rivals read, made from a checkpoint folder as each rival's users make theirs.

FunASR's own export writes funasr-onnx's two models. sherpa-onnx reads the same graph, told by metadata how to feed it,
and is quantised by the options of its own export script: all MatMul, one scale a matrix, QUInt8. Run in a process of
its own (``python -m bench.rivals_export CHECKPOINT FOLDER``), for it needs FunASR and several gigabytes.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import sentencepiece
import yaml
from funasr import AutoModel
from onnxruntime.quantization import QuantType, quantize_dynamic

from bench.checkpoint import BPE_MODEL
from bench.rivals import FUNASR_ONNX, SHERPA_ONNX, TOKENS

_CONFIG, _NORMALISATION = "config.yaml", "am.mvn"


def export(checkpoint: Path, folder: Path) -> None:
    """
    Write the models of all rivals.

    Parameters
    ----------
    checkpoint : Path
        A recogniser's folder in FunASR's own format.
    folder : Path
        Gets `FUNASR_ONNX` and `SHERPA_ONNX`, each with an fp32 and an int8 model.
    """
    queries = _export_with_funasr(checkpoint, folder / FUNASR_ONNX)
    config = yaml.safe_load((folder / FUNASR_ONNX / _CONFIG).read_text(encoding="utf-8"))
    sherpa_onnx = folder / SHERPA_ONNX
    sherpa_onnx.mkdir()
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(checkpoint / BPE_MODEL))
    lines = (f"{pieces.id_to_piece(number)} {number}\n" for number in range(pieces.get_piece_size()))
    (sherpa_onnx / TOKENS).write_text("".join(lines), encoding="utf-8")
    model = onnx.load(str(folder / FUNASR_ONNX / "model.onnx"))
    metadata = sherpa_metadata(checkpoint, config["frontend_conf"], vocabulary=pieces.get_piece_size(), queries=queries)
    onnx.helper.set_model_props(model, metadata)
    # sherpa-onnx reads the file as bytes: its weights can't lie in a second one.
    onnx.save(model, str(sherpa_onnx / "model.onnx"))
    quantize_dynamic(
        model_input=str(sherpa_onnx / "model.onnx"),
        model_output=str(sherpa_onnx / "model.int8.onnx"),
        op_types_to_quantize=["MatMul"],
        weight_type=QuantType.QUInt8,
    )


def sherpa_metadata(
    checkpoint: Path, front_end: Mapping[str, Any], *, vocabulary: int, queries: Mapping[str, int]
) -> dict[str, str]:
    """
    Return what sherpa-onnx must know of a SenseVoice model.

    Parameters
    ----------
    checkpoint : Path
        Its folder.
    front_end : mapping
        The config's ``frontend_conf``.
    vocabulary : int
        Tokens.
    queries : mapping of str to int
        Row of the query embedding for each language, under ``lang_`` and its name, and ``with_itn``, ``without_itn``.
    """
    shift, scale = _read_normalisation(checkpoint / _NORMALISATION)
    return {
        "model_type": "sense_voice_ctc",
        "version": "2",
        "comment": checkpoint.name,
        "vocab_size": str(vocabulary),
        "lfr_window_size": str(front_end["lfr_m"]),
        "lfr_window_shift": str(front_end["lfr_n"]),
        # Samples on the scale of int16, as Kaldi has them.
        "normalize_samples": "0",
        "neg_mean": ",".join(shift),
        "inv_stddev": ",".join(scale),
        **{name: str(row) for name, row in queries.items()},
    }


def _export_with_funasr(checkpoint: Path, folder: Path) -> dict[str, int]:
    """Write funasr-onnx's models and what it reads beside them; return the queries as sherpa-onnx names them."""
    stock = AutoModel(
        model=str(checkpoint), device="cpu", disable_update=True, disable_pbar=True, trust_remote_code=False
    )
    stock.export(type="onnx", quantize=True, output_dir=str(folder))
    for name in (BPE_MODEL, _NORMALISATION):
        shutil.copy(checkpoint / name, folder / name)
    config = yaml.safe_load((checkpoint / _CONFIG).read_text(encoding="utf-8"))
    # funasr-onnx too has random features from run to run unless it is told otherwise.
    config["frontend_conf"]["dither"] = 0.0
    (folder / _CONFIG).write_text(yaml.safe_dump(config), encoding="utf-8")
    network = stock.model
    return {
        **{f"lang_{name}": int(row) for name, row in network.lid_dict.items()},
        "with_itn": int(network.textnorm_dict["withitn"]),
        "without_itn": int(network.textnorm_dict["woitn"]),
    }


def _read_normalisation(path: Path) -> tuple[list[str], list[str]]:
    """Return the summands and the factors of a Kaldi ``am.mvn``, as they are written."""
    rows = [
        line.partition("[")[2].partition("]")[0].split()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("<LearnRateCoef>")
    ]
    shift, scale = rows
    return shift, scale


def main() -> None:
    """Export a checkpoint."""
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser(prog="python -m bench.rivals_export")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    export(arguments.checkpoint, arguments.folder)


if __name__ == "__main__":
    main()
