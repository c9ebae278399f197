"""From the CTC head's frames to a transcript: tokens, text, words with their times."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from callscope.calls import Transcript, Word
from callscope.meaning.tags import parse_tags
from workers.recogniser.checkpoint import FrontendConfig
from workers.recogniser.encoder import PREFIX_FRAMES
from workers.recogniser.engine import Reading
from workers.recogniser.tokens import Tokenizer

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class Token:
    """A run of equal ids in the output frames."""

    id: int
    start_frame: int
    end_frame: int
    """The first frame after the run."""


@dataclass(frozen=True, slots=True)
class FrameClock:
    """When an output frame is, in milliseconds from the clip's first sample."""

    frame_ms: int
    """From one output frame to the next."""
    centre_ms: int
    """Middle of the first frame after the prefix."""

    @classmethod
    def of(cls, config: FrontendConfig) -> FrameClock:
        """Return the clock of a front end: a stack of frames lies around the middle one."""
        return cls(frame_ms=config.frame_shift * config.lfr_n, centre_ms=config.frame_length // 2)

    def start_ms(self, frame: int) -> int:
        """Return when an output frame begins; the prefix, and what reaches before the clip, counts as 0."""
        return max(0, (frame - PREFIX_FRAMES) * self.frame_ms + self.centre_ms - self.frame_ms // 2)


class TagScores:
    """
    Where the scores of the tags are: language, emotion and event each have an output frame of their own.

    Parameters
    ----------
    tokenizer : Tokenizer
        Knows the tags' ids; a tag that this vocabulary lacks is in no distribution.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        kinds = [list(ids.values()) for ids in (tokenizer.languages, tokenizer.emotions, tokenizer.events)]
        self.frames = [frame for frame, ids in enumerate(kinds) for _ in ids]
        """Of each tag, the output frame that tells of its kind."""
        self.ids = [token_id for ids in kinds for token_id in ids]
        """Of each tag, its token."""

    def reading(self, frame_ids: Sequence[int], scores: NDArray[np.float32], *, text: str | None = None) -> Reading:
        """
        Return a reading.

        Parameters
        ----------
        frame_ids : sequence of int
            The most probable token of each output frame, the prefix included.
        scores : array, shape (tags,)
            What the CTC head says at `frames` of `ids`.
        text : str, optional
            With its tags, where the engine spells by itself.
        """
        after_languages = len(self._tokenizer.languages)
        after_emotions = after_languages + len(self._tokenizer.emotions)
        return Reading(
            frame_ids=frame_ids,
            languages=_distribution(self._tokenizer.languages, scores[:after_languages]),
            emotions=_distribution(self._tokenizer.emotions, scores[after_languages:after_emotions]),
            events=_distribution(self._tokenizer.events, scores[after_emotions:]),
            text=text,
        )


def _distribution(kinds: Iterable[_Kind], scores: NDArray[np.float32]) -> dict[_Kind, float]:
    """Return the probability of each kind, by softmax."""
    weights = np.exp((scores - scores.max()).astype(np.float64))
    return dict(zip(kinds, (weights / weights.sum()).tolist(), strict=True))


def collapse(frame_ids: Sequence[int], *, blank: int) -> list[Token]:
    """Return the runs of equal ids, blanks left out: CTC's greedy reading."""
    tokens, frame = [], 0
    for token_id, run in groupby(frame_ids):
        end = frame + sum(1 for _ in run)
        if token_id != blank:
            tokens.append(Token(token_id, frame, end))
        frame = end
    return tokens


def transcribe(
    reading: Reading, *, tokenizer: Tokenizer, blank: int, clock: FrameClock, duration_ms: int
) -> Transcript:
    """
    Return the transcript of a reading.

    Parameters
    ----------
    reading : Reading
        Of one clip. Its own text, where it has one, is taken before what the tokens spell.
    tokenizer : Tokenizer
        Of the same checkpoint.
    blank : int
        CTC's blank.
    clock : FrameClock
        Of the same checkpoint's front end.
    duration_ms : int >= 0
        Length of the clip; no word ends after it.

    Returns
    -------
    Transcript
        Its words, joined without spaces, are its text without spaces.
    """
    tokens = collapse(reading.frame_ids, blank=blank)
    spelling = tokenizer.spell([token.id for token in tokens])
    spoken = [pair for pair in zip(spelling.pieces, tokens, strict=True) if not tokenizer.is_tag(pair[1].id)]
    return Transcript(
        text=parse_tags(spelling.text if reading.text is None else reading.text).text,
        language=max(reading.languages, key=reading.languages.__getitem__),
        emotion_distribution=reading.emotions,
        event_distribution=reading.events,
        words=time_words(spoken, clock=clock, duration_ms=duration_ms),
        token_ids=tuple(token.id for token in tokens),
    )


def time_words(pieces: Sequence[tuple[str, Token]], *, clock: FrameClock, duration_ms: int) -> tuple[Word, ...]:
    """
    Gather pieces into words.

    A wide letter (ideograph, kana, hangul) is a word by itself; narrow ones, digits too, are gathered up to the next
    space or wide letter. Punctuation stays with what it touches on its left.

    Parameters
    ----------
    pieces : sequence of (str, Token)
        Text and frames, in order; no tags among them. A piece of several letters shares its frames out evenly.
    clock : FrameClock
        When a frame is.
    duration_ms : int >= 0
        Length of the clip.

    Returns
    -------
    tuple of Word
        Ascending, disjoint, within [0, duration_ms]. The times are those of CTC's peaks: where the network was sure
        of a word, within one frame (60 ms); not where the sound begins and ends.
    """
    words: list[Word] = []
    previous = " "
    for text, token in pieces:
        start_ms = min(clock.start_ms(token.start_frame), duration_ms)
        span_ms = min(clock.start_ms(token.end_frame), duration_ms) - start_ms
        count, nth = len("".join(text.split())), 0
        for letter in text:
            if not letter.isspace():
                begin_ms, nth = start_ms + span_ms * nth // count, nth + 1
                end_ms = start_ms + span_ms * nth // count
                if previous.isspace() or (letter.isalnum() and (_is_wide(letter) or _is_wide(previous))):
                    words.append(Word(letter, begin_ms, end_ms))
                else:
                    # A mark has a peak too, but where the pause is, not the word.
                    until_ms = end_ms if letter.isalnum() else words[-1].end_ms
                    words[-1] = Word(words[-1].text + letter, words[-1].start_ms, until_ms)
            previous = letter
    return tuple(words)


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in {"W", "F", "H"}
