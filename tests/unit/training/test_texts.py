import itertools
import re
from random import Random

import pytest

from training.numbers import spell_digits, spell_number
from training.scenes import load_calls
from training.texts import (
    LANGUAGES,
    Sentence,
    expand_template,
    join_sentences,
    literal_sentence,
    load_grammar,
    salad_sentence,
)

pytestmark = pytest.mark.unit

_FILLER = re.compile(r"\{[^}]*\}")


@pytest.mark.parametrize(
    ("language", "value", "written"),
    [
        ("zh", 2, "两"),
        ("zh", 12, "十二"),
        ("zh", 200, "两百"),
        ("zh", 350, "三百五十"),
        ("zh", 305, "三百零五"),
        ("zh", 110, "一百一十"),
        ("yue", 300, "三百"),
        ("en", 117, "one hundred seventeen"),
        ("en", 40, "forty"),
        ("ja", 150, "百五十"),
        ("ko", 480, "사백팔십"),
    ],
)
def test_a_number_is_written_out_as_its_language_does(language: str, value: int, written: str) -> None:
    assert spell_number(value, language)[1] == written


def test_japanese_numbers_are_read_in_kana() -> None:
    assert spell_number(360, "ja")[0] == "さんびゃくろくじゅう"
    assert spell_digits("90", "ja") == ("きゅう ゼロ", "九〇")


def test_a_template_gives_the_same_filling_in_three_forms() -> None:
    grammar = load_grammar("zh")
    sentence = expand_template("满{round:300-300}减{round:50-50}，好。", grammar, _random(1))
    assert sentence == Sentence("zh", "满三百减五十，好。", "满三百减五十好", "满300减50，好。")


def test_an_order_number_is_spoken_figure_by_figure_and_written_as_figures() -> None:
    sentence = literal_sentence("订单号<202611183574>。", "zh")
    assert sentence.normal == "订单号202611183574。"
    assert sentence.plain == "订单号二零二六一一一八三五七四"
    assert sentence.spoken == "订单号二零二六， 一一一八， 三五七四。"


def test_japanese_is_written_without_spaces_and_spoken_by_its_readings() -> None:
    sentence = literal_sentence("荷物|にもつ は まだ です か 。", "ja")
    assert sentence == Sentence("ja", "にもつ わ まだ です か 。", "荷物はまだですか", "荷物はまだですか。")


def test_english_gets_its_capitals_with_itn_alone() -> None:
    sentence = literal_sentence("hello, i am late.", "en")
    assert (sentence.plain, sentence.normal) == ("hello i am late", "Hello, I am late.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_form_of_any_template_keeps_a_mark_of_the_recipe(language: str) -> None:
    grammar = load_grammar(language)
    random = _random(7)
    sentences = [expand_template(template, grammar, random) for template in [*grammar.templates, *grammar.heldout]]
    sentences += [salad_sentence(grammar, random) for _ in range(50)]
    for sentence in sentences:
        for form in (sentence.spoken, sentence.plain, sentence.normal):
            assert form
            assert not re.search(r"[{}<>#|]", form), form
        assert not re.search(r"[，。？！、,.?!]", sentence.plain), sentence.plain
        assert sentence.spoken.isascii() == (language == "en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_seed_gives_one_salad(language: str) -> None:
    grammar = load_grammar(language)
    assert salad_sentence(grammar, _random(3)) == salad_sentence(grammar, _random(3))


def test_two_sentences_of_one_region_are_joined_as_they_are_written() -> None:
    one, two = literal_sentence("yes.", "en"), literal_sentence("no.", "en")
    assert join_sentences(one, two).normal == "Yes. No."
    one, two = literal_sentence("好的。", "zh"), literal_sentence("再见。", "zh")
    assert join_sentences(one, two).plain == "好的再见"


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_templates_are_no_training_templates(language: str) -> None:
    grammar = load_grammar(language)
    training = {_FILLER.sub("", template) for template in grammar.templates}
    assert training.isdisjoint(_FILLER.sub("", template) for template in grammar.heldout)


def test_no_sample_sentence_can_come_out_of_a_template() -> None:
    patterns = {language: [_as_pattern(template, language) for template in _all(language)] for language in LANGUAGES}
    for call in load_calls():
        for item in call["items"]:
            if "say" not in item:
                continue
            said = re.sub(r"[<>#]", "", item["say"])
            matches = [pattern.pattern for pattern in patterns[call["language"]] if pattern.fullmatch(said)]
            assert not matches, said


def test_every_word_of_the_samples_is_made_of_characters_that_training_hears() -> None:
    for language in LANGUAGES:
        grammar = load_grammar(language)
        material = [*grammar.templates, *grammar.words, *itertools.chain(*grammar.slots.values())]
        known = set("".join(material)) | set("0123456789")
        for call in load_calls():
            if call["language"] == language:
                said = "".join(
                    literal_sentence(item["say"], language).normal for item in call["items"] if "say" in item
                )
                assert set(said.lower()) <= known, set(said.lower()) - known


def _random(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable, not secret


def _all(language: str) -> list[str]:
    grammar = load_grammar(language)
    return [*grammar.templates, *grammar.heldout]


def _as_pattern(template: str, language: str) -> re.Pattern[str]:
    slots = load_grammar(language).slots
    parts = re.split(r"(\{[^}]*\})", template)
    pattern = ""
    for part in parts:
        name = part[1:-1].split(":")[0] if part.startswith("{") else None
        if name is None:
            pattern += re.escape(part)
        elif name in slots:
            pattern += "(?:" + "|".join(re.escape(value) for value in slots[name]) + ")"
        else:
            pattern += r"\d+"
    return re.compile(pattern)
