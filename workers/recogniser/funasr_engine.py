"""Stock FunASR behind the same port: the reference that the torch engine is held to, not a fast path."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from callscope.calls import Language, Transcript
from callscope.errors import RecogniserFailed
from callscope.meaning.tags import parse_tags
from callscope.ports import Clip, Samples, Scores
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, VadCheckpoint
from workers.recogniser.clips import as_tensor, cut
from workers.recogniser.ctc import FrameClock, read_tags, transcribe
from workers.recogniser.encoder import PREFIX_FRAMES
from workers.recogniser.features import FilterBank
from workers.recogniser.tokens import Tokenizer


class FunasrRecogniser:
    """
    The `callscope.ports.Recogniser` of ``funasr.AutoModel``, one clip after the other, in fp32.

    Text comes from FunASR's own inference. What it doesn't return (distributions, ids, times) is read from the
    scores that its CTC head produced during that same inference.

    Parameters
    ----------
    checkpoint : SenseVoiceCheckpoint
        Recogniser.
    vad : VadCheckpoint
        Speech detector.
    device : torch.device
        Must be there: FunASR itself would take the CPU without a word.
    cpu_threads : int > 0
        FunASR sets it for the whole process.
    """

    def __init__(
        self, checkpoint: SenseVoiceCheckpoint, vad: VadCheckpoint, *, device: torch.device, cpu_threads: int
    ) -> None:
        self.checkpoint = checkpoint.identity
        self.engine = "funasr-fp32"
        self.device = str(device)
        self._tokenizer = Tokenizer(checkpoint.tokenizer)
        self._blank = checkpoint.config.model_conf.blank_id
        self._clock = FrameClock.of(checkpoint.config.frontend_conf)
        self._least = FilterBank(checkpoint.config.frontend_conf).length
        self._silence = list(vad.config.model_conf.sil_pdf_ids)
        self._recogniser = _load(checkpoint.folder, device=device, cpu_threads=cpu_threads)
        self._detector = _load(vad.folder, device=device, cpu_threads=cpu_threads)
        self._lock = Lock()

    @torch.inference_mode()
    def speech_scores(self, channels: Sequence[Samples]) -> list[Scores]:
        """
        Return the speech scores of each channel, in order; a channel under one frame gives none.

        Raises
        ------
        RecogniserFailed
            FunASR raised; the message says on which channel.
        """
        return [self._score(index, as_tensor(channel)) for index, channel in enumerate(channels)]

    def _score(self, index: int, channel: Tensor) -> Scores:
        """Run FunASR's front end and network; its state machine, which makes regions, is not what is asked for."""
        if len(channel) < self._least:
            return channel.new_zeros(0).numpy()
        front_end, network = self._detector.kwargs["frontend"], self._detector.model.encoder
        try:
            with self._lock:
                features, _ = front_end(channel.unsqueeze(0), [len(channel)], is_final=True, cache={})
                probabilities: Tensor = network(features.to(self.device), cache={})[0].cpu()
        except Exception as error:  # FunASR raises whatever Python does
            raise RecogniserFailed(f"FunASR's speech detector failed on channel {index}", why=str(error)) from error
        return (1 - probabilities[:, self._silence].sum(dim=-1)).numpy()

    @torch.inference_mode()
    def transcribe(self, clips: Sequence[Clip], *, language: Language | None = None) -> list[Transcript]:
        """
        Read each clip; results are in the order of the clips.

        Parameters
        ----------
        clips : sequence of Clip
            Of any channels. One under 25 ms is filled up with silence to one frame.
        language : Language, optional
            Spoken language when it is known; None lets the model decide.

        Raises
        ------
        RecogniserFailed
            FunASR raised; the message says on which clip.
        """
        return [self._transcribe(index, clip, language) for index, clip in enumerate(clips)]

    def _transcribe(self, index: int, clip: Clip, language: Language | None) -> Transcript:
        samples, duration_ms = cut(clip, least=self._least)
        try:
            text, scores = self._infer(samples, language)
        except Exception as error:  # FunASR raises whatever Python does
            raise RecogniserFailed(
                f"FunASR failed on clip {index}, {clip.interval.start_ms} to {clip.interval.end_ms} ms of its channel",
                why=str(error),
            ) from error
        transcript = transcribe(
            read_tags(scores.log_softmax(dim=-1).argmax(dim=-1), scores[: PREFIX_FRAMES - 1], self._tokenizer),
            tokenizer=self._tokenizer,
            blank=self._blank,
            clock=self._clock,
            duration_ms=duration_ms,
        )
        return dataclasses.replace(transcript, text=parse_tags(text).text)

    def _infer(self, samples: Tensor, language: Language | None) -> tuple[str, Tensor]:
        """Return FunASR's text with its tags, and the CTC head's scores, shape (frames, vocabulary)."""
        heard: list[Tensor] = []
        with self._lock:
            head = self._recogniser.model.ctc.ctc_lo
            hook = head.register_forward_hook(lambda _module, _inputs, scores: heard.append(scores))
            try:
                results = self._recogniser.generate(
                    input=samples.numpy(), language=language.value if language else "auto", use_itn=True
                )
            finally:
                hook.remove()
        return results[0]["text"], heard[0][0].cpu()


def _load(folder: object, *, device: torch.device, cpu_threads: int) -> Any:  # noqa: ANN401 - FunASR has no types
    # FunASR prints notices; standard output belongs to callscope's own results.
    with contextlib.redirect_stdout(sys.stderr):
        from funasr import AutoModel  # noqa: PLC0415 - takes 6 s

        return AutoModel(
            model=str(folder),
            device=str(device),
            ncpu=cpu_threads,
            # Without this an index is asked for a newer FunASR, with no time-out.
            disable_update=True,
            disable_pbar=True,
            trust_remote_code=False,
            log_level="ERROR",
            # FunASR's default makes the features random from run to run.
            frontend_conf={"dither": 0.0},
        )
