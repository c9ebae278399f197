"""Numbers: which runs of digits name something, within a segment and over the pause to the next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from callscope.calls import Segment
from callscope.meaning.entities.cues import find_cue
from callscope.meaning.entities.digits import MIN_DIGITS, Figure, Run, count_digits, find_runs, split_at_breaks
from callscope.meaning.entities.mention import Mention
from callscope.meaning.entities.shapes import MIN_PROBABILITY, read_number

MAX_PAUSE_MS = 5_000
"""A number may go on in the next segment of its channel after so long."""

JOINED_FACTOR = 0.9
"""It goes on over a pause, in which it may as well have ended."""

_MAX_DIGITS = 20
_PLUS = re.compile(r"(?:\+|(?<![a-z])plus|加)\s*\Z")
_LETTERS = re.compile(r"(?<![a-z])[a-z]{1,2}(?P<gap>[\s-]*)\Z")
_CHECK_LETTER = re.compile(r"[\s-]*\(?(?P<letter>[ax])(?![a-z])")


def find_numbers(segments: Sequence[Segment], texts: Sequence[str]) -> list[Mention]:
    """
    Return the order, telephone, identity and card numbers of a call.

    Parameters
    ----------
    segments : sequence of Segment
        Ascending by start.
    texts : sequence of str
        Theirs, folded.

    Returns
    -------
    list of Mention
        At most one for each run of digits, or for several that are one number with pauses in it.
    """
    runs = [find_runs(text, number) if text else [] for number, text in enumerate(texts)]
    followers = _followers(segments, texts)
    continued: set[int] = set()
    mentions = list[Mention]()
    for number, in_segment in enumerate(runs):
        for index, run in enumerate(in_segment):
            if index == 0 and number in continued:
                continue
            chain = _chain(run, number, runs, followers)
            mention, length = _read_chain(chain, segments, texts)
            if mention is not None:
                mentions.append(mention)
                continued.update(part.figures[0].segment_no for part in chain[1:length])
    return mentions


def _followers(segments: Sequence[Segment], texts: Sequence[str]) -> dict[int, int]:
    """Return for each segment the one in which its speaker goes on, where that is soon."""
    followers: dict[int, int] = {}
    last: dict[int, int] = {}
    for number, segment in enumerate(segments):
        if texts[number]:
            before = last.get(segment.channel)
            if (
                before is not None
                # On a channel that both share, the other's echo is no continuation.
                and segments[before].role is segment.role
                and segment.start_ms - segments[before].end_ms <= MAX_PAUSE_MS
            ):
                followers[before] = number
            last[segment.channel] = number
    return followers


def _chain(run: Run, number: int, runs: Sequence[Sequence[Run]], followers: dict[int, int]) -> list[Run]:
    chain, digits = [run], count_digits(run.figures)
    while run.closes and (follower := followers.get(number)) is not None and runs[follower]:
        number, run = follower, runs[follower][0]
        digits += count_digits(run.figures)
        if not run.opens or digits > _MAX_DIGITS:
            break
        chain.append(run)
    return chain


def _read_chain(chain: list[Run], segments: Sequence[Segment], texts: Sequence[str]) -> tuple[Mention | None, int]:
    """Return the first number of a chain, and how many runs it takes up."""
    alone = [_read_figures(run.figures, segments, texts) for run in chain]
    for length in range(len(chain), 1, -1):
        figures = tuple(figure for run in chain[:length] for figure in run.figures)
        joined = _read_figures(figures, segments, texts, factor=JOINED_FACTOR)
        rivals = [mention.probability for mention in alone[:length] if mention is not None]
        if joined is not None and joined.probability > max(rivals, default=0.0):
            return joined, length
    return alone[0], 1


def _read_figures(
    figures: tuple[Figure, ...], segments: Sequence[Segment], texts: Sequence[str], *, factor: float = 1.0
) -> Mention | None:
    best: Mention | None = None
    for choice in _choices(figures):
        first, last = choice[0], choice[-1]
        cue = find_cue(texts, first.segment_no, first.start, _end_in_first(choice))
        language = segments[first.segment_no].language
        spoken = any(figure.spoken for figure in choice)
        for value, start, last_end in _values(choice, texts, named=cue.named is not None or cue.asked is not None):
            read = read_number(value, cue, language, spoken=spoken)
            if read is None or (probability := read[1] * factor) < MIN_PROBABILITY:
                continue
            if best is None or probability > best.probability:
                best = Mention(
                    segment_no=first.segment_no,
                    kind=read[0],
                    value=value,
                    start=start,
                    end=last_end if first.segment_no == last.segment_no else _end_in_first(choice),
                    probability=probability,
                    last_segment_no=last.segment_no,
                    last_end=last_end,
                )
    return best


def _choices(figures: tuple[Figure, ...]) -> Iterator[tuple[Figure, ...]]:
    """Yield what of a run may be one number: all of it, all but a doubtful edge, each long part between breaks."""
    if count_digits(figures) < MIN_DIGITS - 1:
        return
    yield figures
    if figures[0].doubtful:
        yield figures[1:]
    if figures[-1].doubtful:
        yield figures[:-1]
    parts = split_at_breaks(figures)
    if len(parts) > 1:
        yield from (part for part in parts if count_digits(part) >= MIN_DIGITS)


def _values(figures: tuple[Figure, ...], texts: Sequence[str], *, named: bool) -> Iterator[tuple[str, int, int]]:
    """Yield how the digits may be meant, with where that starts in the first segment and ends in the last."""
    first, last = figures[0], figures[-1]
    digits, start, end = "".join(figure.digits for figure in figures), first.start, last.end
    yield digits, start, end
    before, after = texts[first.segment_no][:start], texts[last.segment_no]
    if plus := _PLUS.search(before):
        yield f"+{digits}", plus.start(), end
    letter = _CHECK_LETTER.match(after, end)
    if letter and letter["letter"] == "x" and len(digits) == 17:  # noqa: PLR2004 - the eighteenth of a resident's
        yield f"{digits}X", start, letter.end()
    # "A 1234563" is a card's number, "is a 1234567" the article: apart, it needs a word for it.
    if (prefix := _LETTERS.search(before)) and (named or not prefix["gap"]):
        letters = prefix[0].strip(" -").upper()
        yield f"{letters}{digits}", prefix.start(), end
        if letter and letter["letter"] == "a":
            yield f"{letters}{digits}A", prefix.start(), letter.end()


def _end_in_first(figures: tuple[Figure, ...]) -> int:
    return max(figure.end for figure in figures if figure.segment_no == figures[0].segment_no)
