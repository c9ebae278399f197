"""What the tag parser makes of a recogniser's text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.calls import Emotion, EventKind, Language
from callscope.meaning.tags import EMOTION_TAGS, EVENT_TAGS, ITN_TAGS, LANGUAGE_TAGS, TaggedText, parse_tags

pytestmark = pytest.mark.unit

# The published list, spelt out: a name that is lost from the tables must fail here.
PUBLISHED = {
    "zh": ("language", Language.ZH),
    "en": ("language", Language.EN),
    "yue": ("language", Language.YUE),
    "ja": ("language", Language.JA),
    "ko": ("language", Language.KO),
    "nospeech": ("language", Language.NOSPEECH),
    "HAPPY": ("emotion", Emotion.HAPPY),
    "SAD": ("emotion", Emotion.SAD),
    "ANGRY": ("emotion", Emotion.ANGRY),
    "NEUTRAL": ("emotion", Emotion.NEUTRAL),
    "FEARFUL": ("emotion", Emotion.FEARFUL),
    "DISGUSTED": ("emotion", Emotion.DISGUSTED),
    "SURPRISED": ("emotion", Emotion.SURPRISED),
    "OTHER": ("emotion", Emotion.OTHER),
    "EMO_UNKNOWN": ("emotion", Emotion.EMO_UNKNOWN),
    "Speech": ("event", EventKind.SPEECH),
    "BGM": ("event", EventKind.BGM),
    "Laughter": ("event", EventKind.LAUGHTER),
    "Applause": ("event", EventKind.APPLAUSE),
    "Cry": ("event", EventKind.CRY),
    "Sneeze": ("event", EventKind.SNEEZE),
    "Breath": ("event", EventKind.BREATH),
    "Cough": ("event", EventKind.COUGH),
    "Sing": ("event", EventKind.SING),
    "Speech_Noise": ("event", EventKind.SPEECH_NOISE),
    "GBG": ("event", EventKind.GBG),
    "Event_UNK": ("event", EventKind.EVENT_UNK),
    "withitn": ("itn", True),
    "woitn": ("itn", False),
}


def test_the_usual_text() -> None:
    assert parse_tags("<|zh|><|ANGRY|><|Speech|><|withitn|>还没发货，满300减50。") == TaggedText(
        text="还没发货，满300减50。",
        language=Language.ZH,
        emotion=Emotion.ANGRY,
        event=EventKind.SPEECH,
        itn=True,
        unknown=(),
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_tag_is_known(name: str) -> None:
    field, value = PUBLISHED[name]
    parsed = parse_tags(f"<|{name}|>hello")
    assert getattr(parsed, field) is value
    assert parsed.text == "hello"
    assert parsed.unknown == ()


def test_no_tag_is_known_that_was_never_published() -> None:
    assert {*LANGUAGE_TAGS, *EMOTION_TAGS, *EVENT_TAGS, *ITN_TAGS} == set(PUBLISHED)


def test_unknown_tags_are_data() -> None:
    parsed = parse_tags("<|zh|><|BORED|><|/BGM|>你好")
    assert parsed.unknown == ("BORED", "/BGM")
    assert (parsed.language, parsed.emotion, parsed.text) == (Language.ZH, None, "你好")


def test_a_tag_in_mid_text_is_taken_out_and_the_first_of_a_kind_counts() -> None:
    parsed = parse_tags("<|en|><|SAD|>it is <|Laughter|> fine<|HAPPY|>, thanks")
    assert parsed.text == "it is fine, thanks"
    assert (parsed.emotion, parsed.event) == (Emotion.SAD, EventKind.LAUGHTER)


@pytest.mark.parametrize("text", ["", "   ", "<|", "|>", "<||>", "<|zh", "a < b | c > d", "<|zh>|"])
def test_what_only_looks_like_a_tag_is_text(text: str) -> None:
    parsed = parse_tags(text)
    assert parsed == TaggedText(text.strip(), None, None, None, None, ())


def test_tags_nested_in_one_another_leave_no_tag_behind() -> None:
    assert parse_tags("<|A<|zh|>B|>ok") == TaggedText("ok", Language.ZH, None, None, None, ("AB",))


@given(st.text(st.sampled_from("<|>zhAb 你\n"), max_size=60))
def test_any_text_is_parsed_and_holds_no_tag_afterwards(tagged: str) -> None:
    parsed = parse_tags(tagged)
    assert re.search(r"<\|[^|<>]+\|>", parsed.text) is None
    assert parse_tags(parsed.text).text == parsed.text


@given(
    language=st.sampled_from(sorted(LANGUAGE_TAGS)),
    emotion=st.sampled_from(sorted(EMOTION_TAGS)),
    event=st.sampled_from(sorted(EVENT_TAGS)),
    itn=st.sampled_from(sorted(ITN_TAGS)),
    unknown=st.lists(st.from_regex(r"\A[a-z]{9,12}\Z"), max_size=3),
    text=st.text(st.characters(exclude_characters="<|>"), max_size=40),
)
def test_what_was_written_is_read(  # noqa: PLR0917 - hypothesis passes by name
    language: str, emotion: str, event: str, itn: str, unknown: list[str], text: str
) -> None:
    names = [language, emotion, event, itn, *unknown]
    parsed = parse_tags("".join(f"<|{name}|>" for name in names) + text)
    assert parsed == TaggedText(
        text=" ".join(text.split()),
        language=LANGUAGE_TAGS[language],
        emotion=EMOTION_TAGS[emotion],
        event=EVENT_TAGS[event],
        itn=ITN_TAGS[itn],
        unknown=tuple(unknown),
    )
