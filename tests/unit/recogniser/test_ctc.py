"""Runs of frames become tokens, and tokens words with their times."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import Emotion, EventKind, Language, Word
from callscope.meaning.tags import EVENT_TAGS
from tests.checkpoints import BPE_MODEL
from workers.recogniser.checkpoint import FrontendConfig
from workers.recogniser.ctc import FrameClock, TagScores, Token, collapse, time_words, transcribe
from workers.recogniser.engine import Reading
from workers.recogniser.tokens import Tokenizer

pytestmark = pytest.mark.unit

CLOCK = FrameClock.of(FrontendConfig(lfr_m=7, lfr_n=6))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer(folder / BPE_MODEL)


def test_runs_are_collapsed_and_blanks_left_out() -> None:
    assert collapse([5, 5, 0, 5, 7, 7, 0], blank=0) == [Token(5, 0, 2), Token(5, 3, 4), Token(7, 4, 6)]
    assert collapse([], blank=0) == []
    assert collapse([0, 0], blank=0) == []


@pytest.mark.parametrize(("frame", "start_ms"), [(0, 0), (4, 0), (5, 42), (6, 102), (20, 942)])
def test_a_frame_begins_half_a_frame_before_its_middle(frame: int, start_ms: int) -> None:
    # Frame 5 is the second after the prefix: its stack's middle is the window of 25 ms that begins at 60 ms.
    assert CLOCK.start_ms(frame) == start_ms


def _pieces(*texts: str) -> list[tuple[str, Token]]:
    return [(text, Token(0, 5 + 2 * index, 6 + 2 * index)) for index, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["你", "好", "。"], ["你", "好。"]),
        (["hel", "lo", " wor", "ld", "."], ["hello", "world."]),
        (["满", "3", "0", "0", "减", "50"], ["满", "300", "减", "50"]),
        (["ありが", "とう"], ["あ", "り", "が", "と", "う"]),
        (["네", " 감사"], ["네", "감", "사"]),
        (["好", "，", "the", " end"], ["好，", "the", "end"]),
        (["don", "'t", " pay", " $", "3", ".", "5"], ["don't", "pay", "$3.5"]),
        ([" ", "a", " ", "b"], ["a", "b"]),
        (["。", "好"], ["。", "好"]),
        ([], []),
    ],
)
def test_words_are_gathered(pieces: list[str], words: list[str]) -> None:
    assert [word.text for word in time_words(_pieces(*pieces), clock=CLOCK, duration_ms=60_000)] == words


def test_a_word_lasts_from_its_first_peak_to_its_last() -> None:
    pieces = [("hel", Token(9, 5, 6)), ("lo", Token(10, 8, 10)), (" you", Token(11, 12, 13))]
    assert time_words(pieces, clock=CLOCK, duration_ms=500) == (Word("hello", 42, 342), Word("you", 462, 500))


def test_punctuation_does_not_make_its_word_longer() -> None:
    pieces = [("好", Token(9, 5, 6)), ("，", Token(10, 15, 16)), ("的", Token(11, 20, 21))]
    assert time_words(pieces, clock=CLOCK, duration_ms=2_000) == (Word("好，", 42, 102), Word("的", 942, 1_002))


def test_letters_of_one_piece_share_its_time() -> None:
    assert time_words([("你好", Token(9, 5, 7))], clock=CLOCK, duration_ms=500) == (
        Word("你", 42, 102),
        Word("好", 102, 162),
    )


@given(
    texts=st.lists(st.text(st.sampled_from("ab3 ,.你好，。あ가ー' "), min_size=0, max_size=4), max_size=12),
    gaps=st.lists(st.integers(0, 5), min_size=12, max_size=12),
    duration_ms=st.integers(0, 3_000),
)
def test_words_hold_every_letter_in_order_within_the_clip(texts: list[str], gaps: list[int], duration_ms: int) -> None:
    frame, pieces = 0, []
    for text, gap in zip(texts, gaps, strict=False):
        pieces.append((text, Token(1, frame + gap, frame + gap + 1)))
        frame += gap + 1
    words = time_words(pieces, clock=CLOCK, duration_ms=duration_ms)
    assert "".join(word.text for word in words) == "".join("".join(texts).split())
    bounds = [bound for word in words for bound in (word.start_ms, word.end_ms)]
    assert bounds == sorted(bounds)
    assert all(0 <= bound <= duration_ms for bound in bounds)


def test_a_transcript_is_made_of_text_tags_and_words(tokenizer: Tokenizer) -> None:
    language, emotion = tokenizer.languages[Language.ZH], tokenizer.emotions[Emotion.ANGRY]
    event = tokenizer.events[EventKind.SPEECH]
    itn, you, good = tokenizer._pieces.encode("<|withitn|>你好")
    transcript = transcribe(
        Reading(
            [language, emotion, event, itn, 0, you, you, 0, good],
            {Language.EN: 0.3, Language.ZH: 0.7},
            {Emotion.ANGRY: 1.0},
            {EventKind.SPEECH: 1.0},
        ),
        tokenizer=tokenizer,
        blank=0,
        clock=CLOCK,
        duration_ms=300,
    )
    assert transcript.text == "你好"
    assert transcript.language is Language.ZH
    assert transcript.words == (Word("你", 42, 162), Word("好", 222, 282))
    assert transcript.token_ids == (language, emotion, event, itn, you, good)


def test_an_engine_s_own_text_comes_first(tokenizer: Tokenizer) -> None:
    certain = ({Language.EN: 1.0}, {Emotion.ANGRY: 1.0}, {EventKind.SPEECH: 1.0})
    reading = Reading([0, 0, 0, 0, 0], *certain, text="<|en|><|ANGRY|><|Speech|><|withitn|>three days")
    transcript = transcribe(reading, tokenizer=tokenizer, blank=0, clock=CLOCK, duration_ms=300)
    assert transcript.text == "three days"


def test_each_kind_of_tag_is_read_at_its_own_frame(tokenizer: Tokenizer) -> None:
    prefix = np.zeros((3, tokenizer.size), dtype=np.float32)
    prefix[0, tokenizer.languages[Language.JA]] = 9
    prefix[1, tokenizer.emotions[Emotion.SAD]] = 9
    prefix[2, tokenizer.events[EventKind.BGM]] = 900
    prefix[1, tokenizer.events[EventKind.CRY]] = 99  # another kind's frame: must not count
    tags = TagScores(tokenizer)
    reading = tags.reading([0] * 7, prefix[tags.frames, tags.ids])
    assert max(reading.languages, key=reading.languages.__getitem__) is Language.JA
    assert max(reading.emotions, key=reading.emotions.__getitem__) is Emotion.SAD
    assert max(reading.events, key=reading.events.__getitem__) is EventKind.BGM
    assert sum(reading.languages.values()) == pytest.approx(1)
    assert reading.events[EventKind.BGM] == 1
    assert set(reading.emotions) == set(Emotion)
    assert set(reading.events) == set(EVENT_TAGS.values())
    assert len(reading.frame_ids) == 7
