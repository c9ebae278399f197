"""Clips as the product cuts them from calls: synthesised, sent through a line, kept as features in shards."""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.channel import pass_line, set_level
from training.features import log_mel
from training.sounds import DURATIONS_S, EVENTS, make_music, make_noise
from training.texts import LANGUAGES, Grammar, Sentence, expand_template, join_sentences, load_grammar, salad_sentence
from training.voices import (
    EMOTIONS,
    HELDOUT_VOICES,
    SAMPLE_RATE_HZ,
    TRAIN_VOICES,
    Signal,
    Synthesiser,
    speech_frames,
)

SHARD_CLIPS: Final = 1_000
_LANGUAGE_WEIGHTS: Final = (0.40, 0.15, 0.15, 0.15, 0.15)
_LONGEST_S: Final = 12.0


@dataclass(frozen=True, slots=True)
class Label:
    """What a clip says and sounds like; event and emotion as the checkpoint's tags spell them."""

    language: str
    emotion: str
    event: str
    plain: str
    normal: str


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip of 16 kHz sound, its label, and for each 10 ms whether somebody speaks."""

    wave: Signal
    speech: NDArray[np.bool_]
    label: Label


@dataclass(frozen=True, slots=True)
class Corpus:
    """All shards in memory: features of clip i are ``features[offsets[i]:offsets[i + 1]]``."""

    features: NDArray[np.float16]
    speech: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    labels: Sequence[Label]


class ClipMaker:
    """
    Makes the clip of a seed and an index; the same two give the same clip.

    Parameters
    ----------
    seed : int
        Of the whole corpus.
    heldout : bool
        Held-out templates and voices instead of the training ones, and no word salads.
    """

    def __init__(self, seed: int, *, heldout: bool = False) -> None:
        self._seed = seed
        self._heldout = heldout
        self._voices = HELDOUT_VOICES if heldout else TRAIN_VOICES
        self._grammars = {language: load_grammar(language) for language in LANGUAGES}
        self._synthesiser = Synthesiser()

    def make(self, index: int) -> Clip:
        """
        Make one clip.

        Parameters
        ----------
        index : int
            Of the clip in the corpus.

        Returns
        -------
        Clip
            80 % speech (one in eight over soft music), the rest events, noise, silence.
        """
        random = np.random.default_rng((self._seed, int(self._heldout), index))
        draw = random.random()
        if draw < 0.82:
            return self._speech_clip(random, music=draw < 0.11)
        return _event_clip(random) if draw < 0.965 else _empty_clip(random)

    def draw_sentence(self, grammar: Grammar, random: Random) -> Sentence:
        """
        Draw a sentence: a template, or (in training) a word salad four times in ten.

        Parameters
        ----------
        grammar : Grammar
            Of the language.
        random : Random
            Decides.

        Returns
        -------
        Sentence
            Its three forms.
        """
        if self._heldout:
            return expand_template(random.choice(grammar.heldout), grammar, random)
        draw = random.random()
        if draw < 0.4:
            return salad_sentence(grammar, random)
        numeric = [template for template in grammar.templates if "{digits" in template or "{round" in template]
        return expand_template(random.choice(numeric if draw < 0.5 else grammar.templates), grammar, random)

    def _speech_clip(self, random: np.random.Generator, *, music: bool) -> Clip:
        language = str(random.choice(LANGUAGES, p=_LANGUAGE_WEIGHTS))
        emotion = EMOTIONS[int(random.integers(len(EMOTIONS)))]
        voice = self._voices[int(random.integers(len(self._voices)))]
        sentence, wave = self._say(language, voice, emotion, random)
        if random.random() < 0.22 and len(wave) < 6 * SAMPLE_RATE_HZ:
            second, tail = self._say(language, voice, emotion, random)
            if len(wave) + len(tail) < (_LONGEST_S - 0.5) * SAMPLE_RATE_HZ:
                pause = np.zeros(int(random.integers(20, 50)) * 160, dtype=np.float32)
                sentence, wave = join_sentences(sentence, second), np.concatenate((wave, pause, tail))
        level = random.uniform(-35, -6)
        wave = _pad(set_level(wave, level), random)
        speech = speech_frames(wave)
        if music:
            wave = (
                wave
                + set_level(make_music(len(wave) / SAMPLE_RATE_HZ + 0.1, random), level - random.uniform(10, 22))[
                    : len(wave)
                ]
            )
        if random.random() < 0.2:
            other = self._voices[int(random.integers(len(self._voices)))]
            _, leak = self._say(language, other, emotion, random)
            wave = wave + set_level(np.resize(leak, len(wave)), level - random.uniform(22, 32))
        label = Label(language, emotion, "BGM" if music else "Speech", sentence.plain, sentence.normal)
        return Clip(pass_line(wave, random), speech, label)

    def _say(self, language: str, voice: str, emotion: str, random: np.random.Generator) -> tuple[Sentence, Signal]:
        while True:
            sentence = self.draw_sentence(self._grammars[language], Random(int(random.integers(1 << 62))))
            wave = self._synthesiser.say(sentence.spoken, language, voice, emotion, random)
            if len(wave) < _LONGEST_S * SAMPLE_RATE_HZ:
                return sentence, wave


def build_corpus(folder: Path, *, clips: int, seed: int, workers: int) -> None:
    """
    Synthesise a corpus in shards; shards that are there already are kept.

    Parameters
    ----------
    folder : Path
        Where the shards go.
    clips : int
        How many, a multiple of `SHARD_CLIPS`.
    seed : int
        Same seed, same corpus, whatever the number of workers.
    workers : int
        Processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [shard for shard in range(clips // SHARD_CLIPS) if not (folder / f"{shard:03}.npz").exists()]
    # espeak-ng keeps state in the process: a fresh one a shard makes a shard repeatable.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for future in [pool.submit(_write_shard, folder, shard, seed) for shard in missing]:
            future.result()


def load_corpus(folder: Path) -> Corpus:
    """
    Read all shards of a folder.

    Parameters
    ----------
    folder : Path
        What `build_corpus` wrote.

    Returns
    -------
    Corpus
        About 60 MB for each 1,000 clips.
    """
    features, speech, lengths, labels = [], [], [], []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as shard:
            features.append(shard["features"])
            speech.append(shard["speech"])
            lengths.append(shard["lengths"])
        labels += [Label(**record) for record in json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))]
    offsets = np.concatenate(([0], np.cumsum(np.concatenate(lengths))))
    return Corpus(np.concatenate(features), np.concatenate(speech), offsets, labels)


def _write_shard(folder: Path, shard: int, seed: int) -> None:
    maker = ClipMaker(seed)
    clips = [maker.make(index) for index in range(shard * SHARD_CLIPS, (shard + 1) * SHARD_CLIPS)]
    features = [log_mel(clip.wave) for clip in clips]
    # A feature frame looks at 25 ms from its start: its middle lies in the next 10 ms.
    speech = [np.pad(clip.speech, (0, 4))[1 : len(frames) + 1] for clip, frames in zip(clips, features, strict=True)]
    path = folder / f"{shard:03}.json"
    path.write_text(json.dumps([asdict(clip.label) for clip in clips], ensure_ascii=False), encoding="utf-8")
    partial = folder / f"{shard:03}.partial.npz"
    np.savez(
        partial,
        features=np.concatenate(features).astype(np.float16),
        speech=np.concatenate(speech),
        lengths=np.array([len(frames) for frames in features]),
    )
    partial.rename(folder / f"{shard:03}.npz")


def _pad(wave: Signal, random: np.random.Generator) -> Signal:
    return np.pad(wave, (int(random.integers(0, 21)) * 160, int(random.integers(0, 21)) * 160))


def _event_clip(random: np.random.Generator) -> Clip:
    event = str(random.choice(list(EVENTS), p=(0.28, 0.17, 0.1, 0.1, 0.1, 0.14, 0.11)))
    level = random.uniform(-35, -8)
    wave = set_level(EVENTS[event](float(random.uniform(*DURATIONS_S[event])), random), level)
    music = event != "BGM" and random.random() < 0.35
    pads = random.uniform(0, 0.6 if music else 0.25, size=2) * SAMPLE_RATE_HZ
    wave = np.pad(wave, tuple(int(pad) for pad in pads))
    if music:
        bed = set_level(make_music(len(wave) / SAMPLE_RATE_HZ + 0.1, random), level - random.uniform(8, 22))
        wave = wave + bed[: len(wave)]
    return Clip(pass_line(wave, random), np.zeros(len(wave) // 160, dtype=bool), _label_of(event))


def _empty_clip(random: np.random.Generator) -> Clip:
    wave = set_level(make_noise(float(random.uniform(0.4, 6.0)), random), random.uniform(-90, -40))
    return Clip(pass_line(wave, random), np.zeros(len(wave) // 160, dtype=bool), _label_of("Event_UNK"))


def _label_of(event: str) -> Label:
    return Label("nospeech", "EMO_UNKNOWN", event, "", "")
