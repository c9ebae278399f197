"""Stock FunASR behind the same contract: the reference that the other engines are held to, not a fast path."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from callscope.calls import Language, Transcript
from callscope.errors import RecogniserFailed
from callscope.ports import SAMPLE_RATE_HZ, Channel, Clip, Scores
from workers.recogniser.checkpoint import SenseVoiceCheckpoint, VadCheckpoint
from workers.recogniser.clips import cut
from workers.recogniser.ctc import FrameClock, TagScores, transcribe
from workers.recogniser.engine import Passage, Reading, Stretch
from workers.recogniser.features import FrontEnd
from workers.recogniser.tokens import Tokenizer
from workers.recogniser.waves import Excerpt, Waves, excerpt


class FunasrEngine:
    """
    ``funasr.AutoModel``, one item after the other, in fp32.

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
    cores : int > 0
        Torch's threads on a CPU device; FunASR sets them for the whole process.
    """

    name = "funasr-fp32"
    lanes = 1  # FunASR isn't made for several threads
    batch_frames = 1
    stretch_frames = 1

    def __init__(
        self, checkpoint: SenseVoiceCheckpoint, vad: VadCheckpoint, *, device: torch.device, cores: int
    ) -> None:
        self.checkpoint = checkpoint.identity
        self.device = str(device)
        self._cores = cores
        self._tokenizer = Tokenizer(checkpoint.tokenizer)
        self._tags = TagScores(self._tokenizer)
        self._blank = checkpoint.config.model_conf.blank_id
        self._clock = FrameClock.of(checkpoint.config.frontend_conf)
        self._waves = Waves()
        self._front_end = FrontEnd(checkpoint.config.frontend_conf, checkpoint.cmvn)
        self._silence = list(vad.config.model_conf.sil_pdf_ids)
        self._recogniser = _load(checkpoint.folder, device=device, cores=cores)
        self._detector = _load(vad.folder, device=device, cores=cores)

    @contextlib.contextmanager
    def lane(self) -> Iterator[None]:
        """Keep the calling thread from recording gradients, and give it the cores."""
        torch.set_num_threads(self._cores)
        with torch.inference_mode():
            yield

    def stretches(self, channel: Channel) -> list[Stretch]:
        """Return the channel as one stretch; none for less than one frame."""
        sound = excerpt(channel, 0, len(channel.samples) * (SAMPLE_RATE_HZ // channel.sample_rate_hz))
        frames = self._front_end.filter_bank.frames(sound.length)
        return [Stretch(sound, frames=frames, before=0, own=frames)] if frames else []

    def detect(self, stretches: Sequence[Stretch]) -> list[Scores]:
        """Return the speech scores of each channel."""
        return [self._score(stretch) for stretch in stretches]

    def _score(self, stretch: Stretch) -> Scores:
        """Run FunASR's front end and network; its state machine, which makes regions, is not what is asked for."""
        front_end, network = self._detector.kwargs["frontend"], self._detector.model.encoder
        samples = self._samples(stretch.excerpt)
        try:
            features, _ = front_end(samples.unsqueeze(0), [len(samples)], is_final=True, cache={})
            probabilities: Tensor = network(features.to(self.device), cache={})[0].cpu()
        except Exception as error:  # FunASR raises whatever Python does
            raise RecogniserFailed("FunASR's speech detector failed", why=str(error)) from error
        scores: Scores = (1 - probabilities[:, self._silence].sum(dim=-1)).numpy()
        return scores

    def passage(self, clip: Clip, language: Language | None) -> Passage:
        """Return what `read` takes of a clip."""
        return cut(clip, language, front_end=self._front_end)

    def read(self, passages: Sequence[Passage]) -> list[Reading]:
        """Return what is said in each passage."""
        return [self._read(passage) for passage in passages]

    def _read(self, passage: Passage) -> Reading:
        try:
            text, scores = self._infer(self._samples(passage.excerpt), passage.language)
        except Exception as error:  # FunASR raises whatever Python does
            raise RecogniserFailed("FunASR failed", why=str(error)) from error
        tags = scores[list(self._tags.frames), list(self._tags.ids)]
        frame_ids = scores.log_softmax(dim=-1).argmax(dim=-1)
        return self._tags.reading(frame_ids.tolist(), tags.numpy(), text=text)

    def _infer(self, samples: Tensor, language: Language | None) -> tuple[str, Tensor]:
        """Return FunASR's text with its tags, and the CTC head's scores, shape (frames, vocabulary)."""
        heard: list[Tensor] = []
        head = self._recogniser.model.ctc.ctc_lo
        hook = head.register_forward_hook(lambda _module, _inputs, scores: heard.append(scores))
        try:
            results = self._recogniser.generate(
                input=samples.numpy(), language=language.value if language else "auto", use_itn=True
            )
        finally:
            hook.remove()
        return results[0]["text"], heard[0][0].cpu()

    def _samples(self, sound: Excerpt) -> Tensor:
        """Return the samples that every engine works on, shape (samples,)."""
        samples: Tensor = self._waves([sound])[0]
        return samples

    def spell(self, reading: Reading, passage: Passage) -> Transcript:
        """Return the transcript of a reading, in FunASR's own words."""
        return transcribe(
            reading,
            tokenizer=self._tokenizer,
            blank=self._blank,
            clock=self._clock,
            duration_ms=passage.duration_ms,
        )


def _load(folder: object, *, device: torch.device, cores: int) -> Any:  # noqa: ANN401 - FunASR has no types
    # FunASR prints notices; standard output belongs to callscope's own results.
    with contextlib.redirect_stdout(sys.stderr):
        from funasr import AutoModel  # noqa: PLC0415 - takes 6 s

        return AutoModel(
            model=str(folder),
            device=str(device),
            ncpu=cores,
            # Without this an index is asked for a newer FunASR, with no time-out.
            disable_update=True,
            disable_pbar=True,
            trust_remote_code=False,
            log_level="ERROR",
            # FunASR's default makes the features random from run to run.
            frontend_conf={"dither": 0.0},
        )
