"""The tags that the recogniser writes into its text: ``<|zh|><|ANGRY|><|Speech|><|withitn|>text``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from callscope.calls import Emotion, EventKind, Language

LANGUAGE_TAGS: Mapping[str, Language] = MappingProxyType({language.value: language for language in Language})
"""Tag names of the languages, as the recogniser spells them."""

EMOTION_TAGS: Mapping[str, Emotion] = MappingProxyType({emotion.value: emotion for emotion in Emotion})
"""Tag names of the emotions."""

EVENT_TAGS: Mapping[str, EventKind] = MappingProxyType(
    {
        "Speech": EventKind.SPEECH,
        "BGM": EventKind.BGM,
        "Laughter": EventKind.LAUGHTER,
        "Applause": EventKind.APPLAUSE,
        "Cry": EventKind.CRY,
        "Sneeze": EventKind.SNEEZE,
        "Breath": EventKind.BREATH,
        "Cough": EventKind.COUGH,
        "Sing": EventKind.SING,
        "Speech_Noise": EventKind.SPEECH_NOISE,
        "GBG": EventKind.GBG,
        "Event_UNK": EventKind.EVENT_UNK,
    }
)
"""Tag names of the events; silence and crosstalk have none, callscope derives them."""

ITN_TAGS: Mapping[str, bool] = MappingProxyType({"withitn": True, "woitn": False})
"""Tag names of inverse text normalisation (digits and punctuation as written)."""

_TAG = re.compile(r"<\|([^|<>]+)\|>")

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class TaggedText:
    """A recogniser's text, taken apart. The first tag of a kind counts; a kind without a tag is None."""

    text: str
    """Without tags; runs of whitespace are one space, none at the ends."""
    language: Language | None
    emotion: Emotion | None
    event: EventKind | None
    itn: bool | None
    """Whether inverse text normalisation was applied."""
    unknown: tuple[str, ...]
    """Names of the tags that are none of the above, in their order: a newer checkpoint's, kept as they came."""


def parse_tags(tagged: str) -> TaggedText:
    """
    Take a recogniser's text apart into its tags and what was said.

    Parameters
    ----------
    tagged : str
        Such as ``<|zh|><|ANGRY|><|Speech|><|withitn|>还没发货。``. Tags may be missing, unknown, or in mid-text.

    Returns
    -------
    TaggedText
        Its text holds no tag, wherever the tags stood.
    """
    text, names = tagged, list[str]()
    # Taking a tag out may close a gap that spells another one, so: until none is left.
    while found := _TAG.findall(text):
        names += found
        text = _TAG.sub("", text)
    known = LANGUAGE_TAGS.keys() | EMOTION_TAGS.keys() | EVENT_TAGS.keys() | ITN_TAGS.keys()
    return TaggedText(
        text=" ".join(text.split()),
        language=_first(names, LANGUAGE_TAGS),
        emotion=_first(names, EMOTION_TAGS),
        event=_first(names, EVENT_TAGS),
        itn=_first(names, ITN_TAGS),
        unknown=tuple(name for name in names if name not in known),
    )


def _first(names: list[str], kinds: Mapping[str, _Kind]) -> _Kind | None:
    return next((kinds[name] for name in names if name in kinds), None)
