"""Sentences of the domain: templates and word salads, each as it is spoken, written, and written with figures."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from random import Random
from typing import Final, cast

import yaml

from training.numbers import spell_digits, spell_number

LANGUAGES: Final = ("zh", "yue", "en", "ja", "ko")
_SLOT: Final = re.compile(r"\{([a-z]+)(?::(\d+)(?:-(\d+))?)?\}")
_PUNCTUATION: Final = re.compile(r"[，。？！、,.?!]")
_PARTICLES: Final = {"は": "わ", "へ": "え"}
_MARKS: Final = {"zh": "，。", "yue": "，。", "ja": "、。", "en": ",.", "ko": ",."}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: ``spoken`` is for the synthesiser, ``plain`` has no ITN, ``normal`` has figures and punctuation."""

    language: str
    spoken: str
    plain: str
    normal: str


@dataclass(frozen=True, slots=True)
class Grammar:
    """What can be said in one language: slots, training templates, held-out templates, loose words."""

    language: str
    slots: Mapping[str, Sequence[str]]
    templates: Sequence[str]
    heldout: Sequence[str]
    words: Sequence[str]


def load_grammar(language: str) -> Grammar:
    """
    Read the grammar of a language from its data file.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.

    Returns
    -------
    Grammar
        Everything as text: ``yes`` and ``no`` are words here, not booleans.
    """
    raw = files("training").joinpath("text", f"{language}.yaml").read_text(encoding="utf-8")
    data = cast("dict[str, object]", yaml.load(raw, Loader=yaml.BaseLoader))  # noqa: S506 - BaseLoader builds only strings
    return Grammar(
        language,
        cast("dict[str, list[str]]", data["slots"]),
        cast("list[str]", data["templates"]),
        cast("list[str]", data["heldout"]),
        cast("list[str]", data["words"]),
    )


def expand_template(template: str, grammar: Grammar, random: Random) -> Sentence:
    """
    Fill a template's slots and write it three ways.

    Parameters
    ----------
    template : str
        Text with ``{slot}``, ``{num:low-high}``, ``{round:low-high}`` (tens) and ``{digits:count}``.
    grammar : Grammar
        Holds the slots.
    random : Random
        Decides the fillings.

    Returns
    -------
    Sentence
        The same filling in its three forms.
    """
    spoken: list[str] = []
    plain: list[str] = []
    normal: list[str] = []
    position = 0
    for match in _SLOT.finditer(template):
        for parts in (spoken, plain, normal):
            parts.append(template[position : match.start()])
        position = match.end()
        said, written, figures = _fill(match, grammar, random)
        spoken.append(said)
        plain.append(written)
        normal.append(figures)
    for parts in (spoken, plain, normal):
        parts.append(template[position:])
    return write_sentence("".join(spoken), "".join(plain), "".join(normal), grammar.language)


def literal_sentence(text: str, language: str) -> Sentence:
    """
    Write a sentence that has no slots but may have ``<figures>`` and ``#number#`` marks.

    Parameters
    ----------
    text : str
        ``<123>`` is read figure by figure, ``#12#`` as a number; the rest as in a template.
    language : str
        One of `LANGUAGES`.

    Returns
    -------
    Sentence
        The three forms.
    """
    spoken = re.sub(r"<(\d+)>", lambda match: _group_digits(match[1], language), text)
    plain = re.sub(r"<(\d+)>", lambda match: spell_digits(match[1], language)[1], text)
    spoken = re.sub(r"#(\d+)#", lambda match: spell_number(int(match[1]), language)[0], spoken)
    plain = re.sub(r"#(\d+)#", lambda match: spell_number(int(match[1]), language)[1], plain)
    return write_sentence(spoken, plain, re.sub(r"[<>#]", "", text), language)


def salad_sentence(grammar: Grammar, random: Random) -> Sentence:
    """
    Draw loose words in a row, so that a net must hear them and can't guess them from the sentence.

    Parameters
    ----------
    grammar : Grammar
        Holds words and slots; both are drawn.
    random : Random
        Decides.

    Returns
    -------
    Sentence
        Two to six words, sometimes with figures among them.
    """
    pool = [*grammar.words, *(word for values in grammar.slots.values() for word in values)]
    words = [random.choice(pool) for _ in range(random.randint(2, 6))]
    if random.random() < 0.2:
        words[random.randrange(len(words))] = random.choice(("{digits:4}", "{num:2-99}", "{round:100-900}"))
    comma, stop = tuple(_MARKS[grammar.language])
    if len(words) > 3 and random.random() < 0.4:
        words.insert(2, comma)
    spaced = grammar.language in {"en", "ko", "ja"}
    template = (" " if spaced else "").join([*words, stop])
    return expand_template(re.sub(r" ([,.])", r"\1", template), grammar, random)


def join_sentences(first: Sentence, second: Sentence) -> Sentence:
    """
    Join the texts of two sentences that are heard in one region.

    Parameters
    ----------
    first, second : Sentence
        Of the same language.

    Returns
    -------
    Sentence
        Both, with a space between where the language has spaces.
    """
    gap = " " if first.language in {"en", "ko"} else ""
    return Sentence(
        first.language,
        first.spoken + " " + second.spoken,
        first.plain + gap + second.plain,
        first.normal + gap + second.normal,
    )


def write_sentence(spoken: str, plain: str, normal: str, language: str) -> Sentence:
    """
    Bring the three forms to their written conventions: readings, spaces, capitals, punctuation.

    Parameters
    ----------
    spoken, plain, normal : str
        The filled template; words may carry ``written|reading``.
    language : str
        One of `LANGUAGES`.

    Returns
    -------
    Sentence
        ``plain`` without punctuation, ``normal`` with it.
    """
    if language == "ja":
        tokens = spoken.split()
        spoken = " ".join(_PARTICLES.get(token, token.rpartition("|")[2]) for token in tokens)
        plain, normal = ("".join(token.partition("|")[0] for token in text.split()) for text in (plain, normal))
    plain = _PUNCTUATION.sub(" " if language in {"en", "ko"} else "", plain)
    plain = re.sub(r"\s+", " ", plain).strip()
    if language == "en":
        normal = re.sub(r"\bi\b", "I", normal)
        normal = re.sub(r"(^|[.?!] )([a-z])", lambda match: match[1] + match[2].upper(), normal)
    return Sentence(language, spoken, plain, normal.strip())


def _fill(match: re.Match[str], grammar: Grammar, random: Random) -> tuple[str, str, str]:
    kind, low, high = match[1], int(match[2] or 0), int(match[3] or 0)
    match kind:
        case "digits":
            figures = "".join(random.choice("0123456789") for _ in range(low))
            grouped = _group_digits(figures, grammar.language) if random.random() < 0.6 else None
            said, written = spell_digits(figures, grammar.language)
            return grouped or said, written, figures
        case "num":
            value = random.randint(low, high)
            return *spell_number(value, grammar.language), str(value)
        case "round":
            value = random.randrange(low, high + 1, 10)
            return *spell_number(value, grammar.language), str(value)
        case _:
            word = random.choice(grammar.slots[kind])
            return word, word, word


def _group_digits(figures: str, language: str) -> str:
    comma = _MARKS[language][0] + " "
    return comma.join(spell_digits(figures[at : at + 4], language)[0] for at in range(0, len(figures), 4))
