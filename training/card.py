"""The model card: what the checkpoint is and is not, and its figures as they came out."""

import platform
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import torch

from training.checkpoint import write_checksums
from training.detection import measure_detection
from training.evaluate import Heard, agreement, error_rate, hear_heldout, hear_samples, load_recogniser
from training.texts import LANGUAGES
from training.tokenizer import EVENT_TAGS
from training.train import Options, read_log
from training.voices import EMOTIONS, HELDOUT_VOICES, SAMPLE_VOICES, TRAIN_VOICES

_TEMPLATE: Final = "model_card.md"


def write_card(
    folder: Path, heldout: Path, samples: Path, log_file: Path, options: Options, *, corpus_clips: int
) -> None:
    """
    Measure a checkpoint and write its card and checksums.

    Parameters
    ----------
    folder : Path
        The checkpoint, its detector in ``vad/``.
    heldout, samples : Path
        What is measured on.
    log_file : Path
        The training log.
    options : Options
        Of that training.
    corpus_clips : int
        Of that training.
    """
    recogniser, detector = load_recogniser(folder), load_recogniser(folder / "vad")
    normal = hear_heldout(recogniser, heldout)
    plain = hear_heldout(recogniser, heldout, use_itn=False)
    detection = measure_detection(detector, heldout)
    parts = [part for heard in hear_samples(recogniser, samples).values() for part in heard]
    turns = [part for part in parts if part.text]
    events = [part for part in parts if not part.text]
    text = (
        files("training")
        .joinpath(_TEMPLATE)
        .read_text(encoding="utf-8")
        .format(
            train_voices=len(TRAIN_VOICES),
            pieces=recogniser.kwargs["tokenizer"].get_vocab_size(),
            heldout_voices=len(HELDOUT_VOICES),
            heldout_names=", ".join(HELDOUT_VOICES),
            clips=len(normal),
            languages="\n".join(_language_row(language, normal, plain) for language in LANGUAGES),
            language_right=agreement(normal, 0),
            emotion_right=agreement(normal, 1),
            event_right=agreement(normal, 2),
            emotions="\n".join(_tag_row(name, normal, 1) for name in EMOTIONS),
            events="\n".join(_tag_row(name, normal, 2) for name in EVENT_TAGS if _count(name, normal, 2)),
            utterances=detection.utterances,
            lost=detection.lost,
            others=detection.others,
            fired=detection.fired,
            median_start=detection.median_start_ms,
            median_end=detection.median_end_ms,
            within=detection.within_100_ms,
            sample_names=", ".join(SAMPLE_VOICES),
            sample_cer=_error_rate(turns),
            sample_language=agreement(turns, 0),
            sample_emotion=agreement(turns, 1),
            sample_turns=len(turns),
            sample_event=agreement(events, 2),
            sample_events=len(events),
            corpus=corpus_clips,
            seed=options.seed,
            steps=options.steps,
            batch=options.batch_frames,
            rate=options.peak_rate,
            warmup=options.warmup_steps,
            minutes=read_log(log_file)[-1]["seconds"] / 60,
            threads=options.threads,
            machine=f"{platform.processor() or platform.machine()} (CPU)",
            torch=torch.__version__,
            parameters=sum(parameter.numel() for parameter in recogniser.model.parameters()),
            vad_parameters=sum(parameter.numel() for parameter in detector.model.parameters()),
        )
    )
    (folder / "MODEL_CARD.md").write_text(text, encoding="utf-8")
    write_checksums(folder)


def _language_row(language: str, normal: Sequence[Heard], plain: Sequence[Heard]) -> str:
    clips = _of(language, normal)
    rates = (_error_rate(clips), _error_rate(_of(language, plain)), agreement(clips, 0), agreement(clips, 1))
    return f"| {language} | {len(clips)} | " + " | ".join(f"{rate:.1%}" for rate in rates) + " |"


def _tag_row(name: str, heard: Sequence[Heard], which: int) -> str:
    clips = [clip for clip in heard if clip.tags[which] == name]
    return f"| {name} | {len(clips)} | {agreement(clips, which):.1%} |"


def _count(name: str, heard: Sequence[Heard], which: int) -> int:
    return sum(clip.tags[which] == name for clip in heard)


def _of(language: str, heard: Sequence[Heard]) -> list[Heard]:
    return [clip for clip in heard if clip.tags[0] == language]


def _error_rate(heard: Sequence[Heard]) -> float:
    return error_rate([(clip.text, clip.heard) for clip in heard])
