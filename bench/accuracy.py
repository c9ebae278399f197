"""
Stage "accuracy": what a number format costs in errors, with the demo checkpoint on speech that it was not trained on.

The held-out set is what ``python -m training held-out`` writes (it needs espeak-ng). Where it isn't there, the turns
of the sample calls stand in, cut at their reference times: far fewer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile
from rapidfuzz.distance import Levenshtein
from rich.table import Table

from bench.calls import SAMPLES
from bench.engines import EXACT, find_engines
from bench.stage import Bench, Missing
from callscope.calls import Emotion, EventKind, Language, Transcript
from callscope.evaluation import Hits, normalise, read_reference
from callscope.ports import Channel, Clip
from callscope.settings import Settings
from callscope.sound.audio import AudioLimits, decode
from callscope.timeline import Interval
from workers.recogniser import load_recogniser

HELDOUT = "held-out set"
TURNS = "turns of the sample calls: there is no held-out set, `python -m training held-out` makes it"

_CHECKPOINT = "demo"
_QUICK_UTTERANCES = 20
_MARGIN_MS = 100
"""Around a turn of a sample call."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clip, and the truth about it."""

    clip: Clip
    text: str
    """Empty where nobody speaks."""
    language: Language
    emotion: Emotion
    event: EventKind


@dataclass(frozen=True, slots=True)
class Errors:
    """Of some texts, as `callscope.evaluation` compares them."""

    edits: int
    characters: int

    @property
    def cer(self) -> float:
        """Character error rate."""
        return self.edits / max(1, self.characters)

    def points_over(self, other: Errors) -> float:
        """Return how many percentage points its rate lies above another's."""
        return 100 * (self.cer - other.cer)


@dataclass(frozen=True, slots=True)
class Score:
    """What one engine makes of the utterances."""

    errors: Errors
    by_language: Mapping[Language, Errors]
    """Of what is spoken."""
    language: Hits
    emotion: Hits
    event: Hits
    same: Hits
    """Transcripts with the text and the tags of `EXACT`."""

    def as_data(self, exact: Score) -> dict[str, object]:
        """Return the JSON form; ``points`` are percentage points of CER more than ``exact`` has."""

        def rates(own: Errors, other: Errors) -> dict[str, float]:
            return {"cer": round(own.cer, 5), "points": round(own.points_over(other), 3)}

        return {
            **rates(self.errors, exact.errors),
            "by_language": {
                language: rates(errors, exact.by_language[language]) for language, errors in self.by_language.items()
            },
            "language_right": round(self.language.share, 4),
            "emotion_right": round(self.emotion.share, 4),
            "event_right": round(self.event.share, 4),
            f"same_as_{EXACT}": round(self.same.share, 4),
        }


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What the stage found out."""

    material: str
    utterances: int
    exact: Score
    """Of `EXACT`."""
    engines: Mapping[str, Score | Missing]

    def as_data(self) -> dict[str, object]:
        """Return the stage's part of the JSON document."""
        return {
            "checkpoint": _CHECKPOINT,
            "material": self.material,
            "utterances": self.utterances,
            "engines": {
                name: found.as_data() if isinstance(found, Missing) else found.as_data(self.exact)
                for name, found in self.engines.items()
            },
        }

    def tables(self) -> list[Table]:
        """Return what a person is shown."""
        title = f"Accuracy of the demo checkpoint: {self.utterances} utterances, {self.material}"
        table = Table(title=title, title_justify="left", header_style="bold")
        table.add_column("engine")
        headings = ("CER", "points", *self.exact.by_language, "language", "emotion", "event", f"as {EXACT}")
        for heading in headings:
            table.add_column(heading, justify="right")
        for name, found in self.engines.items():
            match found:
                case Missing(package=package, why=why):
                    table.add_row(name, f"{why}: pip install {package}")
                case Score():
                    table.add_row(
                        name,
                        f"{found.errors.cer:.2%}",
                        f"{found.errors.points_over(self.exact.errors):+.2f}",
                        *(f"{errors.cer:.2%}" for errors in found.by_language.values()),
                        *(f"{hits.share:.1%}" for hits in (found.language, found.emotion, found.event, found.same)),
                    )
        return [table]


def run(bench: Bench) -> Accuracy:
    """Read the utterances with each engine that the device has."""
    material, utterances = find_utterances(bench.folder.parent / "training" / "heldout")
    if bench.quick:
        utterances = utterances[:: -(-len(utterances) // _QUICK_UTTERANCES)]
    bench.progress(f"accuracy: {len(utterances)} utterances, {material}")
    demo = bench.settings.model_copy(update={"checkpoint": _CHECKPOINT, "vad_checkpoint": None})
    found = {name: _read(own, utterances) for name, own in find_engines(demo)}
    exact = found[EXACT]
    assert not isinstance(exact, Missing)  # noqa: S101 - torch is what callscope itself needs
    scores = {
        name: own if isinstance(own, Missing) else score(utterances, own, exact=exact) for name, own in found.items()
    }
    return Accuracy(material, len(utterances), score(utterances, exact, exact=exact), scores)


def find_utterances(heldout: Path) -> tuple[str, list[Utterance]]:
    """Return `HELDOUT` or `TURNS`, and what it holds."""
    manifest = heldout / "manifest.jsonl"
    if manifest.is_file():
        lines = manifest.read_text(encoding="utf-8").splitlines()
        return HELDOUT, [_read_clip(heldout, json.loads(line)) for line in lines]
    return TURNS, [turn for path in sorted((SAMPLES / "reference").glob("*.json")) for turn in _read_turns(path)]


def score(utterances: Sequence[Utterance], heard: Sequence[Transcript], *, exact: Sequence[Transcript]) -> Score:
    """
    Hold transcripts to the truth, and to those of an exact engine.

    Parameters
    ----------
    utterances : sequence of Utterance
        The truth.
    heard, exact : sequence of Transcript
        Of the same utterances.
    """
    pairs = list(zip(utterances, heard, strict=True))
    spoken = [language for language in Language if any(true.text for true, _ in pairs if true.language is language)]
    return Score(
        errors=_count(pairs),
        by_language={language: _count([pair for pair in pairs if pair[0].language is language]) for language in spoken},
        language=_hits(true.language is own.language for true, own in pairs),
        emotion=_hits(true.emotion is own.emotion for true, own in pairs),
        event=_hits(true.event is own.event for true, own in pairs),
        same=_hits(_said(own) == _said(other) for own, other in zip(heard, exact, strict=True)),
    )


def _read(settings: Settings | Missing, utterances: Sequence[Utterance]) -> list[Transcript] | Missing:
    if isinstance(settings, Missing):
        return settings
    with load_recogniser(settings) as recogniser:
        return recogniser.transcribe([utterance.clip for utterance in utterances])


def _read_clip(folder: Path, record: Mapping[str, Any]) -> Utterance:
    samples, rate = soundfile.read(folder / record["audio"], dtype="int16")
    channel = Channel(samples, rate)
    return Utterance(
        Clip(channel, Interval(0, channel.duration_ms)),
        text=record["text"],
        language=Language(record["language"]),
        emotion=Emotion(record["emotion"]),
        event=EventKind(record["events"][0]),
    )


def _read_turns(path: Path) -> Iterator[Utterance]:
    reference = read_reference(path)
    audio = decode(SAMPLES / reference.file, limits=AudioLimits(max_duration_ms=2 * reference.duration_ms))
    for turn in reference.turns:
        channel = audio.channels[turn.channel]
        when = Interval(max(0, turn.start_ms - _MARGIN_MS), min(channel.duration_ms, turn.end_ms + _MARGIN_MS))
        behind = [sound for sound in reference.events if sound.channel == turn.channel]
        is_alone = not any(when.overlap_ms(Interval(sound.start_ms, sound.end_ms)) for sound in behind)
        event = EventKind.SPEECH if is_alone else EventKind.BGM
        yield Utterance(Clip(channel, when), turn.text, turn.language, turn.emotion, event)


def _count(pairs: Iterable[tuple[Utterance, Transcript]]) -> Errors:
    texts = [(normalise(true.text), normalise(own.text)) for true, own in pairs]
    return Errors(sum(Levenshtein.distance(*pair) for pair in texts), sum(len(true) for true, _ in texts))


def _hits(outcomes: Iterable[bool]) -> Hits:
    found = list(outcomes)
    return Hits(sum(found), len(found))


def _said(transcript: Transcript) -> tuple[str, Language, Emotion, EventKind]:
    return transcript.text, transcript.language, transcript.emotion, transcript.event
